"""Photos made small: to be looked at in a report, or kept in a model folder. Of the original only pixels remain:
no EXIF, so neither a place nor a time."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from whatsit.images.limits import DEFAULT_LIMITS, Limits
from whatsit.images.load import read_image
from whatsit.images.preprocessing import ValueRange
from whatsit.images.source import Source

JPEG_QUALITY = 80


def small_photo(
    source: Source, side: int, limits: Limits = DEFAULT_LIMITS, value_range: ValueRange | None = None
) -> Image.Image:
    """An image file → upright RGB, at most `side` pixels long. value_range: of deep images. Raises `ImageError`."""
    return shrunk(read_image(source, limits=limits, at_least=side, value_range=value_range), side)


def shrunk(pixels: NDArray[np.uint8], side: int) -> Image.Image:
    """(H, W, 3) → the same in its proportions, at most `side` pixels long; never larger than it was."""
    image = Image.fromarray(pixels)
    image.thumbnail((side, side))
    return image


def as_jpeg(image: Image.Image) -> bytes:
    return _encoded(image, "JPEG", quality=JPEG_QUALITY)


def as_png(image: Image.Image) -> bytes:
    return _encoded(image, "PNG")


def _encoded(image: Image.Image, kind: str, **options: int) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
