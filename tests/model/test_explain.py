"""Heat maps: exact for a linear head, in the right place of the photo for every fit, and there for other heads too."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from drawn import drawn_photo
from images.samples import encode
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from whatsit.embedding.backbones.registry import feature_extractor
from whatsit.embedding.session import open_session, run
from whatsit.errors import WhatsitError
from whatsit.images.limits import Limits
from whatsit.images.preprocessing import Preprocessing, ResizeMode
from whatsit.model.classifier import Classifier
from whatsit.model.explain import OCCLUSION_GRID, Explanation, _resized, occlusion_grid
from whatsit.model.export import export_graph
from whatsit.model.heads import Head, LinearHead
from whatsit.training.calibration import fit_ood_score
from whatsit.training.heads import HEAD_TYPES, TrainingData

pytestmark = pytest.mark.slow

Make = Callable[[str, ResizeMode], Classifier]


def constants(graph: bytes) -> dict[str, NDArray[np.float32]]:
    model = onnx.load_from_string(graph)
    wanted = [c for c in model.graph.initializer if c.name in ("head.weight", "head.bias", "temperature")]
    return {c.name: numpy_helper.to_array(c) for c in wanted}


def exposed(graph: bytes, names: list[str], pixels: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """Tensors within the graph."""
    model = onnx.load_from_string(graph)
    del model.graph.output[:]
    model.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    return [value[0] for value in run(open_session(model.SerializeToString()), names, pixels[None])]


def test_the_map_is_exact(classifier: Classifier, paths: list[str]) -> None:
    """Its mean over all places is the logit, less the bias and what all classes share; from both feature maps."""
    held = constants(classifier.graph)
    pixels = classifier.pixels(paths[0])
    last, middle, logits = exposed(classifier.graph, ["features", "features.middle", "logits"], pixels)
    assert middle.shape[1:] == (2 * last.shape[1], 2 * last.shape[2])
    own = np.concatenate([last.mean(axis=(1, 2)), middle.mean(axis=(1, 2))]) @ held["head.weight"] + held["head.bias"]
    np.testing.assert_allclose(own, logits, atol=1e-3)
    evidence = logits - held["head.bias"]
    for k, label in enumerate(classifier.classes_):
        heat = classifier.explain(paths[0], label).heat
        assert heat.shape == middle.shape[1:]
        assert heat.mean() == pytest.approx(evidence[k] - evidence.mean(), abs=2e-3)


@pytest.mark.parametrize("shape", [((8, 8), (15, 15)), ((9, 9), (17, 17)), ((7, 7), (14, 14)), ((5, 5), (5, 5))])
def test_bringing_a_map_to_another_shape_keeps_its_mean(shape: tuple[tuple[int, int], tuple[int, int]]) -> None:
    coarse = np.random.default_rng(0).normal(size=shape[0]).astype(np.float32)
    fine = _resized(coarse, shape[1])
    assert fine.shape == shape[1]
    assert fine.mean() == pytest.approx(float(coarse.mean()), abs=1e-6)


def test_the_default_label_is_the_answer(classifier: Classifier, paths: list[str]) -> None:
    for path in paths[::5]:
        assert classifier.explain(path).label == classifier.predict(path).label


def test_the_evidence_lies_where_the_thing_is(classifier: Classifier) -> None:
    """Of a photo with a leaf on its right half only, the heat for leaves lies right."""
    ground = np.full((192, 256, 3), (150, 140, 120), np.uint8)
    ground[:, 128:] = drawn_photo("leaves", 3)[:, 64:192]
    heat = classifier.explain(ground, "leaves").heat
    assert heat[:, 7:].mean() > heat[:, :7].mean()


@pytest.fixture(scope="module")
def make(photos: Path) -> Make:
    """A classifier of 3 classes by any head and fit, on 12 photos."""
    some = [path for kind in sorted(photos.iterdir()) for path in sorted(kind.iterdir())[:4]]

    def made(name: str, resize_mode: ResizeMode) -> Classifier:
        extractor = feature_extractor("efficientnet-lite0", "int8", resize_mode)
        pixels = np.stack([np.asarray(Image.open(path).resize((224, 224))) for path in some])
        x = run(open_session(extractor.graph), ["embedding"], pixels)[0]
        head_type = next(head_type for head_type in HEAD_TYPES.values() if head_type.name == name)
        head = next(
            head_type.fit(TrainingData(x, np.arange(12) // 4, 3), np.arange(12), head_type.grid[-3:], final=True)
        )
        return as_classifier(extractor.graph, head, x, extractor.preprocessing)

    return made


def as_classifier(backbone: bytes, head: Head, x: NDArray[np.float32], preprocessing: Preprocessing) -> Classifier:
    from whatsit.model.format import ModelFacts, Unsure

    known = fit_ood_score(x, np.arange(12) // 4, np.arange(12))
    facts = ModelFacts(
        name="made",
        labels=("leaves", "shells", "stones"),
        preprocessing=preprocessing,
        temperature=1.0,
        unsure=Unsure(0, -1, precision=0),
        backbone={"name": "efficientnet-lite0", "dim": x.shape[1]},
        head={},
        training={},
        data={},
        metrics={},
        software={},
        created="",
    )
    return Classifier(facts, export_graph(backbone, head, 1.0, known, 3))


BOXES: dict[tuple[ResizeMode, tuple[int, int]], tuple[int, int, int, int]] = {
    ("squash", (256, 192)): (0, 0, 256, 192),
    ("crop", (256, 192)): (32, 0, 224, 192),
    ("letterbox", (256, 192)): (0, -32, 256, 224),
    ("crop", (100, 400)): (0, 150, 100, 250),
    ("letterbox", (100, 400)): (-150, 0, 250, 400),
    ("crop", (1, 300)): (0, 149, 1, 150),
}


@pytest.mark.parametrize(("resize_mode", "size"), BOXES)
def test_the_heat_lies_over_what_the_network_saw(resize_mode: ResizeMode, size: tuple[int, int], make: Make) -> None:
    photo = Image.fromarray(drawn_photo("shells", 3)).resize(size)
    explanation = make("logistic", resize_mode).explain(photo)
    assert explanation.box == BOXES[resize_mode, size]
    assert explanation.photo.shape == (size[1], size[0], 3)
    assert explanation.overlay().size == size


def test_outside_of_the_box_nothing_is_red() -> None:
    photo = np.full((20, 40, 3), 100, np.uint8)
    heat = np.repeat([[1, 1, 0, 0]], 4, axis=0).astype(np.float32)
    overlay = np.asarray(Explanation("a", heat, photo, (10, 0, 30, 20)).overlay())
    assert (overlay[:, :10] == 100).all()
    assert (overlay[:, 25:] == 100).all()
    assert (overlay[:, 10:18, 0] > overlay[:, 10:18, 1]).all()


def test_without_evidence_nothing_is_red() -> None:
    photo = np.full((8, 8, 3), 100, np.uint8)
    overlay = np.asarray(Explanation("a", np.full((4, 4), -1, np.float32), photo, (0, 0, 8, 8)).overlay())
    assert (overlay == 100).all()


@pytest.mark.parametrize("side", [50, 240, 1024])
def test_the_photo_is_shown_upright_and_no_longer_than_asked(side: int, classifier: Classifier) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # as a phone held upright stores it
    data = encode(Image.fromarray(drawn_photo("leaves", 2)), "JPEG", exif=exif)
    photo = classifier.explain(data, side=side).photo
    assert photo.shape[0] == min(side, 256)
    assert photo.shape[1] == pytest.approx(photo.shape[0] * 3 / 4, abs=1)


def test_a_photo_that_can_be_answered_can_be_explained(classifier: Classifier) -> None:
    """Its JPEG is within the limits at the network's scale, though not at the scale it would be shown in."""
    data = encode(Image.fromarray(drawn_photo("leaves", 2)).resize((3600, 900)), "JPEG")
    small = Classifier(classifier.facts, classifier.graph, limits=Limits(max_pixels=1_000_000))
    assert small.predict(data).error is None
    assert small.explain(data, side=1024).photo.shape[1] <= 1024


@pytest.mark.parametrize("name", ["mlp", "svm", "knn"])
def test_other_heads_are_explained_too(name: str, make: Make, paths: list[str]) -> None:
    classifier = make(name, "squash")
    explanation = classifier.explain(paths[0])
    if name == "svm":
        assert explanation.heat.shape == (14, 14)
        return
    assert explanation.heat.shape == (OCCLUSION_GRID, OCCLUSION_GRID)
    pixels = classifier.pixels(paths[0])
    edges = np.linspace(0, 224, OCCLUSION_GRID + 1).astype(int)
    covered = pixels.copy()
    (top, bottom), (left, right) = list(pairwise(edges))[2], list(pairwise(edges))[4]
    covered[top:bottom, left:right] = 127
    k = classifier.classes_.index(explanation.label)
    before, after = (classifier.predict_proba(one)[0, k] for one in (pixels, covered))
    assert explanation.heat[2, 4] == pytest.approx(np.log(before) - np.log(after), abs=1e-3)


@pytest.mark.parametrize(
    ("sides", "grid"), [((224, 224), (5, 5)), ((30, 100), (3, 8)), ((100, 30), (8, 3)), ((1, 4096), (1, 25))]
)
def test_the_patches_that_cover_are_about_square(sides: tuple[int, int], grid: tuple[int, int]) -> None:
    assert occlusion_grid(*sides) == grid


def test_a_class_that_there_is_not(classifier: Classifier, paths: list[str]) -> None:
    with pytest.raises(WhatsitError, match=r"no class 'dog' in this model\. It has: leaves, shells, stones"):
        classifier.explain(paths[0], "dog")


def test_a_notebook_shows_the_overlay(classifier: Classifier, paths: list[str]) -> None:
    explanation = classifier.explain(paths[0])
    assert explanation._repr_png_().startswith(b"\x89PNG")
    assert replace(explanation, label="other").heat is explanation.heat
    assert isinstance(explanation.overlay(), Image.Image)


def test_a_linear_head_is_what_was_trained(classifier: Classifier) -> None:
    held = constants(classifier.graph)
    head = LinearHead(held["head.weight"], held["head.bias"])
    assert head.weight.shape == (1952, 3)
    assert held["temperature"] == pytest.approx(classifier.facts.temperature)
