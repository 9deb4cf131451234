"""A model trained once, as a user would, on photos drawn here."""

from pathlib import Path

import pytest
from drawn import draw_folder

from whatsit.model.classifier import Classifier
from whatsit.options import TrainOptions
from whatsit.pipeline import Trained, train


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`<class>/<number>.jpg`: 20 photos of each of three classes."""
    return draw_folder(tmp_path_factory.mktemp("drawn") / "photos", 20)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def trained(photos: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Of 32 bits and cropped, so that it is the same on every machine."""
    options = TrainOptions(bits="float32", fit="crop")
    return train(photos, tmp_path_factory.mktemp("models") / "drawn", options, cache=cache)


@pytest.fixture(scope="session")
def folder(trained: Trained) -> Path:
    return trained.folder


@pytest.fixture(scope="session")
def classifier(trained: Trained) -> Classifier:
    return trained.classifier
