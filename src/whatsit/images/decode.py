"""Bytes → an upright RGB Pillow image, within limits; every failure an `ImageError` with a short reason.

The format is told by the first bytes, and only that format's decoder is asked: an allow-list, and the reason
is that decoder's own. Going round `Image.open` also leaves Pillow's global bomb limit out of it: the size in
the header is held against `Limits` before anything is decoded. All state is local, so threads do not meet.
"""

import importlib
import io
import re
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
from whatsit.images.colour import is_deep, of_bands, samples_to_rgb, to_rgb
from whatsit.images.formats import HEAD, name_of_unread, sniff, what_it_is
from whatsit.images.jpeg import read_frame, read_rare, scale_down
from whatsit.images.limits import Limits, check_format, check_pixels, check_stored_pixels
from whatsit.images.mend import LOADERS, is_deep_png, load
from whatsit.images.notes import note
from whatsit.images.orientation import orientation, swaps_sides, turn_upright
from whatsit.images.preprocessing import ValueRange
from whatsit.images.quiet import hush_pillow
from whatsit.images.samples import Header, Samples

_DECODERS = {  # Pillow's kind: (module, class); imported when the first such file is met
    "jpeg": ("PIL.JpegImagePlugin", "JpegImageFile"),  # of a phone's MPO, the first picture
    "png": ("PIL.PngImagePlugin", "PngImageFile"),
    "gif": ("PIL.GifImagePlugin", "GifImageFile"),  # the first frame, here and below
    "webp": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "avif": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "heic": ("pillow_heif", "HeifImageFile"),
}
_OWN = {  # kind: the module that reads it, with functions `header` and `read`
    "tiff": "whatsit.images.tiff.read",
    "pnm": "whatsit.images.netpbm",
    "ico": "whatsit.images.icons",
    "bmp": "whatsit.images.bmp",
    "dib": "whatsit.images.bmp",
    "tga": "whatsit.images.tga",
    "jp2": "whatsit.images.jpeg2000",
    "dicom": "whatsit.images.dicom",
}
_ANIMATED = ("gif", "png", "webp", "avif")
_NAMES = {"webp": "WebP"}  # the others are written in capitals
_LONGEST = 150  # characters of a decoder's own words
_UNREAD = re.compile(r"unsupported|not supported|not yet supported|cannot handle|has not been built in", re.IGNORECASE)


@dataclass(frozen=True)
class Decoded:
    """An upright RGB image, perhaps scaled down, and the upright size in pixels of the original."""

    image: Image.Image
    width: int
    height: int
    deep: NDArray[Any] | None = None  # the numbers of a deep image, as stored
    further: bool = False  # whether the file has more pages


def decode(data: bytes, limits: Limits, at_least: int | None, value_range: ValueRange | None = None) -> Decoded:
    """Decode an image file's bytes; see `read_image` for the arguments. Raises `ImageError`."""
    kind = _kind(data, limits)
    with _errors_named(kind):
        loaded, turn, (width, height) = _loaded(kind, data, limits, at_least)
        rgb = samples_to_rgb(loaded, value_range) if isinstance(loaded, Samples) else to_rgb(loaded, value_range)
        if limits.bands is not None and kind != "tiff":
            rgb = of_bands(rgb, limits.bands)
        if swaps_sides(turn):
            width, height = height, width
        further = isinstance(loaded, Samples) and loaded.further
        return Decoded(turn_upright(rgb, turn), width, height, _deep(loaded), further)


def deep_values(data: bytes, limits: Limits) -> NDArray[Any] | None:
    """The numbers of a deep image as its file has them, (H, W) or (H, W, 3); None of 8 bits, which is not decoded.

    Raises `ImageError`.
    """
    kind = _kind(data, limits)
    with _errors_named(kind):
        if not _header(kind, data).is_deep:
            return None
        return _deep(_loaded(kind, data, limits, None)[0])


def _deep(loaded: Image.Image | Samples) -> NDArray[Any] | None:
    if isinstance(loaded, Samples):
        return None if loaded.values.dtype == np.uint8 else loaded.values
    return np.asarray(loaded) if is_deep(loaded) else None


def header_size(data: bytes, limits: Limits) -> tuple[int, int]:
    """(width, height) once it is turned upright, without decoding. Raises `ImageError`."""
    kind = _kind(data, limits)
    with _errors_named(kind):
        found = _header(kind, data)
        size = found.width, found.height
        return size[::-1] if swaps_sides(found.orientation) else size


def _kind(data: bytes, limits: Limits) -> str:
    kind = sniff(data[:HEAD])
    if kind is None:
        name = name_of_unread(data[:HEAD])
        if name is not None:
            raise ImageError(f"not supported: {name}. Save it as PNG or JPEG")
        raise ImageError(f"not an image: {what_it_is(data[:HEAD])}")
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


def _header(kind: str, data: bytes) -> Header:
    if kind in _OWN:
        found: Header = importlib.import_module(_OWN[kind]).header(data)
        return found
    frame = read_frame(data) if kind == "jpeg" else None
    if frame is not None and not frame.is_read_by_pillow:
        return Header(frame.width, frame.height, 1, frame.bits > 8)
    with _decoder(kind)(io.BytesIO(data)) as image:
        deep = is_deep(image) or (kind == "png" and is_deep_png(data))
        return Header(*image.size, orientation(image), deep)


def _loaded(
    kind: str, data: bytes, limits: Limits, at_least: int | None
) -> tuple[Image.Image | Samples, int, tuple[int, int]]:
    """The picture as it lies in the file, its orientation, and (width, height) as stored."""
    frame = read_frame(data) if kind == "jpeg" else None
    if kind in _OWN or (frame is not None and not frame.is_read_by_pillow):
        found = _header(kind, data)
        size = found.width, found.height
        check_stored_pixels(*size, limits)
        own = read_rare(data, frame, limits) if frame else importlib.import_module(_OWN[kind]).read(data, limits)
        return own, found.orientation, size
    with _decoder(kind)(io.BytesIO(data)) as image:
        size = image.size
        check_stored_pixels(*size, limits)
        if isinstance(image, JpegImageFile):
            scale_down(image, data, at_least, limits)
        check_pixels(*image.size, limits)
        loaded = LOADERS.get(kind, load)(image, data)
        turn = orientation(image)  # after loading: a PNG's orientation may stand behind the pixels
        if kind in _ANIMATED and _is_animated(kind, data):
            note("frames", data)
        return loaded, turn, size


def _is_animated(kind: str, data: bytes) -> bool:
    """Opened anew: a GIF that is asked loses the frame that was loaded."""
    try:
        with _decoder(kind)(io.BytesIO(data)) as image:
            return bool(getattr(image, "is_animated", False))
    except Exception:  # a damaged second frame is no matter
        return False


def _reason(kind: str, error: Exception) -> str:
    """One line, such as 'truncated JPEG: image file is truncated (8 bytes not processed)'."""
    name, text = _NAMES.get(kind, kind.upper()), str(error).partition("\n")[0][:_LONGEST] or type(error).__name__
    if isinstance(error.__cause__ or error, (EOFError, IndexError, struct.error)):
        return f"truncated {name}: ends in the middle of a header"
    if _UNREAD.search(text):
        return f"not supported: {name} ({text}). Save it as PNG or JPEG"
    return f"{'truncated' if 'truncated' in text.lower() else 'damaged'} {name}: {text}"
