"""A model of a quick network and a small folder of photos."""

import pytest

from whatsit.training import splits as plan
from whatsit.training.run import Trained


@pytest.fixture
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test split of 5 photos will do, so that a few dozen photos are split at all."""
    monkeypatch.setattr(plan, "SMALL_TEST", 5)


@pytest.fixture(scope="session")
def trained(small_model: Trained) -> Trained:
    return small_model
