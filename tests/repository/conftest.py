"""Small trained models to keep versions of: the same photos learned twice, and other photos of other classes."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from steps.made import PLAIN, make_folder, network

from whatsit.api import train
from whatsit.config import TrainOptions
from whatsit.model.format import CHECKED, FILES
from whatsit.model.versions.store import Repository


@pytest.fixture(scope="session")
def options(tmp_path_factory: pytest.TempPathFactory) -> TrainOptions:
    return TrainOptions(backbone=network(tmp_path_factory.mktemp("own")), resize_mode=PLAIN.resize_mode)


@pytest.fixture(scope="session")
def fruit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 photos of each of two classes. Read it; to change it, copy it."""
    return make_folder(tmp_path_factory.mktemp("fruit") / "fruit", {"apples": 12, "pears": 12})


@pytest.fixture(scope="session")
def model(fruit: Path, options: TrainOptions, cache: Path) -> Path:
    """A model folder with blanks and an umlaut in its path. Read it; to change it, copy it."""
    return train(fruit, fruit.parent / "Äpfel und Birnen", options, cache=cache).folder


@pytest.fixture(scope="session")
def second(fruit: Path, options: TrainOptions, cache: Path) -> Path:
    """The same photos, learned otherwise."""
    return train(fruit, fruit.parent / "second", replace(options, head="knn", seed=1), cache=cache).folder


@pytest.fixture(scope="session")
def plums(tmp_path_factory: pytest.TempPathFactory, options: TrainOptions, cache: Path) -> Path:
    """Other photos, of apples and plums; `plums/photos` are they."""
    photos = make_folder(tmp_path_factory.mktemp("plums") / "photos", {"apples": 12, "plums": 12}, first_seed=100)
    return train(photos, photos.parent / "plums", options, cache=cache).folder


@pytest.fixture
def copy(model: Path, tmp_path: Path) -> Path:
    """The files of the model folder that model.json lists, and itself, to change or damage."""
    fresh = tmp_path / "copy"
    fresh.mkdir()
    for name in (FILES.facts, *CHECKED, FILES.golden):
        shutil.copy(model / name, fresh / name)
    return fresh


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Empty, in a folder that is not there yet."""
    return Repository(tmp_path / "models")
