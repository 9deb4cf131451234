"""Two versions of one model that answer differently, and a repository of them."""

import shutil
from pathlib import Path

import pytest
from once import made_once

from whatsit.api import train
from whatsit.config import TrainOptions
from whatsit.model.versions.store import Repository
from whatsit.training.run import Trained

from .load import photos_in

NAME = "drawn"


@pytest.fixture(scope="session")
def second_model(photos: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """With another head than `model`, so its probabilities are others."""
    options = TrainOptions(head="knn")
    return made_once(
        tmp_path_factory, "second-model", lambda folder: train(photos, folder / "second-model", options, cache=cache)
    )


@pytest.fixture
def repository(model: Trained, second_model: Trained, tmp_path: Path) -> Repository:
    """`drawn`: version 1, the default, and version 2."""
    repository = Repository(tmp_path / "models")
    repository.add(model.folder, NAME)
    repository.add(second_model.folder, NAME)
    return repository


@pytest.fixture(scope="session")
def asked(photos: Path) -> list[bytes]:
    """Photos to ask about."""
    return photos_in(photos)


def copy_version(repository: Repository, version: int, as_version: int) -> Path:
    """As a careless hand would: not through `whatsit models add`."""
    target = repository.folder(NAME, version).parent / str(as_version)
    shutil.copytree(repository.folder(NAME, version), target)
    return target
