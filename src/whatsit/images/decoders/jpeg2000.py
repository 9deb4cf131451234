"""JPEG 2000 by Pillow, where Pillow is right: it scales grey up to 16 bits, brings deep colour to 8, and takes any
fourth band for opacity.
"""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile

from whatsit.errors import ImageError
from whatsit.images.colour import Header, Samples
from whatsit.images.libraries import imagecodecs
from whatsit.images.limits import Limits, check_pixels

_START = b"\xff\x4f\xff\x51"  # of a codestream: SOC, SIZ
_SYCC = b"\x12"  # the last byte of JP2's number for sYCC


@dataclass(frozen=True)
class _Frame:
    width: int
    height: int
    bands: int
    bits: int
    signed: bool


def header(data: bytes) -> Header:
    """Raises `ImageError`."""
    frame = _frame(data)
    return Header(frame.width, frame.height, 1, frame.bits > 8)


def read(data: bytes, limits: Limits) -> Image.Image | Samples:
    """Raises `ImageError`."""
    frame = _frame(data)
    check_pixels(frame.width, frame.height, limits)
    if frame.bands > 4 or (frame.bands == 4 and b"cdef" not in data[:4096] and not _is_cmyk(data)):
        raise ImageError(
            f"not supported: JPEG 2000 of {frame.bands} bands, without a word on which are red, green and blue. "
            "Save three of them as RGB"
        )
    if frame.bits > 8 and frame.bands > 1:
        return _deep_colour(data, frame)
    with Jpeg2KImageFile(io.BytesIO(data)) as image:
        if image.size != (frame.width, frame.height):
            raise ImageError("damaged JP2: two sizes")
        image.load()
        if image.mode != "I;16":
            return image if frame.bits == 8 else _to_eight(image, frame.bits)
        values = np.asarray(image).astype(np.uint16) >> (16 - frame.bits)
        if frame.signed:  # Pillow moves them up by half of their range
            return Samples((values.astype(np.int32) - (1 << (frame.bits - 1))).astype(np.int16), None, frame.bits)
        return Samples(values, None, frame.bits)


def _to_eight(image: Image.Image, bits: int) -> Image.Image:
    """Of 1 to 7 bits, which Pillow moves up to the highest of 8."""
    levels = np.rint(np.arange(256) // (1 << (8 - bits)) * (255 / ((1 << bits) - 1)))
    return image.point(levels.astype(int).tolist() * len(image.getbands()))


def _deep_colour(data: bytes, frame: _Frame) -> Samples:
    if frame.bands != 3 or b"pclr" in data[:4096] or _colour_space(data) == _SYCC:
        raise ImageError(f"not supported: JPEG 2000 of {frame.bits}-bit colours of this kind. Save it as RGB")
    values = imagecodecs("JPEG 2000 of more than 8 bits in colour").jpeg2k_decode(data)
    if values.shape != (frame.height, frame.width, 3) or values.dtype not in (np.uint16, np.int16):
        raise ImageError("damaged JP2: its pixels are of another size")
    return Samples(values, None, frame.bits)


def _is_cmyk(data: bytes) -> bool:
    return _colour_space(data) == b"\x0c"


def _colour_space(data: bytes) -> bytes:
    """The last byte of JP2's enumerated colour space, none where the file has none."""
    at = data.find(b"colr", 0, 4096)
    return data[at + 10 : at + 11] if at > 0 and data[at + 4 : at + 5] == b"\1" else b""


def _frame(data: bytes) -> _Frame:
    """By the codestream itself (ISO/IEC 15444-1, A.5.1), whatever the file around it says."""
    at = data.find(_START)
    if at < 0 or at + 42 > len(data):
        raise ImageError("truncated JP2: ends in the middle of a header")
    right, bottom, left, top = (int.from_bytes(data[at + i : at + i + 4], "big") for i in (8, 12, 16, 20))
    bands = int.from_bytes(data[at + 40 : at + 42], "big")
    depths = {data[i] for i in range(at + 42, min(at + 42 + 3 * bands, len(data) - 2), 3)}
    if right <= left or bottom <= top or not bands or not depths:
        raise ImageError("damaged JP2: it has no pixels")
    if len(depths) > 1 or max(one & 0x7F for one in depths) > 15:
        raise ImageError(
            "not supported: JPEG 2000 of bands that differ in depth, or of more than 16 bits. Save it as PNG"
        )
    depth = depths.pop()
    return _Frame(right - left, bottom - top, bands, (depth & 0x7F) + 1, depth > 0x7F)
