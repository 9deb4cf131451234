"""Golden answers: what a model said of a few small images where it was trained, kept in its folder.

Whoever serves the model asks again, so that a processor, a device or a library that computes something else is found
before any answer goes out. The first image is drawn and needs no photo; the others are photos, in PNG, which every
decoder reads to the same pixels. Which photos they are is decided elsewhere.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from whatsit.errors import ImageError, ModelFolderError
from whatsit.images.decode import as_png, load_for_network, small_photo
from whatsit.images.limits import DEFAULT_LIMITS, Limits
from whatsit.images.preprocessing import ValueRange
from whatsit.images.source import Source
from whatsit.model.classifier import Classifier
from whatsit.model.format import COSINE, FILES, ModelFacts, check, is_number
from whatsit.model.format import Check as Rule
from whatsit.model.prediction import Classified
from whatsit.model.records import from_base64, in_base64, read_records, records_bytes

MOST = 4  # images: a tenth of a second to check
SIDE = 320  # pixels; more than the usual network's 224, so that fitting a photo to its input is checked as well
DIGITS = 6  # after the point

# Of a probability or similarity. On AVX-512, AVX2 and ARM, by ONNX Runtime 1.20 to 1.31, on one thread or many, in
# batches of 1 or 4, the golden answers of five models were off by 1e-6 at most. Without AVX2, 8 bits now and then
# round otherwise: in 179 photos by 0.011 at most. Wrong colours or a wrong fit: 0.055 and more (docs/log.md).
TOLERANCE = 0.02

BYTES_AN_IMAGE = 600_000  # a PNG of pure noise has 411,000 in base64
BYTES_A_NUMBER = 32


@dataclass(frozen=True)
class Golden:
    """One image and what was said of it."""

    pixels: NDArray[np.uint8]  # (height, width, 3)
    probabilities: NDArray[np.float64]  # (classes,)
    similarity: float


def golden_bytes(classifier: Classifier, photos: Iterable[Source]) -> bytes:
    """golden.json of a model: the test card and the first few of the photos that can be read.

    An image that the network fails on, or has no finite numbers for, is left out: it is no answer to hold others to.
    """
    read = _readable(photos, classifier.limits, classifier.facts.preprocessing.value_range)
    photographed = islice(_records(classifier, read), MOST - 1)
    return records_bytes((*_records(classifier, [_first(classifier.facts)]), *photographed))


def check_golden(folder: Path, classifier: Classifier) -> int:
    """How many golden images are answered here as they were where the model was trained; 0 where it has none.

    classifier: of that folder. Raises ModelFolderError where golden.json is damaged, an answer differs, or there is
    none: the network fails, or its numbers are not finite. A folder without golden answers is asked the test card.
    """
    golden = _read(folder, classifier.facts)
    for number, (said, one) in enumerate(zip(_said(folder, classifier, golden), golden, strict=False), start=1):
        if difference := _difference(said, one, classifier.classes_):
            raise ModelFolderError(
                f"{folder}: this version answers differently here than where it was trained: golden image {number}, "
                f"{difference}. Install the software that its {FILES.facts} names, or train anew on this machine"
            )
    return len(golden)


def check_answers(folder: Path, classifier: Classifier) -> None:
    """That it answers its golden images here at all, whatever it says of them. Raises ModelFolderError."""
    list(_said(folder, classifier, _read(folder, classifier.facts)))


def _said(folder: Path, classifier: Classifier, golden: list[Golden]) -> Iterator[Classified]:
    """Of the golden images, or the test card where there are none. Raises ModelFolderError where it has no answer."""
    images = [one.pixels for one in golden] or [_pixels(_first(classifier.facts), classifier.facts)]
    for number, pixels in enumerate(images, start=1):
        said = classifier.answer_pixels(pixels[None])[0]
        if said.error is not None:
            what = f"golden image {number}" if golden else "the test card"
            raise ModelFolderError(f"{folder}: this version has no answer to {what}: {said.error}")
        yield said


def _difference(said: Classified, golden: Golden, classes: tuple[str, ...]) -> str | None:
    """Where they differ most, in words; None where they agree."""
    off = np.abs(said.probabilities - golden.probabilities)
    worst = int(off.argmax())
    if not off[worst] <= TOLERANCE:
        return f"'{classes[worst]}' {said.probabilities[worst]:.3f} for {golden.probabilities[worst]:.3f}"
    if not abs(said.similarity - golden.similarity) <= TOLERANCE:
        return f"similarity {said.similarity:.3f} for {golden.similarity:.3f}"
    return None


def _read(folder: Path, facts: ModelFacts) -> list[Golden]:
    classes = len(facts.labels)
    rules: dict[str, Rule] = {
        "image": (lambda v: isinstance(v, str), "a PNG in base64"),
        "probabilities": (
            lambda v: isinstance(v, list) and len(v) == classes and all(is_number(p, 0, 1) for p in v),
            f"{classes} numbers from 0 to 1",
        ),
        "similarity": COSINE,
    }

    def parse(record: dict[str, Any]) -> Golden:
        check(record, rules)
        png = from_base64(record["image"], "png", SIDE)
        probabilities = np.array(record["probabilities"], np.float64)
        return Golden(_pixels(png, facts), probabilities, float(record["similarity"]))

    bytes_each = BYTES_AN_IMAGE + BYTES_A_NUMBER * classes
    return read_records(folder, facts, FILES.golden, parse, most=MOST, bytes_each=bytes_each) or []


def _records(classifier: Classifier, pngs: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for png in pngs:
        said = classifier.answer_pixels(_pixels(png, classifier.facts)[None])[0]
        if said.error is None:
            yield {
                "image": in_base64(png),
                "probabilities": [round(float(p), DIGITS) for p in said.probabilities],
                "similarity": round(said.similarity, DIGITS),
            }


def _pixels(png: bytes, facts: ModelFacts) -> NDArray[np.uint8]:
    """The way of any photo, but for the limits that this classifier's user sets for photos of others."""
    return load_for_network(png, facts.preprocessing.read_by(DEFAULT_LIMITS))  # its bands are chosen already


def _readable(photos: Iterable[Source], limits: Limits, value_range: ValueRange | None) -> Iterator[bytes]:
    for photo in photos:
        try:
            yield as_png(small_photo(photo, SIDE, limits, value_range))
        except ImageError:
            continue


def _first(facts: ModelFacts) -> bytes:
    """The test card; where the model has a range of values that 16 bits can hold, in grey and as deep as its photos."""
    card, value_range = _card(), facts.preprocessing.value_range
    if value_range is None or value_range[0] < 0 or value_range[1] > 65535 or value_range[1] - value_range[0] < 255:
        return as_png(card)
    black, white = value_range
    values = black + np.asarray(card.convert("L")) * ((white - black) / 255)
    return as_png(Image.fromarray(np.rint(values).astype(np.uint16)))


def _card() -> Image.Image:
    """Colours that run into each other, with a chessboard and a disc: drawn in whole numbers, so always the same."""
    y, x = np.mgrid[: SIDE * 3 // 4, :SIDE]
    card = np.stack([x * 255 // SIDE, y, 255 - (x + y) * 255 // (2 * SIDE)], axis=2).astype(np.uint8)
    card[((x // 16 + y // 16) % 2 == 0) & (x < 96)] = 235
    card[(x - 224) ** 2 + (y - 120) ** 2 < 64**2] = (200, 60, 40)
    return Image.fromarray(card)
