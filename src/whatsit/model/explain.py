"""Where in an image the evidence for a class lies.

The default head is linear on the means of feature maps, so the class activation map (Zhou et al. 2016) is
exact: at each place, the head's weights times the features there; their mean over all places is the logit. Where the
embedding joins maps of two resolutions, their heats are added at the finer one. Other heads and backbones are asked
by covering one patch after another (occlusion: Zeiler & Fergus 2014).
"""

from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from PIL import Image

from whatsit.embedding.graph import FEATURES
from whatsit.embedding.nodes import value_info
from whatsit.embedding.session import open_session, run, why_unusable
from whatsit.errors import ImageError
from whatsit.images.decode import as_png, read_image, shrunk
from whatsit.images.inputs import from_memory, readable
from whatsit.images.limits import Limits
from whatsit.images.photo_cache import PhotoBytes
from whatsit.images.preprocessing import ValueRange
from whatsit.images.resize import covered_box
from whatsit.images.source import read_bytes

if TYPE_CHECKING:
    from whatsit.model.classifier import Classifier, ImageLike

OCCLUSION_GRID = 5  # patches a side of a square
GREY = 127
OVERLAY = np.array([220, 40, 30], np.float32)  # evidence for the class, red
OPACITY = 0.6


@dataclass(frozen=True)
class Explanation:
    """Evidence by place for one label."""

    label: str
    heat: NDArray[np.float32]  # (h, w): logit units for a linear head, fall in log probability by occlusion
    photo: NDArray[np.uint8]  # (H, W, 3) upright, perhaps scaled down
    box: tuple[int, int, int, int]  # where in the photo the heat lies, in its pixels

    def overlay(self) -> Image.Image:
        """The photo, reddened where there is more evidence for the label than on average."""
        height, width = self.photo.shape[:2]
        left, top, right, bottom = self.box
        above = self.heat - max(float(self.heat.mean()), 0.0)  # what all places share tells nothing apart
        strength = np.maximum(above, 0) / max(float(above.max()), 1e-6)
        patch = Image.fromarray((strength * 255).astype(np.uint8)).resize(
            (right - left, bottom - top), Image.Resampling.BICUBIC
        )
        canvas = Image.new("L", (width, height))
        canvas.paste(patch, (left, top))
        alpha = np.asarray(canvas, np.float32)[:, :, None] / 255 * OPACITY
        grey = self.photo.mean(axis=2, keepdims=True) * 0.5 + self.photo * 0.5
        return Image.fromarray(np.rint(grey * (1 - alpha) + OVERLAY * alpha).astype(np.uint8))

    def _repr_png_(self) -> bytes:
        return as_png(self.overlay())


class Explainer:
    """Made once a classifier, as it opens a session of its own. It does not hold the classifier, which holds it."""

    def __init__(self, classifier: "Classifier") -> None:
        model = onnx.load_from_string(classifier.graph)  # which reads no other file
        constants = {c.name: c for c in model.graph.initializer}
        outputs = {name for node in model.graph.node for name in node.output}
        maps = [name for name in FEATURES if name in outputs]
        self._heat: _ClassActivation | _Occlusion = (
            _ClassActivation(model, maps, numpy_helper.to_array(constants["head.weight"]))
            if maps and "head.weight" in constants
            else _Occlusion()
        )

    def explain(self, classifier: "Classifier", image: "ImageLike", label: str | None, side: int) -> Explanation:
        """classifier: the one that this was made for. Raises ImageError for a bad image."""
        image = readable(image, classifier.limits)
        if isinstance(image, str | PathLike):
            image = read_bytes(image, classifier.limits)
        if isinstance(image, bytes) and not isinstance(image, PhotoBytes):
            image = PhotoBytes(image)  # decoded once for the network and the picture
        pixels = classifier.pixels(image)
        classes, preprocessing = classifier.classes_, classifier.facts.preprocessing
        best = int(classifier.predict_proba(pixels)[0].argmax()) if label is None else classes.index(label)
        network_side = max(preprocessing.height, preprocessing.width)
        photo = _photo(image, side, network_side, classifier.limits, preprocessing.value_range)
        box = covered_box(photo.shape[1], photo.shape[0], preprocessing)
        heat = self._heat(classifier, pixels, best)
        if error := why_unusable(heat.ravel()):
            raise ImageError(error)
        return Explanation(classes[best], heat, photo, box)


class _ClassActivation:
    def __init__(self, model: onnx.ModelProto, maps: list[str], weight: NDArray[np.float32]) -> None:
        del model.graph.output[:]
        for name in maps:
            model.graph.output.append(value_info(name))
        self._session = open_session(model.SerializeToString())
        self._maps = maps
        self._weight = weight - weight.mean(axis=1, keepdims=True)  # softmax ignores what all classes share

    def __call__(self, classifier: "Classifier", pixels: NDArray[np.uint8], index: int) -> NDArray[np.float32]:
        maps = [features[0] for features in run(self._session, self._maps, pixels[None])]  # (channels, h, w)
        ends = np.cumsum([len(features) for features in maps])
        parts = np.split(self._weight[:, index], ends[:-1])
        heats = [np.tensordot(w, features, axes=1) for w, features in zip(parts, maps, strict=True)]
        finest = max(heats, key=lambda heat: heat.size).shape
        total: NDArray[np.float32] = np.sum([_resized(heat, finest) for heat in heats], axis=0)
        return total


def _resized(heat: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """In another shape with the same mean, so that the sum stays exact where one is no multiple of the other."""
    height, width = shape
    coarse = Image.fromarray(heat.astype(np.float32))
    fine = np.asarray(coarse.resize((width, height), Image.Resampling.BILINEAR))
    out: NDArray[np.float32] = fine + (heat.mean() - fine.mean())
    return out


def occlusion_grid(height: int, width: int) -> tuple[int, int]:
    """(rows, columns) of patches that are about square; about as many in all as a square has."""
    few = max(1, round(OCCLUSION_GRID * sqrt(min(height, width) / max(height, width))))
    many = round(OCCLUSION_GRID**2 / few)
    return (few, many) if height <= width else (many, few)


class _Occlusion:
    def __call__(self, classifier: "Classifier", pixels: NDArray[np.uint8], index: int) -> NDArray[np.float32]:
        height, width = pixels.shape[:2]
        grid = occlusion_grid(height, width)
        rows, columns = (np.linspace(0, n, k + 1).astype(int) for n, k in zip((height, width), grid, strict=True))
        covered = []
        for top, bottom in pairwise(rows):
            for left, right in pairwise(columns):
                patch = pixels.copy()
                patch[top:bottom, left:right] = GREY
                covered.append(patch)
        given = classifier.predict_proba([pixels, *covered])[:, index]
        logs = np.log(np.maximum(given, 1e-7))
        heat: NDArray[np.float32] = (logs[0] - logs[1:]).reshape(grid)
        return heat


def _photo(
    image: Any, side: int, network_side: int, limits: Limits, value_range: ValueRange | None
) -> NDArray[np.uint8]:
    """Bytes or an image in memory → (H, W, 3), at most `side` pixels long."""
    if not isinstance(image, bytes):
        return np.asarray(shrunk(from_memory(image, value_range), side))
    try:
        whole = read_image(image, limits=limits, at_least=side, value_range=value_range)
    except ImageError:  # so large that it is within the limits at the network's scale alone
        whole = read_image(image, limits=limits, at_least=network_side, value_range=value_range)
    return np.asarray(shrunk(whole, side))
