"""Bytes of an image file → an upright RGB image within limits, the network's input, a thumbnail, a small photo.

The first bytes tell the format, and only that format's decoder is asked: an allow-list, and the reason of a failure is
that decoder's own. `Image.open` is not used, so Pillow's global bomb limit plays no part: the size in the header is
held against `Limits` before anything is decoded. Every failure is an `ImageError` with a short reason. All state is
local, so threads do not meet.

`load_for_network`, `load_noted` and `load_with_thumbnail` are the whole way from a path, URI or bytes to numbers, for
the other rooms. `small_photo` is for a report or a model folder: of the original only pixels remain, no EXIF, so
neither a place nor a time. The module knows no labels.
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
from whatsit.images.colour import Header, Samples, doubt, is_deep, of_bands, samples_to_rgb, to_rgb
from whatsit.images.decoders.jpeg import read_frame, read_rare, scale_down
from whatsit.images.decoders.pillow import LOADERS, is_deep_png, load, may_be_turned
from whatsit.images.formats import HEAD, name_of_unread, sniff, what_it_is
from whatsit.images.libraries import hush_pillow
from whatsit.images.limits import DEFAULT_LIMITS, Limits, check_format, check_pixels, check_stored_pixels
from whatsit.images.photo_cache import Decoded, PhotoBytes
from whatsit.images.preprocessing import Preprocessing, ValueRange
from whatsit.images.resize import orientation, resize, swaps_sides, turn_upright
from whatsit.images.source import FIRST, SENT, Source, read_bytes
from whatsit.notices import note

_DECODERS = {  # Pillow's kind: (module, class); imported when the first such file is met
    "jpeg": ("PIL.JpegImagePlugin", "JpegImageFile"),  # of a phone's MPO, the first picture
    "png": ("PIL.PngImagePlugin", "PngImageFile"),
    "gif": ("PIL.GifImagePlugin", "GifImageFile"),  # the first frame, here and below
    "webp": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "avif": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "heic": ("pillow_heif", "HeifImageFile"),
}


_OWN = {  # kind: the module that reads it, with functions `header` and `read`
    "tiff": "whatsit.images.decoders.tiff.read",
    "pnm": "whatsit.images.decoders.netpbm",
    "ico": "whatsit.images.decoders.icons",
    "bmp": "whatsit.images.decoders.bmp",
    "dib": "whatsit.images.decoders.bmp",
    "tga": "whatsit.images.decoders.tga",
    "jp2": "whatsit.images.decoders.jpeg2000",
    "dicom": "whatsit.images.decoders.dicom",
}


_ANIMATED = ("gif", "png", "webp", "avif")
_NAMES = {"webp": "WebP"}  # the others are written in capitals
_LONGEST = 150  # characters of a decoder's own words
_UNREAD = re.compile(r"unsupported|not supported|not yet supported|cannot handle|has not been built in", re.IGNORECASE)


def decode(data: bytes, limits: Limits, at_least: int | None, value_range: ValueRange | None = None) -> Decoded:
    """Decode an image file's bytes; see `read_image` for the arguments. Raises `ImageError`.

    What `PhotoBytes` was decoded to before, by the same limits and to the same scale, is not decoded again.
    """
    kind = _kind(data, limits)
    at_least = at_least if kind == "jpeg" else None
    known = data.decoded(limits, value_range, at_least) if isinstance(data, PhotoBytes) else None
    if known is not None:
        return known
    decoded = _decoded(kind, data, limits, at_least, value_range)
    if isinstance(data, PhotoBytes):
        data.keep(limits, value_range, at_least, decoded)
    return decoded


def _decoded(kind: str, data: bytes, limits: Limits, at_least: int | None, value_range: ValueRange | None) -> Decoded:
    with _errors_named(kind):
        loaded, turn, (width, height) = _loaded(kind, data, limits, at_least)
        rgb = samples_to_rgb(loaded, value_range) if isinstance(loaded, Samples) else to_rgb(loaded, value_range)
        if limits.bands is not None and kind != "tiff":
            rgb = of_bands(rgb, limits.bands)
        if swaps_sides(turn):
            width, height = height, width
        further = isinstance(loaded, Samples) and loaded.further
        upright, values = turn_upright(rgb, turn), _deep(loaded)
    return Decoded(upright, width, height, values is not None, doubt(values, value_range), further)


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
        turn = orientation(image) if kind != "png" or may_be_turned(data) else 1
        return Header(*image.size, turn, deep)


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


# A JPEG's shorter side is decoded to at least this many times the longer side of the network's input. Whichever way
# the photo is held and whatever the resize mode, both sides then have so many times the pixels that the input shows.
# Measured on 100 photos, all scaled down: the network's input is on average 0.6 of 255 from that of a full decode at
# 2 (worst photo 2.1, worst pixel 43), and 1.8 at 1 (4.9, 134).
_SPARE = 2
THUMBNAIL = (32, 32)  # pixels


@dataclass(frozen=True)
class Loaded:
    """One decoded image: the network's input, a thumbnail to tell near-duplicates by, and its size."""

    pixels: NDArray[np.uint8]  # (height, width, 3) RGB, the network's input
    thumbnail: NDArray[np.uint8]  # (32, 32) grey, the whole image squashed whatever `resize_mode` says
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
    return np.array(resize(decoded.image, preprocessing)), _note(source, decoded)


def load_with_thumbnail(source: Source, preprocessing: Preprocessing, limits: Limits = DEFAULT_LIMITS) -> Loaded:
    """The same input with a thumbnail and the original's size, from the same decode. Raises `ImageError`."""
    decoded = _decode_for(source, preprocessing, limits)
    pixels = np.array(resize(decoded.image, preprocessing))
    note = _note(source, decoded)
    return Loaded(pixels, thumbnail(decoded.image), decoded.width, decoded.height, note)


def _note(source: Source, decoded: Decoded) -> str | None:
    further = SENT if isinstance(source, bytes) else FIRST
    notes = [further if decoded.further else None, decoded.doubt]
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
