"""BMP and DIB: by Pillow, but for pixels whose colours lie where the file's masks say: Pillow knows a few of these."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImagePalette
from PIL.BmpImagePlugin import BmpImageFile, DibImageFile

from whatsit.errors import ImageError
from whatsit.images.colour import Header, Samples, without_empty_alpha
from whatsit.images.limits import Limits, check_pixels

_MASKED = (3, 6)  # compressions: BI_BITFIELDS, BI_ALPHABITFIELDS
_ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class _Masked:
    """A picture whose pixels are whole numbers of 16 or 32 bits, each colour in some of them."""

    width: int
    height: int
    bits: int
    top_first: bool
    masks: tuple[int, ...]  # red, green, blue, alpha
    start: int  # of the pixels, in bytes


def header(data: bytes) -> Header:
    """Raises `ImageError`."""
    masked = _masked(data)
    if masked is not None:
        return Header(masked.width, masked.height, 1, False)
    with _opened(data) as image:
        return Header(*image.size, 1, False)


def read(data: bytes, limits: Limits) -> Image.Image | Samples:
    """Alpha of nothing but 0 is none (as browsers and Windows have it), and grey is read at the file's own depth.

    Pillow takes a palette of greys for grey of 8 bits, or of 1 where it has two colours, whatever the pixels' depth.
    Raises `ImageError`.
    """
    masked = _masked(data)
    if masked is not None:
        check_pixels(masked.width, masked.height, limits)
        return _colours(data, masked)
    with _opened(data) as image:
        check_pixels(*image.size, limits)
        bits = _bits(data)
        if {"1": 1, "L": 8}.get(image.mode, bits) != bits and bits in (1, 2, 4, 8):
            greys = bytes((0, 255)) if image.mode == "1" else bytes(range(256))
            image.palette = ImagePalette.raw("RGB", b"".join(bytes([grey] * 3) for grey in greys))
            image._mode = "P"
            raw_mode = "P" if bits == 8 else f"P;{bits}"
            image.tile = [tile._replace(args=(raw_mode, *tile.args[1:])) for tile in image.tile if tile.args]
        image.load()
        return without_empty_alpha(image)


def _opened(data: bytes) -> BmpImageFile:
    return (BmpImageFile if data[:2] == b"BM" else DibImageFile)(io.BytesIO(data))


def _at(data: bytes) -> int:
    """Where the picture's header begins."""
    return 14 if data[:2] == b"BM" else 0


def _bits(data: bytes) -> int:
    at = _at(data)
    place = at + (10 if data[at] == 12 else 14)
    return int.from_bytes(data[place : place + 2], "little")


def _masked(data: bytes) -> _Masked | None:
    """None of a picture without masks (BITMAPINFOHEADER, BITMAPV4HEADER: masks follow 40 bytes or are part of it)."""
    at = _at(data)
    size, width, height, _, _, compression = (_u32(data, at + place) for place in (0, 4, 8, 12, 12, 16))
    bits, top_first = _bits(data), height >= 2**31
    if size < 40 or size == 64 or compression not in _MASKED or bits not in (16, 32):
        return None
    count = 4 if size >= 56 or compression == 6 else 3
    masks = tuple(_u32(data, at + 40 + 4 * i) for i in range(count))
    if not any(masks[:3]) or len(data) < at + 40 + 4 * count:
        return None
    behind = at + max(size, 40 + 4 * count) + 4 * _u32(data, at + 32)
    start = _u32(data, 10) if at else behind
    height = 2**32 - height if top_first else height
    if not 0 < width < 2**31 or height == 0:
        raise ImageError(f"damaged BMP: {width} x {height} pixels")
    return _Masked(width, height, bits, top_first, masks, start)


def _colours(data: bytes, masked: _Masked) -> Samples:
    row = -(-masked.width * masked.bits // 32) * 4
    end = masked.start + row * masked.height
    if end > len(data):
        raise ImageError(f"truncated BMP: its pixels should end at byte {end:,}, the file at {len(data):,}")
    stored = np.frombuffer(data, np.uint8, row * masked.height, masked.start).reshape(masked.height, row)
    out = np.empty((masked.height, masked.width, 4), np.uint8)
    out[..., 3] = 255
    for top in range(0, masked.height, _ROWS_AT_ONCE):
        part = np.ascontiguousarray(stored[top : top + _ROWS_AT_ONCE])
        numbers = part.view(f"<u{masked.bits // 8}")[:, : masked.width]
        for channel, mask in enumerate(masked.masks):
            if mask or channel < 3:
                out[top : top + _ROWS_AT_ONCE, :, channel] = _of_mask(numbers, mask)
    out = out if masked.top_first else out[::-1]
    opaque = masked.masks[3:] in ((), (0,)) or not out[..., 3].any()
    return Samples(np.ascontiguousarray(out[..., :3]), None if opaque else np.ascontiguousarray(out[..., 3]))


def _of_mask(numbers: NDArray[np.unsignedinteger], mask: int) -> NDArray[np.uint8]:
    """The masked bits, all of them set as 255."""
    if not mask:
        return np.zeros(numbers.shape, np.uint8)
    shift = (mask & -mask).bit_length() - 1
    most = mask >> shift
    if most & (most + 1):
        raise ImageError("not supported: BMP whose masks have gaps. Save it as PNG or JPEG")
    values = (numbers.astype(np.uint32) & np.uint32(mask & 0xFFFFFFFF)) >> np.uint32(shift)
    levels: NDArray[np.uint8] = np.rint(values * (255 / most)).astype(np.uint8)
    return levels


def _u32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")
