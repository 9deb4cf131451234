"""Where in an image the evidence for a class lies.

The default head is linear on the mean of the last feature map, so the class activation map (Zhou et al. 2016) is
exact: at each place, the head's weights times the features there; their mean over all places is the logit. Other
heads and backbones are asked by covering one patch after another (occlusion: Zeiler & Fergus 2014).
"""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from whatsit.embedding.session import open_session, run
from whatsit.errors import WhatsitError
from whatsit.images import covered_box, from_memory, read_image

if TYPE_CHECKING:
    from whatsit.model.classifier import Classifier, ImageLike

OCCLUSION_GRID = 7
GREY = 127
OVERLAY = np.array([220, 40, 30], np.float32)  # evidence for the class, red
OPACITY = 0.6
DISPLAY_SIDE = 1024  # longer side of the photo that an overlay is laid on, in pixels


@dataclass(frozen=True)
class Explanation:
    """Evidence by place for one label."""

    label: str
    heat: NDArray[np.float32]  # (h, w): logit units for a linear head, fall in log probability by occlusion
    photo: NDArray[np.uint8]  # (H, W, 3) upright, perhaps scaled down
    box: tuple[int, int, int, int]  # where in the photo the heat lies, in its pixels

    def overlay(self) -> Image.Image:
        """The photo, reddened where there is evidence for the label."""
        height, width = self.photo.shape[:2]
        left, top, right, bottom = self.box
        strength = np.maximum(self.heat, 0) / max(float(self.heat.max()), 1e-6)
        patch = Image.fromarray((strength * 255).astype(np.uint8)).resize(
            (right - left, bottom - top), Image.Resampling.BICUBIC
        )
        canvas = Image.new("L", (width, height))
        canvas.paste(patch, (left, top))
        alpha = np.asarray(canvas, np.float32)[:, :, None] / 255 * OPACITY
        grey = self.photo.mean(axis=2, keepdims=True) * 0.5 + self.photo * 0.5
        return Image.fromarray(np.rint(grey * (1 - alpha) + OVERLAY * alpha).astype(np.uint8))

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.overlay().save(file, "PNG")
        return file.getvalue()


def explain(classifier: "Classifier", image: "ImageLike", label: str | None) -> Explanation:
    """Raises WhatsitError for an unknown label and ImageError for a bad image."""
    pixels = classifier.pixels(image)
    probabilities = classifier.predict_proba(pixels)[0]
    if label is not None and label not in classifier.classes_:
        raise WhatsitError(f"no class {label!r} in this model. It has: {', '.join(classifier.classes_[:10])}")
    index = int(probabilities.argmax()) if label is None else classifier.classes_.index(label)
    photo = _photo(image)
    box = covered_box(photo.shape[1], photo.shape[0], classifier.facts.preprocessing.fit)
    return Explanation(classifier.classes_[index], heat_maps(classifier, pixels[None], [index])[0], photo, box)


def heat_maps(
    classifier: "Classifier", pixels: NDArray[np.uint8], classes: list[int]
) -> list[NDArray[np.float32]]:
    """pixels: (n, size, size, 3); one class index an image → (h, w) each."""
    explainer = _explainer(classifier)
    return [explainer(one, index) for one, index in zip(pixels, classes, strict=True)]


def _explainer(classifier: "Classifier") -> "_ClassActivation | _Occlusion":
    graph = classifier.graph
    model = onnx.load_from_string(graph) if isinstance(graph, bytes) else onnx.load(graph)
    constants = {c.name: c for c in model.graph.initializer}
    has_features = any("features" in node.output for node in model.graph.node)
    if has_features and "head.weight" in constants:
        return _ClassActivation(model, numpy_helper.to_array(constants["head.weight"]))
    return _Occlusion(classifier)


class _ClassActivation:
    def __init__(self, model: onnx.ModelProto, weight: NDArray[np.float32]) -> None:
        del model.graph.output[:]
        model.graph.output.append(helper.make_tensor_value_info("features", TensorProto.FLOAT, None))
        self._session = open_session(model.SerializeToString())
        self._weight = weight - weight.mean(axis=1, keepdims=True)  # softmax ignores what all classes share

    def __call__(self, pixels: NDArray[np.uint8], index: int) -> NDArray[np.float32]:
        features = run(self._session, ["features"], pixels[None])[0][0]  # (dim, h, w)
        heat: NDArray[np.float32] = np.tensordot(self._weight[:, index], features, axes=1)
        return heat


class _Occlusion:
    def __init__(self, classifier: "Classifier") -> None:
        self._classifier = classifier

    def __call__(self, pixels: NDArray[np.uint8], index: int) -> NDArray[np.float32]:
        edges = np.linspace(0, len(pixels), OCCLUSION_GRID + 1).astype(int)
        covered = []
        for top, bottom in zip(edges, edges[1:], strict=False):
            for left, right in zip(edges, edges[1:], strict=False):
                patch = pixels.copy()
                patch[top:bottom, left:right] = GREY
                covered.append(patch)
        given = self._classifier.predict_proba([pixels, *covered])[:, index]
        logs = np.log(np.maximum(given, 1e-7))
        heat: NDArray[np.float32] = (logs[0] - logs[1:]).reshape(OCCLUSION_GRID, OCCLUSION_GRID)
        return heat


def _photo(image: "ImageLike") -> NDArray[np.uint8]:
    from os import PathLike

    whole = (
        read_image(image, at_least=DISPLAY_SIDE) if isinstance(image, str | bytes | PathLike) else from_memory(image)
    )
    shown = Image.fromarray(whole)
    shown.thumbnail((DISPLAY_SIDE, DISPLAY_SIDE))
    return np.asarray(shown)
