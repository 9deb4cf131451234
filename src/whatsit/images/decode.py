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
from whatsit.images.colour import is_deep, samples_to_rgb, to_rgb
from whatsit.images.formats import HEAD, sniff
from whatsit.images.jpeg import scale_down
from whatsit.images.limits import Limits, check_format, check_pixels, check_stored_pixels
from whatsit.images.mend import LOADERS, is_deep_png, load
from whatsit.images.orientation import orientation, swaps_sides, turn_upright
from whatsit.images.preprocessing import ValueRange
from whatsit.images.quiet import hush_pillow
from whatsit.images.samples import Samples
from whatsit.images.tiff.layout import first_page
from whatsit.images.tiff.picture import read_picture

_DECODERS = {  # kind: (module, class); imported when the first such file is met
    "jpeg": ("PIL.JpegImagePlugin", "JpegImageFile"),  # of a phone's MPO, the first picture
    "png": ("PIL.PngImagePlugin", "PngImageFile"),
    "gif": ("PIL.GifImagePlugin", "GifImageFile"),  # the first frame, here and below
    "webp": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "bmp": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "avif": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "heic": ("pillow_heif", "HeifImageFile"),
}
_NAMES = {"webp": "WebP"}  # the others are written in capitals


@dataclass(frozen=True)
class Decoded:
    """An upright RGB image, perhaps scaled down, and the upright size in pixels of the original."""

    image: Image.Image
    width: int
    height: int


def decode(data: bytes, limits: Limits, at_least: int | None, value_range: ValueRange | None = None) -> Decoded:
    """Decode an image file's bytes; see `read_image` for the arguments. Raises `ImageError`."""
    kind = _kind(data, limits)
    with _errors_named(kind):
        loaded, turn, (width, height) = _loaded(kind, data, limits, at_least)
        rgb = samples_to_rgb(loaded, value_range) if isinstance(loaded, Samples) else to_rgb(loaded, value_range)
        return Decoded(turn_upright(rgb, turn), *((height, width) if swaps_sides(turn) else (width, height)))


def deep_values(data: bytes, limits: Limits) -> NDArray[Any] | None:
    """The numbers of a deep image as its file has them, (H, W) or (H, W, 3); None of 8 bits, which is not decoded.

    Raises `ImageError`.
    """
    kind = _kind(data, limits)
    with _errors_named(kind):
        if not _is_deep(kind, data):
            return None
        loaded, *_ = _loaded(kind, data, limits, None)
        return loaded.values if isinstance(loaded, Samples) else np.asarray(loaded)


def header_size(data: bytes, limits: Limits) -> tuple[int, int]:
    """(width, height) once it is turned upright, without decoding. Raises `ImageError`."""
    kind = _kind(data, limits)
    with _errors_named(kind):
        if kind == "tiff":
            layout = first_page(data)
            (width, height), turned = (layout.width, layout.height), swaps_sides(layout.orientation)
        else:
            with _decoder(kind)(io.BytesIO(data)) as image:
                (width, height), turned = image.size, swaps_sides(orientation(image))
        return (height, width) if turned else (width, height)


def _kind(data: bytes, limits: Limits) -> str:
    kind = sniff(data[:HEAD])
    if kind is None:
        raise ImageError(f"not an image: starts with {repr(data[:12])[1:]}")
    check_format(kind, limits)
    return kind


@contextmanager
def _errors_named(kind: str) -> Iterator[None]:
    hush_pillow()
    try:
        yield
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


def _is_deep(kind: str, data: bytes) -> bool:
    """Whether it has more than 8 bits, by its header."""
    if kind == "tiff":
        return first_page(data).is_deep
    with _decoder(kind)(io.BytesIO(data)) as image:
        return is_deep(image) or (kind == "png" and is_deep_png(data))


def _loaded(
    kind: str, data: bytes, limits: Limits, at_least: int | None
) -> tuple[Image.Image | Samples, int, tuple[int, int]]:
    """The picture as it lies in the file, its orientation, and (width, height) as stored."""
    if kind == "tiff":
        layout = first_page(data)
        check_stored_pixels(layout.width, layout.height, limits)
        return read_picture(layout, limits), layout.orientation, (layout.width, layout.height)
    with _decoder(kind)(io.BytesIO(data)) as image:
        size = image.size
        check_stored_pixels(*size, limits)
        if isinstance(image, JpegImageFile):
            scale_down(image, data, at_least, limits)
        check_pixels(*image.size, limits)
        loaded = LOADERS.get(kind, load)(image, data)
        return loaded, orientation(image), size  # after loading: a PNG's orientation may stand behind the pixels


def _reason(kind: str, error: Exception) -> str:
    """One line, such as 'truncated JPEG: image file is truncated (8 bytes not processed)'."""
    name, text = _NAMES.get(kind, kind.upper()), str(error).partition("\n")[0] or type(error).__name__
    if isinstance(error.__cause__ or error, (EOFError, IndexError, struct.error)):
        return f"truncated {name}: ends in the middle of a header"
    return f"{'truncated' if 'truncated' in text.lower() else 'damaged'} {name}: {text}"
