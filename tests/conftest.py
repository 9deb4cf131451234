"""Fixtures of the whole: drawn photos and one trained model, each made once a session, when first asked for."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from drawn import draw_folder
from hypothesis import settings
from steps.made import PLAIN, make_folder, network

from whatsit import notices as notes
from whatsit.api import train
from whatsit.config import TrainOptions
from whatsit.training.run import Trained

settings.register_profile("whatsit", deadline=None)  # no test asserts a time: the machine may do much else
settings.load_profile("whatsit")


@pytest.fixture(scope="session", autouse=True)
def cache() -> Iterator[Path]:
    """The embedding cache of all tests, so that none touches the user's; processes that tests start inherit it."""
    with tempfile.TemporaryDirectory() as scratch, pytest.MonkeyPatch.context() as patch:
        folder = Path(scratch) / "whatsit"
        patch.setenv("WHATSIT_CACHE", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def nothing_left_to_say() -> Iterator[None]:
    """What was left out of the files of one test is not said in another."""
    yield
    notes.taken()


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """90 drawn photos, 30 of each of three classes. Read it; to change it, copy it."""
    folder: Path = tmp_path_factory.mktemp("drawn")
    return draw_folder(folder / "photos")


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> TrainOptions:
    """A network of the user's own that takes a millisecond a photo."""
    return replace(PLAIN, backbone=network(tmp_path_factory.mktemp("network")))


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 photos of each of two classes. Read it; to change it, copy it."""
    return make_folder(tmp_path_factory.mktemp("small") / "photos", {"apples": 20, "pears": 20})


@pytest.fixture(scope="session")
def model(photos: Path, cache: Path) -> Trained:
    """Trained on `photos` with the defaults; `model.folder` is the folder. Read it; to change it, copy it."""
    return train(photos, photos.parent / "photos-model", cache=cache)
