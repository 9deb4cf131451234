"""A probe whose backbone sees photos at another size than its own: answers, and a file of vectors."""

from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from drawn import drawn_photo
from steps.made import PLAIN

from whatsit.api import embed, train
from whatsit.config import TrainOptions
from whatsit.embedding.backbones.registry import feature_extractor
from whatsit.embedding.source import ParquetSource, PhotoSource
from whatsit.errors import BackboneError
from whatsit.training.run import Trained

pytestmark = pytest.mark.slow

SMALL = TrainOptions(image_size=(64, 96), resize_mode="crop", precision="float32")


@pytest.fixture(scope="module")
def trained(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(photos, tmp_path_factory.mktemp("sized") / "model", SMALL)


def test_the_model_sees_photos_at_that_size(trained: Trained, photos: Path) -> None:
    assert trained.classifier.facts.preprocessing.size == (64, 96)
    (image,) = onnx.load(trained.folder / "model.onnx").graph.input
    assert [side.dim_value for side in image.type.tensor_type.shape.dim[1:]] == [64, 96, 3]
    assert trained.classifier.predict(drawn_photo("leaves", 90)).label in trained.classifier.classes_


@pytest.mark.parametrize("bits", ["int8", "float32"])
def test_the_size_changes_the_vectors(bits: str) -> None:
    made = [
        feature_extractor("efficientnet-lite0", bits, "squash", size=size)  # type: ignore[arg-type]
        for size in (None, (224, 224), (64, 64), (64, 96))
    ]
    prints = [extractor.fingerprint for extractor in made]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 3


def test_a_file_of_embeddings_remembers_it(photos: Path, cache: Path, tmp_path: Path) -> None:
    embed(photos, tmp_path / "vectors.parquet", SMALL, cache=cache)
    stored = ParquetSource(tmp_path / "vectors.parquet", SMALL.backbone)
    assert stored.input_size() == (64, 96)
    assert stored.extractor("crop").fingerprint == PhotoSource(SMALL, cache).extractor("crop").fingerprint


def test_a_network_of_ones_own_says_its_size_itself(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=r"--image-size has no effect on my\.onnx: the file beside it says"):
        train(photos, tmp_path / "model", replace(PLAIN, backbone="my.onnx", image_size=(64, 64)))
