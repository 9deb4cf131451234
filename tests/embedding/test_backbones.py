"""What a backbone's vectors are is pinned: the same on every machine, whatever else is in the batch."""

import hashlib

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from whatsit.config import Precision
from whatsit.embedding.backbones.extractor import FeatureExtractor
from whatsit.embedding.backbones.lite import LITES
from whatsit.embedding.backbones.registry import feature_extractor
from whatsit.embedding.session import open_session, run
from whatsit.errors import BackboneError
from whatsit.images.preprocessing import Preprocessing

from .samples import drawing, finish, start_python

LITE0 = "efficientnet-lite0"
PINNED = np.r_[2:4, 11:17, 1280:1284]  # of the last feature map, and of the middle one
FIRST: dict[Precision, list[float]] = {  # mostly zeros, for the last feature map ends in ReLU6
    "float32": [0.458969, 0.011899, 0.230326, 0, 0, 0.00147311, 0, 0.435844, 0, 0.172282, 1.97604, 0.044718],
    "int8": [0.381273, 0.0264106, 0.216567, 0, 0, 0.00912365, 0, 0.461465, 0, 0.189556, 1.97443, 0.0506603],
}
PRECISIONS: tuple[Precision, ...] = ("float32", "int8")


@pytest.fixture(scope="module")
def lite0() -> dict[Precision, FeatureExtractor]:
    return {precision: feature_extractor(LITE0, precision, "squash") for precision in PRECISIONS}


def _vectors(extractor: FeatureExtractor, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    vectors: NDArray[np.float32] = run(open_session(extractor.graph), ["embedding"], images)[0]
    return vectors


def _integers(extractor: FeatureExtractor) -> str:
    """A digest of all 8- and 32-bit integers of the graph."""
    digest = hashlib.sha256()
    for tensor in onnx.load_from_string(extractor.graph).graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype != np.float32:
            digest.update(tensor.name.encode() + array.tobytes())
    return digest.hexdigest()[:16]


def test_the_drawing_is_the_one_that_was_pinned() -> None:
    assert hashlib.sha256(drawing(0).tobytes()).hexdigest()[:16] == "d58b9624dd407766"


@pytest.mark.parametrize("precision", PRECISIONS)
def test_first_numbers(lite0: dict[Precision, FeatureExtractor], precision: Precision) -> None:
    vector = _vectors(lite0[precision], drawing(0)[None])[0]
    assert vector.dtype == np.float32
    assert np.allclose(vector[PINNED], FIRST[precision], atol=1e-4 if precision == "float32" else 1e-5)


def test_the_integers_are_pinned(lite0: dict[Precision, FeatureExtractor]) -> None:
    assert _integers(lite0["int8"]) == "cc4bc52656a03fe1"


def test_eight_bits_keep_the_direction(lite0: dict[Precision, FeatureExtractor]) -> None:
    images = np.stack([drawing(seed) for seed in range(6)])
    a, b = (_vectors(lite0[precision], images) for precision in PRECISIONS)
    cosines = (a * b).sum(axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
    assert cosines.min() >= 0.98


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_vector_does_not_depend_on_its_batch(lite0: dict[Precision, FeatureExtractor], precision: Precision) -> None:
    images = np.stack([drawing(seed) for seed in range(4)])
    together = _vectors(lite0[precision], images)
    turned = _vectors(lite0[precision], images[::-1])[::-1]
    alone = np.concatenate([_vectors(lite0[precision], image[None]) for image in images])
    assert np.array_equal(together, turned)
    assert np.array_equal(together, alone)


@pytest.mark.parametrize("name", sorted(LITES))
def test_every_row_of_the_table_keeps_its_word(name: str) -> None:
    row, extractor = LITES[name], feature_extractor(name, "float32", "crop")
    onnx.checker.check_model(onnx.load_from_string(extractor.graph), full_check=True)
    vector = _vectors(extractor, drawing(1, row.size)[None])
    assert vector.shape == (1, row.dim) == (1, extractor.dim)
    assert np.isfinite(vector).all()
    assert extractor.preprocessing.as_dict() == {"size": row.size, "fit": "crop", "interpolation": "bilinear"}
    assert extractor.licence == "Apache-2.0"
    assert row.package.replace("_", "-") in extractor.source


def test_built_twice_the_bytes_are_the_same(lite0: dict[Precision, FeatureExtractor]) -> None:
    for precision in PRECISIONS:
        assert feature_extractor(LITE0, precision, "squash").graph == lite0[precision].graph


_OF_AN_OLDER_PROCESSOR = """
from whatsit.embedding.backbones.registry import feature_extractor
for precision in ("float32", "int8"):
    print(feature_extractor("efficientnet-lite0", precision, "squash").fingerprint)
"""


def test_another_processor_builds_the_same_graph(lite0: dict[Precision, FeatureExtractor]) -> None:
    """NumPy and OpenBLAS made to forget the newer instructions, by which they sum in other orders."""
    newer = "X86_V3 X86_V4 AVX512_ICL AVX512_SPR"
    process = start_python(_OF_AN_OLDER_PROCESSOR, NPY_DISABLE_CPU_FEATURES=newer, OPENBLAS_CORETYPE="Prescott")
    assert finish(process).split() == [lite0[precision].fingerprint for precision in PRECISIONS]


def test_fingerprints_differ_with_all_that_changes_a_vector(lite0: dict[Precision, FeatureExtractor]) -> None:
    others = [
        feature_extractor(LITE0, "float32", "crop"),
        feature_extractor("efficientnet-lite1", "float32", "squash"),
        *lite0.values(),
    ]
    assert len({extractor.fingerprint for extractor in others}) == len(others)


def test_an_unknown_name_lists_those_there_are() -> None:
    with pytest.raises(BackboneError, match=r"no backbone 'resnet'\. There are: efficientnet-lite0, .*my\.onnx"):
        feature_extractor("resnet", "float32", "squash")


def test_the_fingerprint_of_eight_bits_is_pinned_and_each_range_has_its_own() -> None:
    """Caches of vectors that users have stay good; those of other ranges are never mixed up."""
    made = FeatureExtractor("a", "float32", Preprocessing(), 2, "", "", b"graph", has_features=False)
    assert made.fingerprint == "5cbc204e957f1518"
    ranges = (None, (0, 4095), (0, 65535), (0, 1), (200, 4095))
    assert len({made.with_range(one).fingerprint for one in ranges}) == len(ranges)
    assert made.with_range((0, 1)).with_range(None).fingerprint == made.fingerprint
