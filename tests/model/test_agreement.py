"""One preprocessing: graph and Python agree to 1e-4 on every format and head, and orientations do not matter."""

from functools import cache as remembered
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from model.encoded import FORMATS, oriented
from whatsit.embedding.backbones.extractor import FeatureExtractor
from whatsit.embedding.backbones.registry import feature_extractor
from whatsit.embedding.session import open_session, run
from whatsit.errors import WhatsitError
from whatsit.images.decode import load_for_network
from whatsit.images.preprocessing import Preprocessing
from whatsit.model.classifier import Classifier
from whatsit.model.export import export_graph
from whatsit.model.format import FILES
from whatsit.model.heads import Head, NeighbourHead, OutOfDistributionScore
from whatsit.model.sessions import OUTPUTS
from whatsit.training.calibration import fit_ood_score, softmax
from whatsit.training.heads import HEAD_TYPES, TrainingData

pytestmark = pytest.mark.slow

TEMPERATURE = 1.7
CLOSE = 1e-4


def embed(extractor: FeatureExtractor, files: list[bytes]) -> NDArray[np.float32]:
    """(n, dim) by the backbone alone, as training does."""
    pixels = np.stack([load_for_network(data, extractor.preprocessing) for data in files])
    vectors: NDArray[np.float32] = run(open_session(extractor.graph), ["embedding"], pixels)[0]
    return vectors


@pytest.fixture(scope="module")
def files() -> list[bytes]:
    return [make() for make in FORMATS.values()]


@pytest.fixture(scope="module")
def vectors(extractor: FeatureExtractor, files: list[bytes]) -> NDArray[np.float32]:
    return embed(extractor, files)


@pytest.fixture(scope="module")
def data(extractor: FeatureExtractor, paths: list[str]) -> TrainingData:
    return TrainingData(embed(extractor, [Path(path).read_bytes() for path in paths]), np.arange(15) // 5, 3)


def head_of(name: str, data: TrainingData) -> Head:
    head_type = next(head_type for head_type in HEAD_TYPES.values() if head_type.name == name)
    return next(head_type.fit(data, np.arange(15), head_type.grid[3:4], final=True))


@pytest.mark.parametrize("name", HEAD_TYPES)
def test_graph_and_python_agree_on_every_format(
    name: str, extractor: FeatureExtractor, data: TrainingData, files: list[bytes], vectors: NDArray[np.float32]
) -> None:
    head = head_of(name, data)
    known = fit_ood_score(data.x, data.labels, np.arange(15))
    graph = export_graph(extractor.graph, head, TEMPERATURE, known, 3)
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    for kind, file, x in zip(FORMATS, files, vectors[:, None], strict=True):
        pixels = load_for_network(file, extractor.preprocessing)[None]
        probabilities, similarity, embedding = session.run(OUTPUTS, {"image": pixels})
        np.testing.assert_allclose(embedding, x, atol=CLOSE, rtol=CLOSE, err_msg=kind)
        np.testing.assert_allclose(probabilities, softmax(head.logits(x), TEMPERATURE), atol=CLOSE, err_msg=kind)
        np.testing.assert_allclose(similarity, known.similarity(x), atol=CLOSE, err_msg=kind)


@pytest.mark.parametrize("kind", FORMATS)
def test_the_graph_on_disk_says_what_the_classifier_says(kind: str, classifier: Classifier, folder: Path) -> None:
    data = FORMATS[kind]()
    pixels = load_for_network(data, classifier.facts.preprocessing)[None]
    probabilities, similarity, embedding = on_disk(folder / FILES.graph).run(OUTPUTS, {"image": pixels})
    answer = classifier.predict(data)
    assert answer.error is None
    np.testing.assert_allclose(classifier.predict_proba(data), probabilities, atol=CLOSE)
    np.testing.assert_allclose(classifier.embed(data), embedding, atol=CLOSE, rtol=CLOSE)
    assert answer.similarity == pytest.approx(float(similarity[0]), abs=CLOSE)
    assert answer.probability == pytest.approx(float(probabilities.max()), abs=CLOSE)


@remembered
def on_disk(path: Path) -> ort.InferenceSession:
    return ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_all_orientations_of_a_photo_get_the_same_answer(kind: str, classifier: Classifier) -> None:
    answers = classifier.predict_proba([oriented(kind, number) for number in range(1, 9)])
    for answer in answers[1:]:
        np.testing.assert_array_equal(answer, answers[0])


def test_all_orientations_of_a_jpeg_get_nearly_the_same_answer(classifier: Classifier) -> None:
    answers = classifier.predict_proba([oriented("JPEG", number) for number in range(1, 9)])
    np.testing.assert_allclose(answers, np.broadcast_to(answers[0], answers.shape), atol=0.05)


def test_one_and_many_images_at_once_get_the_same_answer(classifier: Classifier, files: list[bytes]) -> None:
    together = classifier.predict_proba(files)
    one_by_one = np.concatenate([classifier.predict_proba(data) for data in files])
    np.testing.assert_allclose(together, one_by_one, atol=1e-5)


def test_a_published_head_finds_everything_familiar(extractor: FeatureExtractor, data: TrainingData) -> None:
    graph = export_graph(extractor.graph, head_of("logistic", data), 1.0, None, 3)
    taken = extractor.preprocessing
    pixels = np.zeros((2, taken.height, taken.width, 3), np.uint8)
    similarity = run(open_session(graph), ["similarity"], pixels)[0]
    assert similarity.tolist() == [1, 1]


def test_a_head_that_no_file_holds_is_said(extractor: FeatureExtractor) -> None:
    many = np.broadcast_to(np.float32(0), (300_000, 1952))
    head = NeighbourHead(many, many[:, :3], k=5)
    with pytest.raises(WhatsitError, match=r"knn head of 300,000 photos has 2\.3 GB.*--head logistic"):
        export_graph(extractor.graph, head, 1.0, None, 3)


@pytest.mark.parametrize("opset", [13, 17, 18, 21])
def test_a_backbone_of_any_opset_takes_every_head(opset: int, tmp_path: Path) -> None:
    """The nodes of the head mean the same in all of them."""
    extractor = custom_backbone(tmp_path, opset)
    rng = np.random.default_rng(opset)
    pixels = rng.integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
    x = run(open_session(extractor.graph), ["embedding"], pixels)[0]
    data = TrainingData(x, np.array([0, 0, 1, 1, 2, 2]), 3)
    known = OutOfDistributionScore((x[:2] / 10).astype(np.float16), 0.0, np.arange(2))
    for head_type in HEAD_TYPES.values():
        head = next(head_type.fit(data, np.arange(6), head_type.grid[-1:], final=True))
        session = open_session(export_graph(extractor.graph, head, TEMPERATURE, known, 3))
        probabilities, similarity, _ = run(session, OUTPUTS, pixels)
        np.testing.assert_allclose(probabilities, softmax(head.logits(x), TEMPERATURE), atol=CLOSE)
        np.testing.assert_allclose(similarity, known.similarity(x), atol=CLOSE)


def custom_backbone(folder: Path, opset: int) -> FeatureExtractor:
    """A user's own: one convolution, 8 × 8 pixels, 5 features; its tensors bear the names of the head's."""
    weight = np.random.default_rng(0).normal(0, 1, (5, 3, 3, 3)).astype(np.float32)
    nodes = [helper.make_node("Conv", ["embedding", "head.weight"], ["logits"], kernel_shape=[3, 3])]
    graph = helper.make_graph(
        nodes,
        "own",
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 5, 6, 6])],
        [numpy_helper.from_array(weight, "head.weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, folder / "own.onnx")
    (folder / "own.json").write_text(
        '{"size": 8, "layout": "nchw", "scale": 1, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}'
    )
    extractor = feature_extractor(str(folder / "own.onnx"), "float32", "squash")
    assert extractor.preprocessing == Preprocessing(8, "squash")
    return extractor
