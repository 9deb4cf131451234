"""The model folder: what was saved is what answers; what is damaged or too new is refused in one line."""

import hashlib
import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import whatsit
from model.damage import Copy, refused, rewrite
from whatsit.api import train
from whatsit.errors import ModelFolderError
from whatsit.model.classifier import Classifier
from whatsit.model.format import FILES, FORMAT, ModelFacts

ALL = (FILES.graph, FILES.facts, FILES.labels)


def test_saved_and_loaded_it_gives_the_same_answer(classifier: Classifier, folder: Path, paths: list[str]) -> None:
    again = whatsit.load(folder)
    assert again.facts == classifier.facts
    np.testing.assert_array_equal(again.predict_proba(paths), classifier.predict_proba(paths))


def test_trained_twice_it_is_the_same_byte_for_byte(folder: Path, photos: Path, cache: Path, tmp_path: Path) -> None:
    again = train(photos, tmp_path / "again", cache=cache).folder
    for name in (FILES.graph, FILES.labels, FILES.splits, FILES.predictions, FILES.golden):
        assert (again / name).read_bytes() == (folder / name).read_bytes(), name
    one, two = (json.loads((place / FILES.facts).read_bytes()) for place in (folder, again))
    for values in (one, two):
        del values["created"], values["checksums"][FILES.facts]
    assert one == two


def test_model_json_says_everything(folder: Path) -> None:
    values = json.loads((folder / FILES.facts).read_text(encoding="utf-8"))
    assert set(values) == set(ModelFacts.__dataclass_fields__)
    assert set(values["checksums"]) == {*ALL, FILES.golden}
    assert set(values["backbone"]) == {
        "name",
        "precision",
        "dim",
        "licence",
        "source",
        "fingerprint",
        "precision_reason",
    }
    reached = {"reached", "held_out_precision", "held_out_coverage"}
    assert set(values["unsure"]) == {"threshold", "precision", "similarity"} | reached
    assert set(values["preprocessing"]) == {"size", "fit", "interpolation"}
    assert values["format"] == FORMAT
    assert values["labels"] == (folder / FILES.labels).read_text(encoding="utf-8").splitlines()


def test_the_folder_holds_all_that_is_promised(folder: Path) -> None:
    names = {FILES.graph, FILES.facts, FILES.labels, FILES.splits, FILES.predictions, FILES.report, FILES.golden}
    assert {path.name for path in folder.iterdir()} - {FILES.suspects} == names


def test_it_may_be_moved_or_linked(copy: Copy, tmp_path: Path) -> None:
    moved = copy().rename(tmp_path / "mœved 🐝")
    link = tmp_path / "link"
    link.symlink_to(moved, target_is_directory=True)
    real = (moved / FILES.graph).rename(tmp_path / "blob")
    (moved / FILES.graph).symlink_to(real)
    assert whatsit.load(link).classes_ == ("leaves", "shells", "stones")


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.999])
def test_a_flipped_byte_is_found(name: str, share: float, copy: Copy) -> None:
    path = copy() / name
    data = bytearray(path.read_bytes())
    data[int(share * len(data))] ^= 1
    path.write_bytes(data)
    assert "damaged" in refused(path.parent)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("left", [0.0, 0.5])
def test_a_truncated_file_is_found(name: str, left: float, copy: Copy) -> None:
    path = copy() / name
    data = path.read_bytes()
    path.write_bytes(data[: int(left * len(data))])
    assert "damaged" in refused(path.parent)


@pytest.mark.parametrize("name", ALL)
def test_a_missing_file_is_named(name: str, copy: Copy) -> None:
    folder = copy()
    (folder / name).unlink()
    assert name in refused(folder)


@pytest.mark.parametrize("name", ALL)
def test_what_is_no_regular_file_is_not_opened(name: str, copy: Copy) -> None:
    """A pipe would wait for ever, /dev/zero never end."""
    folder = copy()
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert "not a file" in refused(folder)
    (folder / name).unlink()
    (folder / name).symlink_to("/dev/zero")
    assert "not a file" in refused(folder)
    (folder / name).unlink()
    (folder / name).mkdir()
    assert "not a file" in refused(folder)


@pytest.mark.parametrize("name", ["gone", "x" * 5000, "nul\0", "file"])
def test_what_is_no_model_folder_is_said(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("hello")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelFolderError, match=r"not a model folder .*Make one: whatsit train"):
        whatsit.load(tmp_path / name)
    with pytest.raises(ModelFolderError, match=r"no model.json in it"):
        whatsit.load(tmp_path / "empty")


def test_a_newer_format_is_refused_and_the_upgrade_named(copy: Copy) -> None:
    for version in (FORMAT + 1, 10**3000):
        folder = copy()
        rewrite(folder, partial(dict.update, format=version, labels="other", new=1))
        assert "is newer than this whatsit reads (1). Upgrade: pip install -U whatsit" in refused(folder)


@pytest.mark.parametrize("version", [0, -1, True, 1.0, "1", None, [1]])
def test_a_format_that_is_no_number_is_damage(version: Any, copy: Copy) -> None:
    folder = copy()
    rewrite(folder, lambda values: values.update(format=version))
    assert "damaged" in refused(folder)


@pytest.mark.parametrize("text", ["", "null", "[]", "7", "{}", '{"format": 1}', "[" * 100_000, "\ufeff{}", '"\\ud800"'])
def test_other_json_is_damage(text: str, copy: Copy) -> None:
    folder = copy()
    (folder / FILES.facts).write_text(text, encoding="utf-8")
    assert "damaged" in refused(folder)


def test_the_seal_is_over_every_byte_of_model_json(folder: Path) -> None:
    data = (folder / FILES.facts).read_bytes()
    own = json.loads(data)["checksums"][FILES.facts].encode()
    assert data.count(own) == 1
    assert hashlib.sha256(data.replace(own, b"0" * 64)).hexdigest().encode() == own
