"""Tables of one column for each class, and rows without a header: read where unmistakable, else refused."""

from collections import Counter
from pathlib import Path

import pytest

from dataset.build import manifest
from whatsit.config import ReadOptions
from whatsit.data.read import read_dataset
from whatsit.errors import DatasetError

NAMES = [f"{n}.jpg" for n in range(12)]
KINDS = ("cat", "Dog", "fox")
SPLITS = ("TRAIN", "VALIDATION", "TEST")


def write(folder: Path, head: str, row: str) -> Path:
    """row: with {n}, {kind}, {hot} (one 1 of three), {split}, {dot} (1.0), {true}; twelve times."""
    rows = []
    for n in range(12):
        hot = [int(n % 3 == k) for k in range(3)]
        made = {
            "n": n,
            "kind": KINDS[n % 3],
            "hot": ",".join(map(str, hot)),
            "dot": ", ".join(f"{one}.0" for one in hot),
            "true": ";".join(str(bool(one)) for one in hot),
            "split": SPLITS[n // 3 % 3],
            "first": int(n == 0),
        }
        rows.append(row.format(**made))
    return manifest(folder / "m.csv", "\n".join([*([head] if head else []), *rows]), *NAMES)


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("filename, cat, Dog, fox", "{n}.jpg, {dot}"),
        ("image,cat,Dog,fox", "{n},{hot}"),
        ("uri;cat;Dog;fox", "{n}.jpg;{true}"),
        (",file,cat,Dog,fox", "{n},{n}.jpg,{hot}"),
        ("file,cat,Dog,fox,is_valid,age", "{n}.jpg,{hot},{first},{n}"),
    ],
)
def test_one_column_for_each_class(tmp_path: Path, head: str, row: str) -> None:
    dataset = read_dataset(write(tmp_path, head, row))
    assert [record.label for record in dataset.records] == [KINDS[n % 3] for n in range(12)]
    assert any("columns 'cat', 'Dog' and 'fox' are read as the classes" in note for note in dataset.notes)


def test_a_class_that_is_named_like_a_split_is_a_class(tmp_path: Path) -> None:
    assert read_dataset(write(tmp_path, "file,bus,car,train", "{n}.jpg,{hot}")).classes == ("bus", "car", "train")


def test_one_column_for_each_class_beside_a_split(tmp_path: Path) -> None:
    dataset = read_dataset(write(tmp_path, "file,split,cat,Dog,fox", "{n}.jpg,{split},{hot}"))
    assert Counter(record.split for record in dataset.records) == {"train": 6, "valid": 3, "test": 3}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("0.jpg,1,0,0", "0.jpg,1,1,0"), "line 2: 'cat' and 'Dog' in one photo (1 row of 12 with several classes)"),
        ((",1,0,0", ",0,0,0"), "line 2: no class has a 1 (4 of 12 rows; looked at 'cat', 'Dog' and 'fox')"),
        (("cat,Dog", "Dog,Dog"), "two columns named 'Dog'"),
        (("0.jpg,1,0,0", "0.jpg,0.5,0.5,0"), "no column 'label'"),
    ],
)
def test_rows_of_several_classes_or_none_are_refused(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    path = write(tmp_path, "file,cat,Dog,fox", "{n}.jpg,{hot}")
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(DatasetError) as error:
        read_dataset(path)
    assert message in str(error.value)
    assert "Expected" in str(error.value)


def test_a_row_of_no_class_has_no_label(tmp_path: Path) -> None:
    path = write(tmp_path, "file,cat,Dog,fox", "{n}.jpg,{hot}")
    path.write_text(path.read_text().replace("\n0.jpg,1,0,0", "\n0.jpg,0,0,0"))
    dataset = read_dataset(path)
    assert dataset.skipped == {"no label": 1}
    assert len(dataset.records) == 11


def test_one_class_against_the_rest_as_asked(tmp_path: Path) -> None:
    path = write(tmp_path, "file,cat,Dog,fox", "{n}.jpg,{hot}")
    assert read_dataset(path, options=ReadOptions(label_column="Dog")).classes == ("0", "1")


@pytest.mark.parametrize(
    ("row", "splits"),
    [
        ("{split},{n}.jpg,{kind}", {"train": 6, "valid": 3, "test": 3}),
        ("{n}.jpg,{kind},{split}", {"train": 6, "valid": 3, "test": 3}),
        ("{n}.jpg;{split};{kind}", {"train": 6, "valid": 3, "test": 3}),
        ("{split},gs://bucket/{n}.jpg,{kind}", {"train": 6, "valid": 3, "test": 3}),
        ("UNASSIGNED,{n}.jpg,{kind}", {None: 12}),
        (",{n}.jpg,{kind}", {None: 12}),
        ("{n}\t{n}.jpg\t{kind}", {None: 12}),
        ("{kind},{n}.jpg", {None: 12}),
        ("{n}.jpg {kind}", {None: 12}),
    ],
)
def test_rows_without_a_header(tmp_path: Path, row: str, splits: dict[str | None, int]) -> None:
    dataset = read_dataset(write(tmp_path, "", row))
    assert [record.label for record in dataset.records] == [KINDS[n % 3] for n in range(12)]
    assert Counter(record.split for record in dataset.records) == splits


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{split},{n}.jpg,{kind},{kind}2", "2 columns could be the label, such as 'cat' and 'cat2'"),
        ("{split},{n}.jpg,{kind},0.1,0.2,,,0.3,0.4", "boxes for object detection"),
        ("{split},{n}.jpg", "no column of labels (found 'TRAIN' and '0.jpg')"),
        ("{n}.jpg,{hot}", "3 columns could be the label"),
        ("{n}.jpg,{n}.jpg,{kind}", "more than one column holds paths"),
    ],
)
def test_rows_without_a_header_that_could_be_misread(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(DatasetError) as error:
        read_dataset(write(tmp_path, "", row))
    assert message in str(error.value)
    assert "Expected" in str(error.value)


def test_some_unassigned_rows_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "", "{split},{n}.jpg,{kind}")
    path.write_text(path.read_text().replace("TEST", "UNASSIGNED"))
    with pytest.raises(DatasetError, match="3 of 12 rows have no split"):
        read_dataset(path)


def test_a_header_of_two_unknown_words_is_no_photo(tmp_path: Path) -> None:
    """It counted as a missing photo of the class Klasse."""
    dataset = read_dataset(write(tmp_path, "Dateiname,Klasse", "{n}.jpg,{kind}"))
    assert dataset.classes == ("Dog", "cat", "fox")
    assert dataset.notes[0].startswith("column 'Dateiname' is read as the path and column 'Klasse' as the label")


@pytest.mark.parametrize(
    ("labels", "hint"),
    [
        (("1", "01", "2"), "classes '1' and '01' differ in spelling alone"),
        (("1", "1.0", "2"), "classes '1' and '1.0' differ in spelling alone"),
        (("cat", "dog", "cat|dog"), "'cat|dog' is read as a class of its own (4 photos), though 'cat' and 'dog' are"),
    ],
)
def test_labels_that_are_one_or_several_are_pointed_out(tmp_path: Path, labels: tuple[str, ...], hint: str) -> None:
    text = "".join(f"{n}.jpg,{labels[n % 3]}\n" for n in range(12))
    dataset = read_dataset(manifest(tmp_path / "m.csv", f"uri,label\n{text}", *NAMES))
    assert any(hint in note for note in dataset.notes), dataset.notes
