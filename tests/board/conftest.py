"""Small photos of two classes, and a network of the user's own that sees them in a millisecond."""

from dataclasses import replace
from pathlib import Path

import pytest
from steps.made import PLAIN, make_folder, network

from whatsit.options import TrainOptions


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> TrainOptions:
    return replace(PLAIN, backbone=network(tmp_path_factory.mktemp("network")))


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 photos of each of two classes. Read it; to change it, copy it."""
    return make_folder(tmp_path_factory.mktemp("small") / "photos", {"apples": 20, "pears": 20})
