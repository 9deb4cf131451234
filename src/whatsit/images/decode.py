"""Bytes → an upright RGB Pillow image, within limits; every failure an `ImageError` with a short reason.

The format is told by the first bytes, and only that format's decoder is asked: an allow-list, and the reason
is that decoder's own. Going round `Image.open` also leaves Pillow's global bomb limit out of it: the size in
the header is held against `Limits` before anything is decoded. All state is local, so threads do not meet.
"""

import importlib
import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from whatsit.errors import ImageError
from whatsit.images.colour import is_deep, to_rgb
from whatsit.images.formats import sniff
from whatsit.images.jpeg import scale_down
from whatsit.images.limits import Limits, check_format, check_pixels, check_stored_pixels
from whatsit.images.orientation import orientation, swaps_sides, turn_upright
from whatsit.images.preprocessing import ValueRange
from whatsit.images.quiet import hush_pillow

_DECODERS = {  # kind: (module, class); imported when the first such file is met
    "jpeg": ("PIL.JpegImagePlugin", "JpegImageFile"),  # of a phone's MPO, the first picture
    "png": ("PIL.PngImagePlugin", "PngImageFile"),
    "gif": ("PIL.GifImagePlugin", "GifImageFile"),  # the first frame, here and below
    "webp": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "bmp": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "tiff": ("PIL.TiffImagePlugin", "TiffImageFile"),
    "avif": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "heic": ("pillow_heif", "HeifImageFile"),
}
_NAMES = {"webp": "WebP"}  # the others are written in capitals
_TILE_WIDTH, _TILE_LENGTH = 322, 323  # TIFF's tags


@dataclass(frozen=True)
class Decoded:
    """An upright RGB image, perhaps scaled down, and the upright size in pixels of the original."""

    image: Image.Image
    width: int
    height: int


def decode(data: bytes, limits: Limits, at_least: int | None, value_range: ValueRange | None = None) -> Decoded:
    """Decode an image file's bytes; see `read_image` for the arguments. Raises `ImageError`."""
    with _opened(data, limits) as image:
        return _decode(image, data, limits, at_least, value_range)


def deep_values(data: bytes, limits: Limits) -> NDArray[Any] | None:
    """The numbers of a deep image as its file has them, (H, W) or (H, W, 3); None of 8 bits, which is not decoded.

    Raises `ImageError`.
    """
    with _opened(data, limits) as image:
        if not is_deep(image):
            return None
        _check_sizes(image, limits)
        image.load()
        return np.asarray(image)


def header_size(data: bytes, limits: Limits) -> tuple[int, int]:
    """(width, height) once it is turned upright, without decoding. Raises `ImageError`."""
    with _opened(data, limits) as image:
        width, height = image.size  # of a TIFF once it is turned, of others as stored
        turned = image.format != "TIFF" and swaps_sides(orientation(image))
        return (height, width) if turned else (width, height)


@contextmanager
def _opened(data: bytes, limits: Limits) -> Iterator[ImageFile.ImageFile]:
    kind = sniff(data[:32])
    if kind is None:
        raise ImageError(f"not an image: starts with {repr(data[:12])[1:]}")
    check_format(kind, limits)
    decoder = _decoder(kind)
    hush_pillow()
    try:
        with decoder(io.BytesIO(data)) as image:
            yield image
    except ImageError:
        raise
    except Exception as error:  # hostile bytes make Pillow raise nearly any type: this is the one gate
        raise ImageError(_reason(kind, error)) from error


def _decoder(kind: str) -> type[ImageFile.ImageFile]:
    module, name = _DECODERS[kind]
    try:
        return cast("type[ImageFile.ImageFile]", getattr(importlib.import_module(module), name))
    except ImportError:  # all others come with Pillow
        raise ImageError("HEIC needs pillow-heif. Install it: pip install 'whatsit[heif]'") from None


def _decode(
    image: ImageFile.ImageFile, data: bytes, limits: Limits, at_least: int | None, value_range: ValueRange | None
) -> Decoded:
    width, height = image.size
    check_stored_pixels(width, height, limits)
    if isinstance(image, JpegImageFile):
        scale_down(image, data, at_least, limits)
    _check_sizes(image, limits)
    image.load()
    turn = orientation(image)  # after loading: a PNG's may stand behind the pixels, a TIFF is then upright
    upright = turn_upright(to_rgb(image, value_range), turn)
    return Decoded(upright, *((height, width) if swaps_sides(turn) else (width, height)))


def _check_sizes(image: ImageFile.ImageFile, limits: Limits) -> None:
    """Of a TIFF in tiles, each is decoded in full, however little of it the image shows."""
    check_pixels(*image.size, limits)
    tags = getattr(image, "tag_v2", {})
    check_pixels(tags.get(_TILE_WIDTH, 0), tags.get(_TILE_LENGTH, 0), limits)


def _reason(kind: str, error: Exception) -> str:
    """One line, such as 'truncated JPEG: image file is truncated (8 bytes not processed)'."""
    name, text = _NAMES.get(kind, kind.upper()), str(error).partition("\n")[0] or type(error).__name__
    if isinstance(error.__cause__ or error, (EOFError, IndexError, struct.error)):
        return f"truncated {name}: ends in the middle of a header"
    return f"{'truncated' if 'truncated' in text.lower() else 'damaged'} {name}: {text}"
