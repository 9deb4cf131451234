"""A model of a quick network and a small folder of photos."""

from pathlib import Path

import pytest

from whatsit.api import train
from whatsit.config import TrainOptions
from whatsit.training import splits as plan
from whatsit.training.run import Trained


@pytest.fixture
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test split of 5 photos will do, so that a few dozen photos are split at all."""
    monkeypatch.setattr(plan, "SMALL_TEST", 5)


@pytest.fixture(scope="session")
def trained(small: Path, quick: TrainOptions, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(small, tmp_path_factory.mktemp("trained") / "fruit model", quick)
