"""Data sets of several parts, and label dictionaries."""

from pathlib import Path

import pytest

from whatsit.data.read import read_dataset, read_photos
from whatsit.errors import DatasetError

from .build import manifest, tree


def test_separate_manifests(tmp_path: Path) -> None:
    train = manifest(tmp_path / "train.csv", "a.jpg,x\nb.jpg,y\n", "a.jpg", "b.jpg")
    valid = manifest(tmp_path / "eval.csv", "uri,label,split\nc.jpg,y,val\n", "c.jpg")
    dataset = read_dataset(train, valid=valid)
    assert [record.split for record in dataset.records] == ["train", "train", "valid"]
    assert dataset.name == "train"
    assert dataset.has_splits


def test_separate_folders_and_their_tallies(tmp_path: Path) -> None:
    tree(tmp_path, "one/a/1.jpg", "one/b/1.jpg", "one/a/.x", "two/a/1.jpg", "two/b/.x", "two/loose.jpg")
    dataset = read_dataset(str(tmp_path / "one"), test=str(tmp_path / "two"))
    assert [record.split for record in dataset.records] == ["train", "train", "test"]
    assert dataset.skipped == {"class folder without images": 1, "hidden": 2, "no class folder": 1}


def test_a_part_with_its_own_splits_is_refused(tmp_path: Path) -> None:
    tree(tmp_path, "tree/train/a/1.jpg", "tree/train/b/1.jpg", "tree/test/a/1.jpg", "flat/a/1.jpg")
    with pytest.raises(DatasetError, match="given as train, but holds photos for test"):
        read_dataset(tmp_path / "tree", valid=tmp_path / "flat")


def test_a_photo_in_two_parts_is_refused(tmp_path: Path) -> None:
    tree(tmp_path, "a/1.jpg", "b/1.jpg")
    with pytest.raises(DatasetError, match="is listed with two splits, 'train' and 'valid'"):
        read_dataset(tmp_path, valid=tmp_path)


def test_a_part_may_not_bring_new_labels(tmp_path: Path) -> None:
    tree(tmp_path, "one/a/1.jpg", "one/b/1.jpg", "two/c/1.jpg")
    with pytest.raises(DatasetError, match="'c' is in valid or test but not in train"):
        read_dataset(tmp_path / "one", valid=tmp_path / "two")


def test_a_label_dictionary_fixes_the_order(tmp_path: Path) -> None:
    dictionary = tmp_path / "dict.txt"
    dictionary.write_bytes("\ufeffdogs\r\n\r\n Ka\u0308fer \r\ncats".encode())
    root = tree(tmp_path / "photos", "cats/1.jpg", "dogs/1.jpg", "K\u00e4fer/1.jpg")
    assert read_dataset(root, label_dict=dictionary).classes == ("dogs", "K\u00e4fer", "cats")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no labels"),
        (b"\n \n", "no labels"),
        (b"a\nb\na\n", "'a' listed more than once"),
        (b"a\nx\n", "'b' is not in the label dictionary"),
        (b"a\nb\nc\nd\n", "no photos to train on for 'c' and 'd'"),
        (b"\xff", "not UTF-8"),
    ],
)
def test_dictionaries_that_do_not_fit(tmp_path: Path, content: bytes, message: str) -> None:
    dictionary = tmp_path / "dict.txt"
    dictionary.write_bytes(content)
    with pytest.raises(DatasetError) as error:
        read_dataset(tree(tmp_path / "photos", "a/1.jpg", "b/1.jpg"), label_dict=dictionary)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_dictionary_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read"):
        read_dataset(tree(tmp_path / "photos", "a/1.jpg", "b/1.jpg"), label_dict=tmp_path / "gone.txt")


def test_photos_alone_need_no_classes(tmp_path: Path) -> None:
    tree(tmp_path, "one/1.jpg", "one/cat/2.jpg", "one/cat/old/3.jpg", "one/.x")
    dataset = read_photos(tmp_path / "one")
    assert [(Path(r.uri).name, r.label) for r in dataset.records] == [("1.jpg", ""), ("2.jpg", "cat"), ("3.jpg", "cat")]
    assert dataset.classes == ("cat",)
    listed = manifest(tmp_path / "one.csv", "a.jpg,x\nb.jpg,x\na.jpg,x\n", "a.jpg", "b.jpg")
    assert [record.label for record in read_photos(listed).records] == ["x", "x"]
    (tmp_path / "none").mkdir()
    with pytest.raises(DatasetError, match="none/: no images found"):
        read_photos(tmp_path / "none")
