"""Fixtures of the whole: drawn photos and trained models, each made once a session, when first asked for."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from drawn import draw_folder
from hypothesis import settings
from once import made_once, shared_folder
from plugins import Install, install
from serving.running import Running, serving
from steps.made import PLAIN, make_folder, network

from whatsit import notices
from whatsit.api import train
from whatsit.config import TrainOptions
from whatsit.training.run import Trained

settings.register_profile("whatsit", deadline=None)  # no test asserts a time: the machine may do much else
settings.load_profile("whatsit")


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The embedding cache of all tests, so that none touches the user's; processes that tests start inherit it."""
    with pytest.MonkeyPatch.context() as patch:
        folder = shared_folder(tmp_path_factory) / "cache" / "whatsit"
        patch.setenv("WHATSIT_CACHE", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def nothing_left_to_say() -> Iterator[None]:
    """What was left out of the files of one test is not said in another."""
    yield
    notices.taken()


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """90 drawn photos, 30 of each of three classes. Read it; to change it, copy it."""
    return made_once(tmp_path_factory, "photos", lambda folder: draw_folder(folder / "photos"))


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> TrainOptions:
    """A network of the user's own that takes a millisecond a photo."""
    return replace(PLAIN, backbone=made_once(tmp_path_factory, "network", network))


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 photos of each of two classes. Read it; to change it, copy it."""
    counts = {"apples": 20, "pears": 20}
    return made_once(tmp_path_factory, "small", lambda folder: make_folder(folder / "photos", counts))


@pytest.fixture(scope="session")
def model(photos: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Trained on `photos` with the defaults; `model.folder` is the folder. Read it; to change it, copy it."""
    return made_once(tmp_path_factory, "model", lambda folder: train(photos, folder / "photos-model", cache=cache))


@pytest.fixture(scope="session")
def with_thumbnails(photos: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the same model, trained to keep thumbnails. Read it; to change it, copy it."""
    options = TrainOptions(thumbnails=True)
    return made_once(
        tmp_path_factory, "thumbnails", lambda folder: train(photos, folder / "model", options, cache=cache).folder
    )


@pytest.fixture(scope="session")
def server(model: Trained) -> Iterator[Running]:
    """Answers by `model`, keeps nothing, asks for no key. All tests may ask it, so it counts what others asked, too."""
    with serving(model.folder, "--quiet") as running:
        yield running


@pytest.fixture(scope="session")
def small_model(small: Path, quick: TrainOptions, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Trained on `small` on a network that takes a millisecond a photo. Read it; to change it, copy it."""
    return made_once(tmp_path_factory, "small-model", lambda folder: train(small, folder / "fruit model", quick))


@pytest.fixture(scope="session")
def other_small_model(small: Path, quick: TrainOptions, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The same with another head, so that it answers otherwise. Read it; to change it, copy it."""
    options = replace(quick, head="knn")
    return made_once(tmp_path_factory, "other-small-model", lambda folder: train(small, folder / "other", options))


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Writes a package of others and puts it on the path of this process and of those that it starts."""

    def put(package: str, source: str, **parts: dict[str, str]) -> Path:
        folder = install(tmp_path / "site", package, source, {f"whatsit.{kind}": rows for kind, rows in parts.items()})
        monkeypatch.syspath_prepend(folder)
        monkeypatch.setenv("PYTHONPATH", str(folder), prepend=":")
        return folder

    return put
