"""The one trained model of the session, and what is made of it here."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from whatsit.embedding.backbones.extractor import FeatureExtractor
from whatsit.embedding.backbones.registry import feature_extractor
from whatsit.model.classifier import Classifier
from whatsit.model.format import FILES
from whatsit.training.run import Trained


@pytest.fixture(scope="session")
def folder(model: Trained) -> Path:
    return model.folder


@pytest.fixture(scope="session")
def classifier(model: Trained) -> Classifier:
    return model.classifier


@pytest.fixture(scope="session")
def paths(photos: Path) -> list[str]:
    """Five of each class."""
    return [str(path) for kind in sorted(photos.iterdir()) for path in sorted(kind.iterdir())[:5]]


@pytest.fixture(scope="session")
def extractor(classifier: Classifier) -> FeatureExtractor:
    """The backbone that the model was trained on."""
    backbone, resize_mode = classifier.facts.backbone, classifier.facts.preprocessing.resize_mode
    return feature_extractor(backbone["name"], backbone["precision"], resize_mode)


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Callable[[], Path]:
    """A copy of the model folder, to damage; the report and the tables do not matter for that."""

    def make() -> Path:
        fresh = tmp_path / "copy"
        fresh.mkdir(exist_ok=True)
        for name in (FILES.graph, FILES.facts, FILES.labels):
            shutil.copy(folder / name, fresh / name)
        return fresh

    return make
