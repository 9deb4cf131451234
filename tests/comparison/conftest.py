"""Photos to compare on, and quick ways to teach."""

from dataclasses import replace
from pathlib import Path

import pytest
from steps.made import PLAIN, make_folder, network

from whatsit.config import NetworkOptions, TrainOptions


@pytest.fixture(scope="session")
def fruit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 photos of each of two classes. Read it; to change it, copy it."""
    return make_folder(tmp_path_factory.mktemp("compared") / "fruit", {"apples": 24, "pears": 24})


@pytest.fixture(scope="session")
def probe(tmp_path_factory: pytest.TempPathFactory) -> TrainOptions:
    """On a network of the user's own, which is quick."""
    return replace(PLAIN, backbone=network(tmp_path_factory.mktemp("own")))


@pytest.fixture(scope="session")
def scratch() -> TrainOptions:
    """A network of a few hundred weights."""
    small = NetworkOptions(architecture="cnn-boats", layers=(8,), dense=(), epochs=2)
    return replace(PLAIN, method="scratch", image_size=(24, 24), network=small)
