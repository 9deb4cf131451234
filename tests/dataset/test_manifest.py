"""CSV manifests: spellings that are read, and mistakes that are named with their line."""

import tarfile
import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from whatsit.config import ReadOptions
from whatsit.data.dataset import Record
from whatsit.data.read import read_dataset
from whatsit.errors import DatasetError

from .build import manifest, photo, tree

TWO = ("a.jpg", "b.jpg")


@pytest.mark.parametrize(
    "text",
    [
        "uri,label\na.jpg,cat\nb.jpg,dog\n",
        "a.jpg,cat\nb.jpg,dog",
        "\ufeffuri,label\r\na.jpg,cat\r\n\r\nb.jpg,dog\r\n",
        "Label, URI ,note\n cat ,a.jpg,x\ndog,b.jpg\n",
        "uri;label;note\na.jpg;cat;1,5\nb.jpg;dog;\n",
        "uri\tlabel\na.jpg\tcat\nb.jpg\tdog\n",
        "a.jpg;cat\nb.jpg;dog\n",
        '"uri","label"\n"a.jpg","cat"\n"b.jpg","dog"\n,\n',
    ],
)
def test_ways_to_write_a_manifest(tmp_path: Path, text: str) -> None:
    path = manifest(tmp_path / "pets.csv", text, *TWO)
    dataset = read_dataset(path)
    assert dataset.records == (Record(str(tmp_path / "a.jpg"), "cat"), Record(str(tmp_path / "b.jpg"), "dog"))
    assert dataset.name == "pets"
    assert dataset.classes == ("cat", "dog")
    assert not dataset.has_splits


def test_rows_keep_their_order_and_quotes_hold(tmp_path: Path) -> None:
    text = 'uri,label\n"b, ""2"".jpg","dog, big"\na.jpg,cat\n'
    dataset = read_dataset(manifest(tmp_path / "m.csv", text, 'b, "2".jpg', "a.jpg"))
    assert [record.label for record in dataset.records] == ["dog, big", "cat"]
    assert dataset.classes == ("cat", "dog, big")


def test_where_uris_lead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    far = photo(tmp_path / "far/1.jpg")
    text = f"../far/1.jpg,a\nimg/2.jpg,b\ngs://bucket/x y.jpg,a\nhttps://host/3.jpg?q=1,b\n{far.parent}/4.jpg,a\n"
    photo(far.parent / "4.jpg")
    manifest(tmp_path / "here/m.csv", text, "img/2.jpg")
    monkeypatch.chdir(tmp_path)
    dataset = read_dataset("here/m.csv")
    assert [record.uri for record in dataset.records] == [
        "here/../far/1.jpg",
        "here/img/2.jpg",
        "gs://bucket/x y.jpg",
        "https://host/3.jpg?q=1",
        f"{far.parent}/4.jpg",
    ]


def test_groups_as_other_tools_write_them(tmp_path: Path) -> None:
    """pandas gives whole numbers a ".0" where a cell is empty, R writes NA for none; a patient stays the same one."""
    groups = ["12.0", "12", " 12", "NA", "nan", "", "1.10", "007"]
    rows = [f"{i}.jpg,{'ab'[i % 2]},{group}" for i, group in enumerate(groups)]
    files = [f"{i}.jpg" for i in range(len(groups))]
    dataset = read_dataset(manifest(tmp_path / "m.csv", "\n".join(["uri,label,group", *rows]), *files))
    assert [record.group for record in dataset.records] == ["12", "12", "12", None, None, None, "1.10", "007"]
    assert "1 photo of group NA taken as of no group" in dataset.notes
    assert "1 photo of group nan taken as of no group" in dataset.notes


def test_splits_and_groups(tmp_path: Path) -> None:
    rows = [
        "a.jpg,x,Training,tom",
        "b.jpg,y,TRAIN,",
        "c.jpg,x,val,",
        "d.jpg,y,Validation,",
        "e.jpg,y,test,ann",
    ]
    text = "\n".join(["uri,label,split,group", *rows])
    dataset = read_dataset(manifest(tmp_path / "m.csv", text, *(f"{c}.jpg" for c in "abcde")))
    assert [record.split for record in dataset.records] == ["train", "train", "valid", "valid", "test"]
    assert [record.group for record in dataset.records] == ["tom", None, None, None, "ann"]
    assert dataset.has_splits


def test_an_empty_split_column_means_none(tmp_path: Path) -> None:
    dataset = read_dataset(manifest(tmp_path / "m.csv", "uri,label,split\na.jpg,x,\nb.jpg,y\n", *TWO))
    assert [record.split for record in dataset.records] == [None, None]


def test_labels_are_compared_in_one_normal_form(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "Käfer") for form in ("NFC", "NFD"))
    text = f"uri,label\na.jpg,{composed}\nb.jpg,{decomposed}\nc.jpg,x\n"
    dataset = read_dataset(manifest(tmp_path / "m.csv", text, "a.jpg", "b.jpg", "c.jpg"))
    assert dataset.classes == ("Käfer", "x")


def test_a_file_name_in_the_other_normal_form_is_found(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "ü.jpg") for form in ("NFC", "NFD"))
    dataset = read_dataset(manifest(tmp_path / "m.csv", f"{composed},x\nb.jpg,y\n", decomposed, "b.jpg"))
    assert Path(dataset.records[0].uri).is_file()


def test_a_row_told_twice_counts_once(tmp_path: Path) -> None:
    dataset = read_dataset(manifest(tmp_path / "m.csv", "a.jpg,x\nb.jpg,y\n./a.jpg,x\nb.jpg,y\n", *TWO))
    assert len(dataset.records) == 2
    assert dataset.skipped == {"listed twice": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no rows (got an empty file)"),
        ("uri,label\n", "no images found (only a header)"),
        ("thing,label\na.jpg,x\n", "no column 'uri' (found 'thing' and 'label')"),
        ("uri,dx,x\na.jpg,x,1\n", "no column 'label' (found 'uri', 'dx' and 'x')"),
        ("uri,dx,x\na.jpg,x,1\n", "Say which it is: --label-column NAME"),
        ("place,kind,fold\na.jpg,x,1\n", "no column 'uri' and 'label' (found 'place', 'kind' and 'fold')"),
        ("path,class,species\na.jpg,x,1\n", "'class' and 'species' could each be the label"),
        ("uri,label,label\na.jpg,x,y\n", "two columns named 'label', and nothing says which counts"),
        ("URI,Label,uri\na.jpg,x,y\n", "two columns named 'uri'"),
        ("uri,label,split\na.jpg,x,0\nb.jpg,y,1\n", "line 2: unknown split '0'"),
        ("uri,label\na.jpg,x\nb.jpg,\n", "line 3: the label is empty"),
        ("uri,label\na.jpg,x\n ,y\n", "line 3: the uri is empty"),
        ("uri,label\na.jpg,x\nb.jpg\n", "line 3: the label is empty"),
        ("a.jpg,x\nb, c.jpg,y\n", "line 2: 3 cells. Expected 2 (uri, label)"),
        ("uri,label,split\na.jpg,x,train\nb.jpg,y,\n", "1 of 2 rows have no split (the first is line 3)"),
        ("uri,label,split\na.jpg,x,train\nb.jpg,y,hold\n", "line 3: unknown split 'hold'"),
        ("uri,label,split\na.jpg,x,test\nb.jpg,y,test\n", "no train split"),
        ("uri,label,split\na.jpg,x,train\nb.jpg,y,test\n", "'y' is in valid or test but not in train"),
        ("a.jpg,x\na.jpg,y\n", "a.jpg is listed with two labels, 'x' and 'y'"),
        (
            "uri,label,split\na.jpg,x,train\na.jpg,x,test\n",
            "a.jpg is listed with two splits, 'train' and 'test'",
        ),
        ("uri,label,group\na.jpg,x,tom\na.jpg,x,ann\n", "a.jpg is listed with two groups, 'tom' and 'ann'"),
        ("a.jpg,x\nb.jpg,x\n", "only one class, 'x' (2 photos)"),
        ('uri,label\na.jpg,"x\nb.jpg,y\n', "line 3: not CSV"),
        ("uri,label\na.jpg,x\ngone.jpg,y\n1,y\n2,y\n3,y\n", "line 3: 4 files of 5 missing"),
        ("thing,kind\na,x\n", "If line 1 is a header, name its columns uri and label"),
        ("uri,label\na.jpg,x\n.,y\n", "1 file of 2 missing"),
        ("uri,label\na.jpg,x\na\0b.jpg,y\n", "line"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, message: str) -> None:
    path = manifest(tmp_path / "m.csv", text, *TWO)
    with pytest.raises(DatasetError) as error:
        read_dataset(path)
    assert message in str(error.value)
    assert str(error.value).startswith(str(path))
    assert "Expected" in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"'gone\.jpg', '1', '2' and 1 more.*--max-missing SHARE"):
        read_dataset(manifest(tmp_path / "m.csv", "a.jpg,x\ngone.jpg,y\n1,y\n2,y\n3,y\n", *TWO))


def test_a_few_missing_files_stay_to_be_listed(tmp_path: Path) -> None:
    names = [f"{n}.jpg" for n in range(20)]
    text = "".join(f"{name},{'xy'[n % 2]}\n" for n, name in enumerate(names))
    dataset = read_dataset(manifest(tmp_path / "m.csv", text + "gone/21.jpg,x\n", *names))
    assert len(dataset.records) == 21
    assert dataset.notes == ("1 file of 21 missing and left out, such as gone/21.jpg (line 21)",)
    with pytest.raises(DatasetError, match="1 file of 21 missing"):
        read_dataset(tmp_path / "m.csv", options=ReadOptions(max_missing=0.01))
    many = manifest(tmp_path / "many.csv", "a.jpg,x\nb.jpg,y\ngone,y\n", *TWO)
    assert len(read_dataset(many, options=ReadOptions(max_missing=0.5)).records) == 3
    nothing = manifest(tmp_path / "nothing.csv", "gone,x\nlost,y\n")
    with pytest.raises(DatasetError, match="2 files of 2 missing"):
        read_dataset(nothing, options=ReadOptions(max_missing=1))


def test_a_few_rows_without_a_label_are_left_out(tmp_path: Path) -> None:
    names = [f"{n}.jpg" for n in range(20)]
    rows = [f"{name},{'xy'[n % 2] if n != 3 else ''}\n" for n, name in enumerate(names)]
    dataset = read_dataset(manifest(tmp_path / "m.csv", "".join(rows), *names))
    assert len(dataset.records) == 19
    assert (dataset.skipped, dataset.skipped_files) == ({"no label": 1}, (("3.jpg", "no label"),))
    assert dataset.notes == ("1 row without a label left out, the first in line 4",)


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\nuri;label\na.jpg;x\nb.jpg;y\n",
        "# exported by hand\nuri,label\na.jpg,x\nb.jpg,y\n",
        "uri,label\n./a.jpg,x\n.\\b.jpg,y\n",
    ],
)
def test_what_stands_above_a_header_or_before_a_name(tmp_path: Path, text: str) -> None:
    dataset = read_dataset(manifest(tmp_path / "m.csv", text, *TWO))
    assert dataset.records == (Record(str(tmp_path / "a.jpg"), "x"), Record(str(tmp_path / "b.jpg"), "y"))


def test_backslashes_of_windows_are_read(tmp_path: Path) -> None:
    dataset = read_dataset(manifest(tmp_path / "m.csv", "in\\a.jpg,x\nin\\b.jpg,y\n", "in/a.jpg", "in/b.jpg"))
    assert [record.uri for record in dataset.records] == [str(tmp_path / "in/a.jpg"), str(tmp_path / "in/b.jpg")]


def test_file_uris_are_found(tmp_path: Path) -> None:
    one, two = (photo(tmp_path / "fär away" / name) for name in TWO)
    dataset = read_dataset(manifest(tmp_path / "m.csv", f"{one.as_uri()},x\nfile://{two},y\n"))
    assert [record.uri for record in dataset.records] == [str(one), str(two)]
    gone = manifest(tmp_path / "gone.csv", f"{one.as_uri()},x\nfile://{tmp_path}/gone.jpg,y\n")
    with pytest.raises(DatasetError, match="1 file of 2 missing"):
        read_dataset(gone)


def test_names_without_their_suffix_are_found(tmp_path: Path) -> None:
    dataset = read_dataset(manifest(tmp_path / "m.csv", "Id,Category\nin/a,x\nin/b,y\n", "in/a.jpg", "in/b.PNG"))
    assert [Path(record.uri).name for record in dataset.records] == ["a.jpg", "b.PNG"]
    assert any("2 paths without a suffix" in note for note in dataset.notes)
    photo(tmp_path / "in/a.png")
    with pytest.raises(DatasetError, match="1 file of 2 missing: 'in/a'"):
        read_dataset(tmp_path / "m.csv")


@pytest.mark.parametrize(
    "header",
    [
        ("filename", "class"),
        ("file_name", "label"),
        ("image_id", "Category"),
        ("IMAGE_PATH", "Species"),
        ("path", "label"),
    ],
)
def test_usual_names_of_columns_are_read_and_said(tmp_path: Path, header: tuple[str, str]) -> None:
    dataset = read_dataset(manifest(tmp_path / "m.csv", f"{','.join(header)},age\na.jpg,x,1\nb.jpg,y,2\n", *TWO))
    assert dataset.classes == ("x", "y")
    said = f"column '{header[0].lower()}' is read as the path" in "".join(dataset.notes)
    assert said == (header[0].lower() != "path")  # a name that says it needs no note
    assert dataset.notes[-1] == "column 'age' is not used"


def test_columns_as_asked_for(tmp_path: Path) -> None:
    text = "where,what,Set,site,uri,label\na.jpg,x,Training,1,no,no\nb.jpg,y,TRAIN,1,no,no\nc.jpg,x,dev,2,no,no\n"
    asked = ReadOptions(path_column="where", label_column="What", split_column="set", group_column="site")
    dataset = read_dataset(manifest(tmp_path / "m.csv", text, *TWO, "c.jpg"), options=asked)
    assert [(Path(r.uri).name, r.label, r.split, r.group) for r in dataset.records] == [
        ("a.jpg", "x", "train", "1"),
        ("b.jpg", "y", "train", "1"),
        ("c.jpg", "x", "valid", "2"),
    ]
    assert dataset.notes == ("columns 'uri' and 'label' are not used",)
    with pytest.raises(DatasetError, match=r"no column 'patient'. Expected one of those found: 'where', 'what'"):
        read_dataset(tmp_path / "m.csv", options=replace(asked, group_column="patient"))
    with pytest.raises(DatasetError, match="one column for path and label"):
        read_dataset(tmp_path / "m.csv", options=ReadOptions(path_column="label"))


@pytest.mark.parametrize(
    ("column", "advice"),
    [
        ("is_valid", "--split-column is_valid"),
        ("subset", "--split-column subset"),
        ("set", "--split-column set"),
        ("fold", "--split-column fold"),
        ("usage", "--split-column usage"),
        ("site", "--group-column site"),
        ("patient_id", "--group-column patient_id"),
        ("width", "column 'width' is not used"),
    ],
)
def test_columns_that_are_not_used_are_said(tmp_path: Path, column: str, advice: str) -> None:
    rows = "".join(f"{n}.jpg,{'xy'[n % 2]},{n % 3}\n" for n in range(6))
    dataset = read_dataset(manifest(tmp_path / "m.csv", f"uri,label,{column}\n{rows}", *(f"{n}.jpg" for n in range(6))))
    (note,) = dataset.notes
    assert f"column '{column}' is not used" in note
    assert advice in note


@pytest.mark.parametrize(
    ("column", "words", "splits"),
    [
        ("is_valid", "False,True", ["train", "valid"]),
        ("is_test", "0,1", ["train", "test"]),
        ("set", "train,holdout", ["train", "test"]),
        ("phase", "TRAIN,Val", ["train", "valid"]),
        ("part", "trainset,testset", ["train", "test"]),
    ],
)
def test_words_of_a_split_column(tmp_path: Path, column: str, words: str, splits: list[str]) -> None:
    names = [f"{n}.jpg" for n in range(4)]
    rows = "".join(f"{name},{'xy'[n % 2]},{words.split(',')[n // 2]}\n" for n, name in enumerate(names))
    path = manifest(tmp_path / "m.csv", f"uri,label,{column}\n{rows}", *names)
    dataset = read_dataset(path, options=ReadOptions(split_column=column))
    assert [record.split for record in dataset.records] == [splits[0]] * 2 + [splits[1]] * 2


def test_folds_of_the_user(tmp_path: Path) -> None:
    names = [f"{n}.jpg" for n in range(6)]
    rows = "".join(f"{name},{'xy'[n % 2]},{n // 2}\n" for n, name in enumerate(names))
    path = manifest(tmp_path / "m.csv", f"uri,label,fold\n{rows}", *names)
    dataset = read_dataset(path, options=ReadOptions(split_column="fold"))
    assert [(record.split, record.fold) for record in dataset.records] == [(None, n // 2) for n in range(6)]
    assert not dataset.has_splits


OWN = "uri,label,split,sha256,left_out,group,component"


def test_the_table_of_a_model_is_a_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its paths are those of the folder where it was trained; what it left out stays so."""
    rows = [
        "p/a.jpg,x,fold 1,1,,,0",
        "p/b.jpg,y,fold 2,2,,,1",
        "p/c.jpg,x,,,not an image: text that starts with 'junk',,",
        "n.txt,,,,,,",
    ]
    path = manifest(tmp_path / "one-model" / "splits.csv", "\n".join([OWN, *rows]))
    tree(tmp_path, "p/a.jpg", "p/b.jpg")
    dataset = read_dataset(path)  # beside the model folder
    assert [(record.uri, record.fold) for record in dataset.records] == [
        (str(tmp_path / "p/a.jpg"), 1),
        (str(tmp_path / "p/b.jpg"), 2),
    ]
    assert dataset.skipped == {"left out before": 2}
    assert ("p/c.jpg", "not an image: text that starts with 'junk'") in dataset.skipped_files
    monkeypatch.chdir(tmp_path)
    assert [record.uri for record in read_dataset("one-model/splits.csv").records] == ["p/a.jpg", "p/b.jpg"]


def test_what_was_held_out_to_choose_on_is_so_again(tmp_path: Path) -> None:
    names = [f"{n}.jpg" for n in range(6)]
    words = ["train", "train", "held-out", "held-out", "valid", "valid"]
    rows = [f"{name},{'xy'[n % 2]},{words[n]},{n},,," for n, name in enumerate(names)]
    dataset = read_dataset(manifest(tmp_path / "splits.csv", "\n".join([OWN, *rows]), *names))
    assert [record.split for record in dataset.records] == ["train"] * 2 + ["valid"] * 2 + ["test"] * 2
    assert "held out to choose on are valid" in dataset.notes[0]


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes("Käfer,x".encode("latin-1"))
    with pytest.raises(DatasetError, match="not UTF-8"):
        read_dataset(path)


def test_excels_unicode_text_is_read(tmp_path: Path) -> None:
    tree(tmp_path, *TWO)
    (tmp_path / "m.txt").write_bytes("uri\tlabel\na.jpg\tKäfer\nb.jpg\ty\n".encode("utf-16"))
    assert read_dataset(tmp_path / "m.txt").classes == ("Käfer", "y")


def _zipped(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return path


def _tarred(path: Path, mode: Literal["w", "w:gz"]) -> Path:
    with tarfile.open(path, mode) as archive:
        archive.add(photo(path.parent / "in.jpg"), "in.jpg")
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: _zipped(folder / "a.zip", "cat/1.jpg"), "a zip archive. Unpack it (unzip"),
        (lambda folder: _zipped(folder / "a.xlsx", "xl/workbook.xml"), "a spreadsheet. Save it as CSV"),
        (lambda folder: _zipped(folder / "a.npz", "x.npy", "y.npy"), "NumPy arrays (npz)"),
        (lambda folder: _tarred(folder / "a.tar", "w"), "a tar archive. Unpack it (tar -xf"),
        (lambda folder: _tarred(folder / "a.tgz", "w:gz"), "a gzip file. Unpack it (tar -xzf"),
        (lambda folder: photo(folder / "a.jpg"), "a photo (JPEG). Name the folder"),
        (lambda folder: manifest(folder / "a.json", '{"images": []}'), "JSON"),
        (lambda folder: manifest(folder / "a.bin", "\0\1" * 100), "not a text file"),
    ],
)
def test_what_is_no_table_is_said_by_name(tmp_path: Path, make: Callable[[Path], Path], words: str) -> None:
    with pytest.raises(DatasetError) as error:
        read_dataset(make(tmp_path))
    assert words in str(error.value)
    assert "Expected a folder of class folders" in str(error.value)


def test_a_parquet_file_is_sent_to_where_it_belongs(tmp_path: Path) -> None:
    (tmp_path / "v.parquet").write_bytes(b"PAR1" + bytes(100))
    with pytest.raises(DatasetError, match=r"a Parquet file.*whatsit train --embeddings .*v\.parquet"):
        read_dataset(tmp_path / "v.parquet")


def test_data_elsewhere_is_not_fetched(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"data is not fetched. Download it first"):
        read_dataset("https://example.invalid/photos.csv")
