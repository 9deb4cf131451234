"""Where a model is written, and what is never overwritten."""

import shutil
from pathlib import Path

import pytest
from steps.made import save

from whatsit.api import evaluate, train
from whatsit.config import TrainOptions
from whatsit.errors import DatasetError, WhatsitError
from whatsit.files import default_folder, folder_written_atomically
from whatsit.model.classifier import Classifier
from whatsit.model.format import FILES

from .given import split_folder

pytestmark = pytest.mark.slow


def test_default_folders(small: Path, quick: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert default_folder("pets") == Path("pets-model")
    trained = train(small, options=quick)
    assert trained.folder == Path("photos-model")
    examined = evaluate("photos-model", small)
    assert examined.folder == Path("photos-on-photos")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos-model", "photos-on-photos"]


def test_an_existing_folder_is_kept_before_any_work(small: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / FILES.facts).write_text("mine", encoding="utf-8")
    unknown = TrainOptions(backbone="no such backbone")  # were it looked at, the error would be another
    with pytest.raises(WhatsitError, match=r"model exists. Name another with --output, or replace it with --force"):
        train(small, tmp_path / "model", unknown)
    assert (tmp_path / "model" / FILES.facts).read_text(encoding="utf-8") == "mine"


def test_overwrite_replaces_a_model_folder(small: Path, quick: TrainOptions, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    for name in (FILES.facts, "old.txt"):
        (tmp_path / "model" / name).write_text("old", encoding="utf-8")
    trained = train(small, tmp_path / "model", quick, overwrite=True)
    assert not (trained.folder / "old.txt").exists()
    assert Classifier.load(trained.folder).classes_ == ("apples", "pears")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_overwrite_never_replaces_photos(small: Path, quick: TrainOptions, tmp_path: Path) -> None:
    photos = shutil.copytree(small, tmp_path / "photos")
    with pytest.raises(WhatsitError, match=r"photos: has no model.json, so it is not replaced"):
        train(photos, photos, quick, overwrite=True)
    assert len(list(photos.rglob("*.jpg"))) == 40


def test_an_error_in_mid_write_leaves_nothing(tmp_path: Path) -> None:
    def write(target: Path, error: BaseException) -> None:
        with folder_written_atomically(target, overwrite=True) as fresh:
            (fresh / FILES.graph).write_bytes(b"half of it")
            raise error

    for error in (KeyboardInterrupt(), RuntimeError("broken"), OSError(28, "No space left on device")):
        with pytest.raises((type(error), WhatsitError)):
            write(tmp_path / "model", error)
        assert list(tmp_path.iterdir()) == []


def test_an_error_in_mid_write_leaves_the_old_folder(
    small: Path, quick: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = train(small, tmp_path / "model", quick)
    before = {path.name: path.read_bytes() for path in trained.folder.iterdir()}

    def kill(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("whatsit.training.save.render_report", kill)
    with pytest.raises(KeyboardInterrupt):
        train(small, tmp_path / "model", quick, overwrite=True)
    assert {path.name: path.read_bytes() for path in trained.folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_labels_that_train_lacks_are_an_error(quick: TrainOptions, tmp_path: Path) -> None:
    photos = split_folder(tmp_path / "photos", {"train": 6, "test": 2})
    save(photos / "test" / "plums" / "0.jpg", 2, 0)
    with pytest.raises(DatasetError, match=r"'plums' is in valid or test but not in train"):
        train(photos, tmp_path / "model", quick)
    assert not (tmp_path / "model").exists()


def test_a_folder_that_another_process_wrote_meanwhile_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "model"

    def write() -> None:
        with folder_written_atomically(target, overwrite=False) as fresh:
            (fresh / "mine.txt").write_text("mine")
            target.mkdir()
            (target / "theirs.txt").write_text("theirs")

    with pytest.raises(WhatsitError, match=r"model: another process wrote it meanwhile\. Name another with --output"):
        write()
    assert [path.name for path in tmp_path.rglob("*")] == ["model", "theirs.txt"]
