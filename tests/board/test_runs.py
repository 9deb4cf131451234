"""Where a run's files go, and what is refused before long work."""

import importlib.util
from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
from steps.made import PLAIN

from whatsit.api import train
from whatsit.errors import MissingExtraError, WhatsitError
from whatsit.training.tensorboard.run import check_board, run_folder


def test_runs_are_numbered(tmp_path: Path) -> None:
    names = [run_folder(tmp_path / "new", "pets", method).name for method in ("probe", "probe", "scratch")]
    assert names == ["pets-probe-1", "pets-probe-2", "pets-scratch-1"]


@pytest.mark.parametrize(
    ("name", "part"), [("../up", "_up"), ("a/b c", "a_b_c"), ("..", "photos"), ("Blüten", "Blüten")]
)
def test_a_name_is_one_part_of_a_path(tmp_path: Path, name: str, part: str) -> None:
    assert run_folder(tmp_path, name, "probe") == (tmp_path / f"{part}-probe-1").resolve()


def test_a_training_goes_on_in_its_own_run(tmp_path: Path) -> None:
    training, other = tmp_path / "a.training", tmp_path / "b.training"
    training.mkdir()
    other.mkdir()
    first = run_folder(tmp_path / "board", "pets", "scratch", training)
    assert run_folder(tmp_path / "board", "pets", "scratch", training) == first
    assert run_folder(tmp_path / "board", "pets", "scratch", other) != first
    elsewhere = run_folder(tmp_path / "elsewhere", "pets", "scratch", training)
    assert elsewhere.parent == (tmp_path / "elsewhere").resolve()
    elsewhere.rmdir()
    assert run_folder(tmp_path / "elsewhere", "pets", "scratch", training).is_dir()


def test_a_folder_that_cannot_be_is_refused_before_long_work(small: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(WhatsitError, match=r"^cannot write .*file: "):
        train(small, tmp_path / "model", replace(PLAIN, tensorboard=str(tmp_path / "file")))
    assert not (tmp_path / "model").exists()


def test_checking_leaves_nothing(tmp_path: Path) -> None:
    check_board(tmp_path / "board")
    assert list((tmp_path / "board").iterdir()) == []


def test_without_the_extra_it_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec

    def without(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "tensorboard" else found(name, package)

    monkeypatch.setattr("whatsit.training.tensorboard.run.find_spec", without)
    with pytest.raises(MissingExtraError, match=r"^tensorboard is not installed. Install it: .*whatsit\[networks\]"):
        check_board(tmp_path / "board")
    assert not (tmp_path / "board").exists()
