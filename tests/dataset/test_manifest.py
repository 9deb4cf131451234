"""CSV manifests: spellings that are read, and mistakes that are named with their line."""

import unicodedata
from pathlib import Path

import pytest

from whatsit.dataset import Record, read_dataset
from whatsit.errors import DatasetError

from .build import manifest, photo

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
        ("filename,label\na.jpg,x\n", "no column 'uri' (found 'filename' and 'label')"),
        ("uri,class,x\na.jpg,x,1\n", "no column 'label' (found 'uri', 'class' and 'x')"),
        ("image,class,fold\na.jpg,x,1\n", "no column 'uri' and 'label' (found 'image', 'class' and 'fold')"),
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
        ("image,class\na.jpg,x\n", "If line 1 is a header, name its columns uri and label"),
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
    with pytest.raises(DatasetError, match=r"gone\.jpg', '.*/1', '.*/2' and 1 more"):
        read_dataset(manifest(tmp_path / "m.csv", "a.jpg,x\ngone.jpg,y\n1,y\n2,y\n3,y\n", *TWO))


@pytest.mark.parametrize("content", ["Käfer,x".encode("latin-1"), "uri,label".encode("utf-16")])
def test_other_encodings_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match="not UTF-8"):
        read_dataset(path)


def test_a_photo_is_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="not UTF-8"):
        read_dataset(photo(tmp_path / "1.jpg"))
