"""The whole way, from a path, URI or bytes to numbers: the functions that the other rooms call."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from whatsit.images.decode import Decoded, decode, deep_values, header_size
from whatsit.images.depth import doubt
from whatsit.images.fit import fit
from whatsit.images.limits import DEFAULT_LIMITS, Limits
from whatsit.images.pages import FIRST, SENT
from whatsit.images.preprocessing import Preprocessing, ValueRange
from whatsit.images.source import Source, read_bytes

# A JPEG's shorter side is decoded to at least this many times the longer side of the network's input. Whichever way
# the photo is held and whatever the fit, both sides then have so many times the pixels that the input shows of them.
# Measured on 100 photos, all scaled down: the network's input is on average 0.6 of 255 from that of a full decode at
# 2 (worst photo 2.1, worst pixel 43), and 1.8 at 1 (4.9, 134).
_SPARE = 2
THUMBNAIL = (32, 32)  # pixels


@dataclass(frozen=True)
class Loaded:
    """One decoded image: the network's input, a thumbnail to tell near-duplicates by, and its size."""

    pixels: NDArray[np.uint8]  # (height, width, 3) RGB, the network's input
    thumbnail: NDArray[np.uint8]  # (32, 32) grey, the whole image squashed whatever `fit` says
    width: int  # of the upright original, in pixels
    height: int
    note: str | None = None  # what a reader of an answer should know of it


def read_image(
    source: Source,
    *,
    limits: Limits = DEFAULT_LIMITS,
    at_least: int | None = None,
    value_range: ValueRange | None = None,
) -> NDArray[np.uint8]:
    """An image file → upright RGB `uint8 (H, W, 3)`, C-contiguous.

    `at_least` (pixels) lets the JPEG decoder scale down by 2, 4 or 8 while the shorter side stays that long;
    other formats come in full. `value_range` is what is black and white in a deep image; without, 16 bits
    are 0 to 65535, and of integers and floats of 32 bits the photo decides. The first frame of an animation;
    transparency on white. Raises `ImageError` for what is missing, no image, damaged, or beyond `limits`.
    """
    return np.array(decode(read_bytes(source, limits), limits, at_least, value_range).image)


def load_for_network(
    source: Source, preprocessing: Preprocessing, limits: Limits = DEFAULT_LIMITS
) -> NDArray[np.uint8]:
    """An image file → the network's input, RGB `uint8 (height, width, 3)`. Raises `ImageError`."""
    return load_noted(source, preprocessing, limits)[0]


def load_noted(
    source: Source, preprocessing: Preprocessing, limits: Limits = DEFAULT_LIMITS
) -> tuple[NDArray[np.uint8], str | None]:
    """The same, and what a reader of an answer should know of it (`doubt`). Raises `ImageError`."""
    decoded = _decode_for(source, preprocessing, limits)
    return np.array(fit(decoded.image, preprocessing)), _note(source, decoded, preprocessing)


def load_with_thumbnail(source: Source, preprocessing: Preprocessing, limits: Limits = DEFAULT_LIMITS) -> Loaded:
    """The same input with a thumbnail and the original's size, from the same decode. Raises `ImageError`."""
    decoded = _decode_for(source, preprocessing, limits)
    pixels = np.array(fit(decoded.image, preprocessing))
    note = _note(source, decoded, preprocessing)
    return Loaded(pixels, thumbnail(decoded.image), decoded.width, decoded.height, note)


def _note(source: Source, decoded: Decoded, preprocessing: Preprocessing) -> str | None:
    further = SENT if isinstance(source, bytes) else FIRST
    notes = [further if decoded.further else None, doubt(decoded.deep, preprocessing.value_range)]
    return "; ".join(note for note in notes if note) or None


def thumbnail(image: Image.Image) -> NDArray[np.uint8]:
    """RGB → `uint8 (32, 32)`, grey, the whole image squashed."""
    return np.array(image.resize(THUMBNAIL, Image.Resampling.BOX).convert("L"))


def _decode_for(source: Source, preprocessing: Preprocessing, limits: Limits) -> Decoded:
    at_least = _SPARE * max(preprocessing.height, preprocessing.width)
    return decode(read_bytes(source, limits), preprocessing.reading(limits), at_least, preprocessing.value_range)


def read_size(source: Source, limits: Limits = DEFAULT_LIMITS) -> tuple[int, int]:
    """(width, height) in pixels once it is turned upright, from the header alone. Raises `ImageError`."""
    return header_size(read_bytes(source, limits), limits)


def read_deep_values(source: Source, limits: Limits = DEFAULT_LIMITS) -> NDArray[Any] | None:
    """The values of a deep image as its file has them, (H, W) or (H, W, 3); None where it has 8 bits.

    Raises `ImageError`.
    """
    return deep_values(read_bytes(source, limits), limits)
