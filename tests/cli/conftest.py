"""A small trained model, and photos to show it."""

from pathlib import Path

import pytest
from steps.made import PLAIN, make_folder, network

from whatsit.api import train
from whatsit.config import TrainOptions

from .shell import Shell


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    return Shell(capsys, monkeypatch)


@pytest.fixture(scope="session")
def own(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A network of the user's own, which is quick."""
    return network(tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="session")
def fruit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 photos of each of two classes. Read it; to change it, copy it."""
    return make_folder(tmp_path_factory.mktemp("fruit") / "fruit", {"apples": 12, "pears": 12})


@pytest.fixture(scope="session")
def fruit_model(fruit: Path, own: str, cache: Path) -> Path:
    """A model folder with a blank in its path."""
    options = TrainOptions(backbone=own, resize_mode=PLAIN.resize_mode)
    return train(fruit, fruit.parent / "fruit model", options, cache=cache).folder


@pytest.fixture
def new(tmp_path: Path) -> Path:
    """`new/`: two good photos, in different folders but of one name, a bad one between them, and no photo."""
    make_folder(tmp_path / "new", {"a": 1, "z": 1}, first_seed=300)
    (tmp_path / "new" / "bad.jpg").write_bytes(b"")
    (tmp_path / "new" / "notes.txt").write_text("no photo", encoding="utf-8")
    (tmp_path / "new" / ".hidden.jpg").write_bytes(b"")
    return tmp_path / "new"
