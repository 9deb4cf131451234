"""Folder trees: which layout, which files, which are passed over and under what reason."""

import os
import unicodedata
from pathlib import Path

import pytest

from whatsit.data.dataset import Dataset, Record
from whatsit.data.read import read_dataset
from whatsit.errors import DatasetError

from .build import photo, tree


def names(dataset: Dataset, root: Path) -> list[str]:
    return [str(Path(record.uri).relative_to(root)) for record in dataset.records]


def test_a_flat_tree(tmp_path: Path) -> None:
    root = tree(tmp_path / "pets", "dogs/2.jpg", "cats/b/deep/3.jpg", "cats/1.jpg", "cats/b/2.jpg")
    dataset = read_dataset(root)
    assert names(dataset, root) == ["cats/1.jpg", "cats/b/2.jpg", "cats/b/deep/3.jpg", "dogs/2.jpg"]
    assert [record.label for record in dataset.records] == ["cats", "cats", "cats", "dogs"]
    assert dataset.classes == ("cats", "dogs")
    assert dataset.name == "pets"
    assert dataset.skipped == {}
    assert dataset.skipped_files == ()
    assert not dataset.has_splits
    assert dataset.records[0] == Record(str(root / "cats/1.jpg"), "cats", None, None)


def test_paths_stay_as_the_user_gave_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path / "pets", "cats/1.jpg", "dogs/1.jpg")
    monkeypatch.chdir(tmp_path)
    assert read_dataset("pets/").records[0].uri == str(Path("pets/cats/1.jpg"))
    monkeypatch.chdir(tmp_path / "pets")
    dataset = read_dataset(".")
    assert dataset.name == "pets"
    assert [record.uri for record in dataset.records] == [str(Path("cats/1.jpg")), str(Path("dogs/1.jpg"))]


@pytest.mark.parametrize(
    ("train", "valid", "test"),
    [("train", "valid", "test"), ("Train", "VAL", "Test"), ("training", "validation", "testing")],
)
def test_a_split_tree(tmp_path: Path, train: str, valid: str, test: str) -> None:
    tree(tmp_path, f"{train}/a/1.jpg", f"{train}/b/1.jpg", f"{valid}/a/2.jpg", f"{test}/b/3.jpg")
    dataset = read_dataset(tmp_path)
    assert dataset.has_splits
    assert dataset.classes == ("a", "b")
    assert {(record.split, record.label) for record in dataset.records} == {
        ("train", "a"),
        ("train", "b"),
        ("valid", "a"),
        ("test", "b"),
    }


def test_train_alone_is_a_tree_without_splits(tmp_path: Path) -> None:
    dataset = read_dataset(tree(tmp_path, "train/a/1.jpg", "train/b/1.jpg"))
    assert dataset.classes == ("a", "b")
    assert not dataset.has_splits


@pytest.mark.parametrize(
    "classes", [("test", "cats"), ("train", "boat"), ("valid", "test"), ("train", "test", "plane")]
)
def test_classes_with_the_names_of_splits(tmp_path: Path, classes: tuple[str, ...]) -> None:
    dataset = read_dataset(tree(tmp_path, *(f"{name}/1.jpg" for name in classes)))
    assert dataset.classes == tuple(sorted(classes))
    assert not dataset.has_splits


def test_content_decides_where_the_name_does_not(tmp_path: Path) -> None:
    root = tree(tmp_path, "a/no_suffix", "a/wrong.txt", "b/1.jpg")
    (root / "a/notes.txt").write_text("my cats")
    (root / "a/none").write_bytes(b"")
    (root / "b/empty.JPG").write_bytes(b"")
    (root / "b/fake.png").write_text("<html>")
    (root / "readme.md").write_text("hello")
    dataset = read_dataset(root)
    assert names(dataset, root) == ["a/no_suffix", "a/wrong.txt", "b/1.jpg", "b/empty.JPG", "b/fake.png"]
    assert dataset.skipped == {"not an image": 3}
    assert [(Path(uri).name, reason) for uri, reason in dataset.skipped_files] == [
        ("none", "not an image"),
        ("notes.txt", "not an image"),
        ("readme.md", "not an image"),
    ]


def test_hidden_files_are_counted_but_not_named(tmp_path: Path) -> None:
    hidden = [
        "a/.DS_Store",
        "a/._1.jpg",
        "a/Thumbs.db",
        "b/desktop.ini",
        "__MACOSX/a/1.jpg",
        ".cache/x/1.jpg",
    ]
    dataset = read_dataset(tree(tmp_path, "a/1.jpg", "b/1.jpg", *hidden))
    assert len(dataset.records) == 2
    assert dataset.skipped == {"hidden": 6}
    assert dataset.skipped_files == ()


def test_photos_beside_the_class_folders_are_passed_over_by_name(tmp_path: Path) -> None:
    root = tree(tmp_path, "loose.jpg", "train/lost.jpg", "train/a/1.jpg", "train/b/1.jpg", "test/a/1.jpg")
    dataset = read_dataset(root)
    assert dataset.skipped == {"no class folder": 2}
    assert [Path(uri).name for uri, _ in dataset.skipped_files] == ["loose.jpg", "lost.jpg"]


def test_an_empty_class_folder_is_no_class_but_is_named(tmp_path: Path) -> None:
    root = tree(tmp_path, "a/1.jpg", "b/1.jpg")
    (root / "c/deeper").mkdir(parents=True)
    dataset = read_dataset(root)
    assert dataset.classes == ("a", "b")
    assert dataset.skipped_files == ((str(root / "c"), "class folder without images"),)


def test_links_are_followed_but_never_in_circles(tmp_path: Path) -> None:
    root = tree(tmp_path / "photos", "a/1.jpg", "b/1.jpg")
    photo(tmp_path / "elsewhere/2.jpg")
    (root / "a/more").symlink_to(tmp_path / "elsewhere")
    (root / "a/again").symlink_to(tmp_path / "elsewhere")
    (root / "a/self").symlink_to(root / "a")
    (root / "b/top").symlink_to(root)
    (root / "b/above").symlink_to(tmp_path)
    (root / "c").symlink_to(tmp_path / "elsewhere")
    dataset = read_dataset(root)
    assert names(dataset, root) == ["a/1.jpg", "a/again/2.jpg", "b/1.jpg", "c/2.jpg"]
    assert dataset.skipped == {"folder linked again": 4}


def test_links_to_nowhere_and_pipes(tmp_path: Path) -> None:
    root = tree(tmp_path, "a/1.jpg", "b/1.jpg")
    (root / "a/lost.jpg").symlink_to(root / "gone.jpg")
    (root / "a/lost").symlink_to(root / "gone")
    (root / "a/circle").symlink_to(root / "a/circle")
    os.mkfifo(root / "b/pipe.jpg")
    dataset = read_dataset(root)
    assert names(dataset, root) == ["a/1.jpg", "a/lost.jpg", "b/1.jpg"]  # lost.jpg is reported when decoded
    assert dataset.skipped == {"broken link": 2, "not a regular file": 1}


def test_any_name_will_do(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "Käfer") for form in ("NFC", "NFD"))
    root = tree(tmp_path, f"{composed}/1.jpg", f"{decomposed}/2 ü.jpg", "🐈 cats/😀 1.jpg", " b /1.jpg")
    dataset = read_dataset(root)
    assert dataset.classes == ("Käfer", "b", "🐈 cats")
    assert sum(record.label == "Käfer" for record in dataset.records) == 2
    assert all(Path(record.uri).is_file() for record in dataset.records)


def test_names_that_do_not_decode(tmp_path: Path) -> None:
    root = tree(tmp_path, "a/1.jpg", os.fsdecode(b"\xe4/\xf6.jpg"), os.fsdecode(b"\xf6/1.jpg"), "two\nlines/1.jpg")
    dataset = read_dataset(root)
    assert dataset.classes == ("\\xe4", "\\xf6", "a", "two\\nlines")
    assert all(Path(record.uri).is_file() for record in dataset.records)
    (root / os.fsdecode(b"bad \xff \n") / " ").mkdir(parents=True)
    with pytest.raises(DatasetError) as error:
        read_dataset(root / os.fsdecode(b"bad \xff \n"))
    str(error.value).encode()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "no images found (looked at 0 files in 1 folder)"),
        (["1.jpg", "2.jpg"], "2 photos, but they are in no class folder, so nobody knows what they show"),
        (["1.jpg"], "1 photo, which is in no class folder"),
        (["train/1.jpg", "test/1.jpg"], "2 photos, but they are in no class folder"),
        (["only/1.jpg", "only/2.jpg"], "only one class, 'only' (2 photos)"),
        (
            ["train/a/1.jpg", "train/b/1.jpg", "test/x/1.jpg", "valid/y/1.jpg"],
            "'x' and 'y' are in valid or test",
        ),
        (["valid/a/1.jpg"], "no train split"),
    ],
)
def test_unusable_folders(tmp_path: Path, files: list[str], message: str) -> None:
    with pytest.raises(DatasetError) as error:
        read_dataset(tree(tmp_path, *files))
    assert message in str(error.value)
    assert str(tmp_path) in str(error.value)
    assert "Expected" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such folder or manifest"):
        read_dataset(tmp_path / "gone")


def test_a_folder_that_cannot_be_opened_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, "a/1.jpg", "b/1.jpg")
    really = os.scandir

    def closed(path: str) -> object:
        if path.endswith("b"):
            raise PermissionError(13, "Permission denied")
        return really(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(DatasetError, match=r"b: the folder cannot be listed \(Permission denied\)"):
        read_dataset(tmp_path)
