"""Pillow as the decompressor of a TIFF's data: it is given a plain TIFF, written here, and never the file's own tags.

libtiff then meets no tag that it would remark on, and Pillow none that it would misread.
"""

import io
import struct
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin, WebPImagePlugin

from whatsit.errors import ImageError
from whatsit.images.decoders.jpeg import read_frame
from whatsit.images.decoders.tiff.directory import (
    ALPHA,
    BLACK_IS_ZERO,
    CCITT,
    CMYK,
    JPEG,
    OLD_JPEG,
    RGB,
    WHITE_IS_ZERO,
    YCBCR,
    Layout,
)
from whatsit.images.libraries import hush_libtiff

_LONG, _SHORT, _BYTES = 4, 3, 7  # TIFF's types
_JPEG_TABLES = 347
_OLD_JPEG_TAGS = (512, 513, 514, 515, 519, 520, 521)
_T4, _T6, _SUBSAMPLING = 292, 293, 530


def libtiff_bytes(chunks: Sequence[bytes], shape: tuple[int, int], compression: int) -> list[NDArray[np.uint8]]:
    """Chunks that each decompress to (rows, bytes a row), as if they were the strips of one grey picture."""
    rows, width = shape
    places = list(accumulate((len(chunk) for chunk in chunks[:-1]), initial=8))
    tags = [(256, _LONG, [width]), (257, _LONG, [rows * len(chunks)]), (258, _SHORT, [8]), (259, _SHORT, [compression])]
    tags += [(262, _SHORT, [BLACK_IS_ZERO]), (273, _LONG, places), (277, _SHORT, [1]), (278, _LONG, [rows])]
    tags += [(279, _LONG, [len(chunk) for chunk in chunks])]
    pixels = np.asarray(_open(b"".join(chunks), tags))
    return list(pixels.reshape(len(chunks), rows, width))


def libtiff_image(layout: Layout, plane: int | None) -> NDArray[np.uint8]:
    """The page, or one plane of it, (height, width, samples) of 8 bits; a fax's bits as 0 and 1."""
    count = -(-layout.width // layout.chunk[1]) * -(-layout.height // layout.chunk[0])
    first = (plane or 0) * count
    data, offsets = layout.tags.data, layout.offsets[first : first + count]
    counts = layout.counts[first : first + count] or tuple(len(data) - offset for offset in offsets)
    if len(offsets) < count or len(counts) < count:
        raise ImageError(f"damaged TIFF: {len(offsets)} of its {count} strips or tiles")
    alone = plane is not None
    samples = 1 if alone else layout.samples
    photometric = BLACK_IS_ZERO if alone or layout.photometric == WHITE_IS_ZERO else layout.photometric
    if samples == 1 and photometric not in (YCBCR,):
        photometric = BLACK_IS_ZERO
    tags: list[tuple[int, int, Any]] = [
        (256, _LONG, [layout.width]),
        (257, _LONG, [layout.height]),
        (258, _SHORT, [layout.bits] * samples),
        (259, _SHORT, [layout.compression]),
        (262, _SHORT, [photometric]),
        (266, _SHORT, [2 if layout.reversed_bits else 1]),
        (277, _SHORT, [samples]),
    ]
    places = (324, 325) if layout.tiled else (273, 279)
    tags += [(places[0], _LONG, offsets), (places[1], _LONG, counts)]
    tags += [(322, _LONG, [layout.chunk[1]]), (323, _LONG, [layout.chunk[0]])] if layout.tiled else []
    tags += [] if layout.tiled else [(278, _LONG, [layout.chunk[0]])]
    kept: tuple[int, ...] = (_T4, _T6) if layout.compression in CCITT else (_SUBSAMPLING,)
    sampling = _sampling(layout, offsets, counts)
    if sampling is not None:
        kept = ()
        tags.append((_SUBSAMPLING, _SHORT, sampling))
    kept += _OLD_JPEG_TAGS if layout.compression in OLD_JPEG else ()
    tags += [
        (tag, _LONG if tag in (_T4, _T6) else _kind(tag), layout.tags.integers(tag))
        for tag in kept
        if tag in layout.tags
    ]
    if layout.compression in JPEG and _JPEG_TABLES in layout.tags:
        tags.append((_JPEG_TABLES, _BYTES, layout.tags.raw(_JPEG_TABLES)))
    extra = samples - {RGB: 3, YCBCR: 3, CMYK: 4}.get(photometric, 1)
    tags += [(338, _SHORT, [ALPHA] * extra)] if extra > 0 else []  # so that Pillow hands it over
    try:
        pixels = np.asarray(_open(data[8:], tags), np.uint8)
    except OSError:
        if layout.compression not in OLD_JPEG:
            raise
        raise ImageError("not supported: TIFF with such an old-style JPEG. Save it with LZW or deflate") from None
    except SyntaxError:  # a combination that Pillow has no mode for
        raise ImageError("not supported: TIFF with such samples under JPEG. Save it with LZW or deflate") from None
    return pixels.reshape(layout.height, layout.width, -1)


def _sampling(layout: Layout, offsets: Sequence[int], counts: Sequence[int]) -> tuple[int, int] | None:
    """How YCbCr's chroma is subsampled, by the JPEG itself: some writers' tag says 2 x 2 whatever it is."""
    if layout.compression not in JPEG or layout.photometric != YCBCR or not offsets:
        return None
    frame = read_frame(layout.tags.data[offsets[0] : offsets[0] + counts[0]])
    return frame.sampling if frame is not None and set(frame.sampling) <= {1, 2, 4} else None


def _kind(tag: int) -> int:
    return _SHORT if tag in (512, 515, _SUBSAMPLING) else _LONG


def webp(stored: bytes, shape: tuple[int, int]) -> bytes:
    """A chunk that is a WebP file of (rows, bytes a row)."""
    with WebPImagePlugin.WebPImageFile(io.BytesIO(stored)) as image:
        mode = {3 * image.width: "RGB", 4 * image.width: "RGBA"}.get(shape[1])
        if image.height != shape[0] or mode is None:
            raise ImageError(f"damaged TIFF: a part of {image.width} x {image.height} pixels is of another size")
        return image.convert(mode).tobytes()


def _open(body: bytes, tags: Iterable[tuple[int, int, Any]]) -> Image.Image:
    """A little-endian TIFF: `body` from byte 8 on, then the tags. Returns the loaded image."""
    body += b"\0" * (len(body) % 2)
    entries, beyond = b"", b""
    ordered = sorted(tags)
    at = 8 + len(body) + 2 + 12 * len(ordered) + 4
    for tag, kind, values in ordered:
        packed = _packed(kind, values)
        if len(packed) > 4:
            place = at + len(beyond)
            beyond += packed + b"\0" * (len(packed) % 2)
            field = struct.pack("<I", place)
        else:
            field = packed.ljust(4, b"\0")
        entries += struct.pack("<HHI", tag, kind, len(values)) + field
    head = b"II*\0" + struct.pack("<I", 8 + len(body))
    file = head + body + struct.pack("<H", len(ordered)) + entries + b"\0" * 4 + beyond
    hush_libtiff()
    with TiffImagePlugin.TiffImageFile(io.BytesIO(file)) as image:
        image.load()
        return image


def _packed(kind: int, values: Sequence[int] | bytes) -> bytes:
    if isinstance(values, bytes):
        return values
    return struct.pack(f"<{len(values)}{'I' if kind == _LONG else 'H'}", *values)
