"""A quick network, a small folder of photos, and a model of them."""

from dataclasses import replace
from pathlib import Path

import pytest
from steps.made import PLAIN, make_folder, network

from whatsit.options import TrainOptions
from whatsit.pipeline import Trained, train
from whatsit.steps import plan


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> TrainOptions:
    """A network of the user's own that takes a millisecond a photo."""
    return replace(PLAIN, backbone=network(tmp_path_factory.mktemp("network")))


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 photos of each of two classes. Read it; to change it, copy it."""
    return make_folder(tmp_path_factory.mktemp("small") / "photos", {"apples": 20, "pears": 20})


@pytest.fixture
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test split of 5 photos will do, so that a few dozen photos are split at all."""
    monkeypatch.setattr(plan, "SMALL_TEST", 5)


@pytest.fixture(scope="session")
def trained(small: Path, quick: TrainOptions, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(small, tmp_path_factory.mktemp("trained") / "fruit model", quick)
