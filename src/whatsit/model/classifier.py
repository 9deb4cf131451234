"""A trained model in use: images in, calibrated answers out. It needs no learning code and starts fast.

The whole way from a file to the network's input is `whatsit.images`; the whole way from there to probabilities is
the model folder's graph. Nothing is left in between that could differ from training.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from whatsit.embedding.engines.registry import find_engine
from whatsit.embedding.session import load_image, rows_or_errors, run, stream_images
from whatsit.errors import ImageError, WhatsitError
from whatsit.images.inputs import unpacked
from whatsit.images.limits import DEFAULT_LIMITS, Limits
from whatsit.machine import cores
from whatsit.model.format import ModelFacts, read_model
from whatsit.model.sessions import OUTPUTS, Sessions
from whatsit.notices import notice

if TYPE_CHECKING:
    from PIL import Image as PillowImage

    from whatsit.embedding.session import Item
    from whatsit.model.explain import Explainer, Explanation
    from whatsit.model.prediction import Classified, Prediction

    Encoded: TypeAlias = bytes | bytearray | memoryview | IO[bytes]
    ImageLike: TypeAlias = str | PathLike[str] | Encoded | PillowImage.Image | NDArray[Any]
else:
    ImageLike = Any

ROUNDING = 1e-3  # of a probability, and of the sum of all; in evaluation, too
FEW = 4  # images; so many or fewer share the cores one after the other


class Classifier:
    """Load one with `whatsit.load(folder)`.

    Images may be given as paths, URIs, the bytes of a file, open files, PIL images, or arrays and tensors (H, W, 3),
    (H, W) or, with opacity, (H, W, 4) of uint8; one, or a list, an iterator, a column or a stack of them. Arrays of
    other numbers are taken where the model has a range of values for deep images.
    """

    def __init__(
        self, facts: ModelFacts, graph: bytes, *, device: str = "cpu", limits: Limits = DEFAULT_LIMITS
    ) -> None:
        self.facts = facts
        self.graph = graph
        self.device = device
        self.limits = facts.preprocessing.reading(limits)
        _say_unused(facts, limits, self.limits)
        self.classes_: tuple[str, ...] = facts.labels
        self._sessions = Sessions(facts, graph, device)

    @classmethod
    def load(cls, folder: str | PathLike[str], *, device: str = "cpu", limits: Limits = DEFAULT_LIMITS) -> "Classifier":
        """Raises ModelFolderError where the folder is missing, damaged, or of a newer format."""
        facts, graph = read_model(Path(folder))
        return cls(facts, graph, device=device, limits=limits)

    def predict(self, images: ImageLike | Iterable[ImageLike], *, top: int = 5) -> Any:
        """A `Prediction` for one image, `Predictions` for a list. A bad image gets an error for an answer.

        top: how many classes an answer names, at least 1; all where there are fewer. Raises ImageError for what may be
        one image or many, such as a dictionary.
        """
        from whatsit.model.prediction import Predictions

        is_one, many = unpacked(images)
        answers = tuple(self._predictions(many, top))
        return answers[0] if is_one else Predictions(answers)

    def predict_each(self, images: ImageLike | Iterable[ImageLike], *, top: int = 5) -> Iterator["Prediction"]:
        """Answers one by one, in the order asked and in constant memory."""
        return self._predictions(unpacked(images)[1], top)

    def _predictions(self, many: Iterable[ImageLike], top: int) -> Iterator["Prediction"]:
        if top < 1:
            raise WhatsitError(f"top is {top}, expected 1 or more classes to name")
        for one in self._answers(many, False):
            yield one.prediction(self.classes_, self.facts.unsure, top)

    def classify(self, images: ImageLike | Iterable[ImageLike], *, identify: bool = False) -> Iterator["Classified"]:
        """All that the graph says of each image, in the order asked and in constant memory.

        identify: also what tells copies: the sha256 of what is classified, and a thumbnail.
        """
        return self._answers(unpacked(images)[1], identify)

    def _answers(self, many: Iterable[ImageLike], identify: bool) -> Iterator["Classified"]:
        rows = self._rows(many, identify)
        from whatsit.model.prediction import Classified

        for item in rows:
            if item.row is None:
                yield Classified(item.source, error=item.error, digest=item.digest)
            else:
                said = self._classified(item.source, item.row)
                if identify or item.note is not None:
                    said = replace(said, digest=item.digest, thumbnail=item.thumbnail, note=item.note)
                yield said

    def open(self) -> None:
        """Makes ready what `answer_pixels` runs on, so that the first answer takes no longer than the others.

        Raises ModelFolderError where the graph does not fit model.json, and BackboneError where it does not load or
        the device is not here.
        """
        self._sessions.get(few=False)

    def answer_pixels(self, pixels: NDArray[np.uint8]) -> list["Classified"]:
        """All that the graph says of images that `pixels` has made ready: (n, height, width, 3) uint8 → n answers.

        An image on which the network fails, or for which it has no finite numbers, has an error, and `failed` is true.

        On a CPU it runs on the caller's thread alone, and many threads may ask at once. Raises ImageError for any
        other array, and what `open` raises.
        """
        height, width = self.facts.preprocessing.height, self.facts.preprocessing.width
        if pixels.dtype != np.uint8 or pixels.shape[1:] != (height, width, 3):
            raise ImageError(f"array of {pixels.dtype} {pixels.shape}: expected uint8 (n, {height}, {width}, 3)")
        session = self._sessions.get(few=False)
        if not len(pixels):  # ONNX Runtime 1.20 ends the process on an empty batch
            return []
        return [self._classified(None, row) for row in rows_or_errors(pixels, lambda some: _rows_of(session, some))]

    def predict_proba(self, images: ImageLike | Iterable[ImageLike]) -> NDArray[np.float32]:
        """(n, classes) calibrated probabilities, columns as in `classes_`. Raises ImageError for a bad image."""
        rows = [one.probabilities for one in self._all(images)]
        return np.stack(rows) if rows else np.empty((0, len(self.classes_)), np.float32)

    def embed(self, images: ImageLike | Iterable[ImageLike]) -> NDArray[np.float32]:
        """(n, dim) embeddings of the backbone. Raises ImageError for a bad image."""
        rows = [one.embedding for one in self._all(images)]
        return np.stack(rows) if rows else np.empty((0, self.facts.backbone["dim"]), np.float32)

    def explain(self, image: ImageLike, label: str | None = None, *, side: int = 1024) -> "Explanation":
        """Where in the image the evidence for `label` (default: the answer) lies.

        side: of the photo that is shown, in pixels at the longer side. Raises ImageError for a bad image and
        WhatsitError for an unknown label.
        """
        if label is not None and label not in self.classes_:
            raise WhatsitError(f"no class {label!r} in this model. It has: {', '.join(self.classes_[:10])}")
        return self._explainer.explain(self, image, label, side)

    @cached_property
    def _explainer(self) -> "Explainer":
        from whatsit.model.explain import Explainer

        return Explainer(self)

    def pixels(self, image: ImageLike) -> NDArray[np.uint8]:
        """The network's input, (height, width, 3) uint8. Raises ImageError."""
        return self.pixels_noted(image)[0]

    def pixels_noted(self, image: ImageLike) -> tuple[NDArray[np.uint8], str | None]:
        """The same, and what a reader of the answer should know of the image. Raises ImageError."""
        loaded = load_image(image, self.facts.preprocessing, self.limits, identify=False)
        if loaded.pixels is None:
            raise ImageError(loaded.error)
        return loaded.pixels, loaded.note

    def _all(self, images: ImageLike | Iterable[ImageLike]) -> Iterator["Classified"]:
        for number, one in enumerate(self.classify(images), start=1):
            if one.error is not None:
                name = one.source if isinstance(one.source, str | PathLike) else f"image {number}"
                raise ImageError(f"{name}: {one.error}")
            yield one

    def _rows(self, images: Iterable[ImageLike], identify: bool = False) -> Iterator["Item[ImageLike]"]:
        """A row an image, as of `_rows_of`."""
        few = isinstance(images, Sequence) and len(images) <= FEW
        self._sessions.begin(few)
        batch = 1 if few else find_engine(self.device).batch

        def forward(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
            return _rows_of(self._sessions.get(few), pixels)

        return stream_images(
            images,
            self.facts.preprocessing,
            self.limits,
            forward,
            batch=batch,
            workers=0 if few else cores(),
            identify=identify,
        )

    def _classified(self, source: Any, row: NDArray[np.float32] | str) -> "Classified":
        """row: one of `_rows_of`, or why there is none."""
        from whatsit.model.prediction import Classified

        if isinstance(row, str):
            return Classified(source, error=row, failed=True)
        classes = len(self.classes_)
        if error := _why_no_probabilities(row[:classes]):
            return Classified(source, error=error, failed=True)
        return Classified(source, row[:classes], float(row[classes]), row[classes + 1 :])

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles hold the facts and the graph; each opens sessions of its own when first asked."""
        return _remade, (type(self), self.facts, self.graph, self.device, self.limits)

    def __repr__(self) -> str:
        return f"<Classifier {self.facts.name!r}: {len(self.classes_)} classes, {self.facts.backbone['name']}>"


def _say_unused(facts: ModelFacts, asked: Limits, read: Limits) -> None:
    """The model decides how photos are read, where it was trained on such; who asked for another way hears of it."""
    if asked.page not in (DEFAULT_LIMITS.page, read.page):
        notice(f"--page {asked.page} has no effect: {facts.name} was trained with --page {read.page}")
    if asked.bands not in (None, read.bands):
        given, trained = (",".join(map(str, bands or ())) for bands in (asked.bands, read.bands))
        notice(f"--bands {given} has no effect: {facts.name} was trained with --bands {trained}")


def _remade(kind: type[Classifier], facts: ModelFacts, graph: bytes, device: str, limits: Limits) -> Classifier:
    return kind(facts, graph, device=device, limits=limits)


def _rows_of(session: Any, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, height, width, 3) → (n, classes + 1 + dim): probabilities, similarity, embedding, side by side."""
    probabilities, similarity, embedding = run(session, OUTPUTS, pixels)
    return np.concatenate([probabilities, similarity[:, None], embedding], axis=1)


def _why_no_probabilities(row: NDArray[np.float32]) -> str | None:
    """(classes,) finite numbers → in words, what keeps them from being probabilities; None where they are."""
    low, high, total = float(row.min()), float(row.max()), float(row.sum(dtype=np.float64))
    if low >= -ROUNDING and high <= 1 + ROUNDING and abs(total - 1) <= ROUNDING:
        return None
    return f"the model's probabilities for it are none: from {low:.4g} to {high:.4g}, {total:.4g} in all"
