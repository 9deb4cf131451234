"""Splits by the names of folders: other languages, and names that repeat the class."""

from pathlib import Path

import pytest

from dataset.build import tree
from whatsit.data.read import read_dataset
from whatsit.errors import DatasetError


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("Trainingsdaten", "Testdaten"),
        ("training", "validierung"),
        ("entraînement", "test"),
        ("entrenamiento", "prueba"),
        ("datos_entrenamiento", "datos_prueba"),
    ],
)
def test_split_folders_in_other_languages(tmp_path: Path, train: str, test: str) -> None:
    names = [f"{split}/{kind}/{n}.jpg" for split in (train, test) for kind in ("cat", "dog") for n in range(2)]
    dataset = read_dataset(tree(tmp_path, *names))
    assert dataset.classes == ("cat", "dog")
    assert {record.split for record in dataset.records if f"/{train}/" in record.uri} == {"train"}
    assert dataset.has_splits


def test_a_class_may_be_named_again_in_the_splits_below_it(tmp_path: Path) -> None:
    """cat/cat_train and cat/cat_test lost their splits in silence."""
    names = [f"{kind}/{kind}_{split}/{n}.jpg" for kind in ("cat", "dog") for split in ("train", "test") for n in (0, 1)]
    dataset = read_dataset(tree(tmp_path, *names))
    assert all(f"_{record.split}/" in record.uri for record in dataset.records)


def test_the_larger_folder_is_proposed_as_train(tmp_path: Path) -> None:
    names = [f"{top}/{kind}/{n}.jpg" for top, most in (("alt", 2), ("neu", 5)) for kind in "ab" for n in range(most)]
    with pytest.raises(DatasetError, match="--split-folders train=neu,test=alt"):
        read_dataset(tree(tmp_path, *names))


def test_a_train_beside_flat_classes_is_first_proposed_as_a_class(tmp_path: Path) -> None:
    tree(tmp_path, *(f"{folder}/{n}.jpg" for folder in ("Train/steam", "Train/diesel", "Bus", "Car") for n in range(3)))
    with pytest.raises(
        DatasetError, match=r"If all are classes: --top-folders classes\. To leave out .*--skip Bus,Car"
    ):
        read_dataset(tmp_path)


def test_splits_with_a_stray_beside_them_are_first_told_to_skip_it(tmp_path: Path) -> None:
    names = [f"{split}/{kind}/{n}.jpg" for split in ("train", "test") for kind in "ab" for n in range(3)]
    with pytest.raises(DatasetError, match=r"To leave out .*--skip extra\. If all are classes"):
        read_dataset(tree(tmp_path, *names, "extra/a/1.jpg"))


def test_an_address_is_shown_as_it_was_typed() -> None:
    with pytest.raises(DatasetError, match=r"https://example\.invalid/photos\.csv: no such folder or manifest"):
        read_dataset("https://example.invalid/photos.csv")
