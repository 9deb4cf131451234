"""A page's strips or tiles → its samples, `(height, width, samples)` in the machine's byte order.

Every size is known from the tags before anything is allocated, and no decompressor is let write more than the tags
call for. What a sample means is not known here (`picture.py`).
"""

import lzma
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatsit.errors import ImageError
from whatsit.images.decoders.tiff import libtiff as pillow
from whatsit.images.decoders.tiff.codecs import check_codec, decoded, is_codec
from whatsit.images.decoders.tiff.directory import (
    CCITT,
    DEFLATE,
    JPEG,
    LZMA,
    LZW,
    NONE,
    OLD_JPEG,
    PACKBITS,
    RGB,
    WEBP,
    YCBCR,
    ZSTD,
    Layout,
    compression_name,
)
from whatsit.images.limits import Limits, check_pixels, check_samples

Bytes = NDArray[np.uint8]
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_CODES_PREDICTED = (*LZW, *DEFLATE, *ZSTD, *LZMA)
_DIFFERENCE, _FLOAT_DIFFERENCE = 2, 3  # Predictor (TIFF 6.0, section 14; Adobe's TIFF Technical Note 3)
_BYTES_AT_ONCE = 1 << 24  # decompressed by one call
_HEADER = 8  # bytes, at least
_ROWS_AT_ONCE = 256  # while bits are unpacked, which takes 8 bytes a byte


def read_samples(layout: Layout, wanted: Sequence[int], limits: Limits) -> tuple[NDArray[Any], Layout]:
    """The wanted samples of each pixel, and the layout as it then is (JPEG's YCbCr has become RGB).

    Raises `ImageError` where the data are cut off, damaged, too large, or in a form that is not read here.
    """
    _check(layout, limits, len(wanted))
    if layout.compression in (*CCITT, *JPEG, *OLD_JPEG) and not is_codec(layout):
        return _by_libtiff(layout, wanted)
    if layout.subsampling == (1, 1):
        return _assembled(layout, wanted, limits), layout
    return _subsampled(layout, limits), replace(layout, subsampling=(1, 1))


def _check(layout: Layout, limits: Limits, wanted: int) -> None:
    check_pixels(layout.width, layout.height, limits)
    check_pixels(*layout.chunk, limits)  # each is decoded in full, however little of it the image shows
    held = 1 if layout.separate else layout.samples
    item = _dtype(layout).itemsize
    check_samples(layout.width * layout.height * max(wanted, 1) * item, limits)
    check_samples(layout.chunk[0] * layout.chunk[1] * held * item, limits)
    name = compression_name(layout.compression)
    if is_codec(layout):
        check_codec(layout, name or f"{layout.bits}-bit JPEG")
    elif name is not None:
        raise ImageError(f"not supported: TIFF compressed with {name}. Save it with LZW or deflate")
    elif layout.compression in (*JPEG, *OLD_JPEG, *WEBP) and (layout.bits != 8 or layout.kind != "u"):
        raise ImageError(f"not supported: TIFF with {layout.bits}-bit JPEG. Save it with LZW or deflate")
    if layout.compression in WEBP and layout.photometric != RGB:
        raise ImageError("not supported: TIFF with WebP of other colours than RGB. Save it with LZW or deflate")
    if layout.compression in CCITT and (layout.bits, layout.samples) != (1, 1):
        raise ImageError("damaged TIFF: a fax's compression of more than one bit")
    if layout.predictor != 1 and not _is_predicted(layout):
        raise ImageError(f"not supported: TIFF with predictor {layout.predictor} here. Save it without a predictor")


def _is_predicted(layout: Layout) -> bool:
    if layout.compression not in _CODES_PREDICTED:
        return layout.compression not in (*NONE, *PACKBITS)  # the others have none, and readers agree to pass it over
    if layout.predictor == _FLOAT_DIFFERENCE:
        return layout.kind == "f"
    return layout.predictor == _DIFFERENCE and layout.bits in (8, 16, 32, 64)


def _by_libtiff(layout: Layout, wanted: Sequence[int]) -> tuple[NDArray[Any], Layout]:
    """What only libtiff reads, as whole pictures of 8 bits or one."""
    if layout.separate:
        if layout.photometric == YCBCR:
            raise ImageError("not supported: TIFF with YCbCr in planes. Save it as RGB")
        planes = [pillow.libtiff_image(layout, plane) for plane in wanted]
        return np.concatenate(planes, axis=2), layout
    pixels = pillow.libtiff_image(layout, None)
    if layout.compression in OLD_JPEG or layout.photometric == YCBCR:
        layout = replace(layout, photometric=RGB)
    return _chosen(pixels, wanted), layout


def _chosen(samples: NDArray[Any], wanted: Sequence[int]) -> NDArray[Any]:
    return samples if list(wanted) == list(range(samples.shape[2])) else samples[:, :, list(wanted)]


def _assembled(layout: Layout, wanted: Sequence[int], limits: Limits) -> NDArray[Any]:
    if not layout.separate and layout.chunk == (layout.height, layout.width):
        for _, whole in _chunks(layout, 0, limits):  # spares a second copy
            return _chosen(whole, wanted)
    out = np.zeros((layout.height, layout.width, len(wanted)), _dtype(layout))
    planes = [(i, plane) for i, plane in enumerate(wanted)] if layout.separate else [(None, 0)]
    for target, plane in planes:
        for (top, left), chunk in _chunks(layout, plane, limits):
            part = out[top : top + layout.chunk[0], left : left + layout.chunk[1]]
            chunk = chunk[: part.shape[0], : part.shape[1]]
            if target is None:
                part[...] = _chosen(chunk, wanted)
            else:
                part[..., target] = chunk[..., 0]
    return out


def _chunks(layout: Layout, plane: int, limits: Limits) -> Iterator[tuple[tuple[int, int], NDArray[Any]]]:
    """(top, left) in pixels and the samples of each chunk that the file holds; one that it leaves out stays 0."""
    rows, columns = layout.chunk
    samples = 1 if layout.separate else layout.samples
    row_bytes = -(-columns * samples * layout.bits // 8)

    def height(top: int) -> int:
        return rows if layout.tiled else min(rows, layout.height - top)

    if is_codec(layout):
        for place, stored in _stored_chunks(layout, plane, lambda top: (height(top), row_bytes)):
            if stored is not None:
                yield place, decoded(stored, (height(place[0]), columns, samples), layout, limits)
        return
    for place, data in _decompressed(layout, plane, lambda top: (height(top), row_bytes)):
        yield place, _numbers(data, (len(data), columns, samples), layout)


def _subsampled(layout: Layout, limits: Limits) -> NDArray[np.uint8]:
    """YCbCr whose chroma is shared by several pixels, or may be: (height, width, 3), chroma repeated.

    Data come in units: all luma of a block, then its Cb and Cr (TIFF 6.0, section 21).
    """
    if layout.separate or layout.bits != 8 or layout.kind != "u" or layout.samples != 3 or layout.predictor != 1:
        if layout.subsampling is None:
            return _assembled(replace(layout, subsampling=(1, 1)), range(layout.samples), limits)
        raise ImageError("not supported: TIFF with subsampled YCbCr of this form. Save it as RGB")
    if layout.subsampling is not None:
        return _blocks(layout, *layout.subsampling)
    try:  # TIFF 6.0 says 2 x 2 where the tag is missing; writers that leave it out mostly mean 1 x 1
        if layout.compression in NONE and layout.counts and _whole_size(layout) > sum(layout.counts):
            return _blocks(layout, 2, 2)
        return _blocks(layout, 1, 1)
    except ImageError:
        return _blocks(layout, 2, 2)


def _whole_size(layout: Layout) -> int:
    return layout.width * layout.height * 3


def _blocks(layout: Layout, across: int, down: int) -> NDArray[np.uint8]:
    out = np.zeros((layout.height, layout.width, 3), np.uint8)
    wide, unit = -(-layout.chunk[1] // across), across * down + 2

    def high(top: int) -> int:
        return -(-(layout.chunk[0] if layout.tiled else min(layout.chunk[0], layout.height - top)) // down)

    for (top, left), data in _decompressed(layout, 0, lambda top: (high(top), wide * unit)):
        units = data.reshape(high(top), wide, unit)
        luma = units[..., :-2].reshape(high(top), wide, down, across).swapaxes(1, 2)
        chunk = np.empty((high(top) * down, wide * across, 3), np.uint8)
        chunk[..., 0] = luma.reshape(chunk.shape[:2])
        chunk[..., 1:] = units[..., -2:].repeat(down, axis=0).repeat(across, axis=1)
        part = out[top : top + layout.chunk[0], left : left + layout.chunk[1]]
        part[...] = chunk[: part.shape[0], : part.shape[1]]
    return out


def _decompressed(
    layout: Layout, plane: int, shape_at: Callable[[int], tuple[int, int]]
) -> Iterator[tuple[tuple[int, int], Bytes]]:
    """(top, left) in pixels and bytes of each chunk of a plane, `shape_at(top)` of them: (rows, bytes a row)."""
    waiting: list[tuple[tuple[int, int], bytes]] = []  # of one shape, for one call of the decompressor
    for place, stored in _stored_chunks(layout, plane, shape_at):
        shape = shape_at(place[0])
        if waiting and (shape != shape_at(waiting[0][0][0]) or len(waiting) * shape[0] * shape[1] > _BYTES_AT_ONCE):
            yield from _decompress(waiting, shape_at(waiting[0][0][0]), layout)
            waiting = []
        if stored is not None:
            waiting.append((place, stored))
    if waiting:
        yield from _decompress(waiting, shape_at(waiting[0][0][0]), layout)


def _stored_chunks(
    layout: Layout, plane: int, shape_at: Callable[[int], tuple[int, int]]
) -> Iterator[tuple[tuple[int, int], bytes | None]]:
    """(top, left) in pixels of each chunk of a plane, and its bytes in the file."""
    across, down = -(-layout.width // layout.chunk[1]), -(-layout.height // layout.chunk[0])
    first, count = (plane * across * down if layout.separate else 0), across * down
    if len(layout.offsets) < first + count:
        raise ImageError(f"damaged TIFF: {len(layout.offsets)} of its {first + count} strips or tiles")
    for index in range(count):
        top, left = index // across * layout.chunk[0], index % across * layout.chunk[1]
        rows, row_bytes = shape_at(top)
        yield (top, left), _stored(layout, first + index, rows * row_bytes)


def _stored(layout: Layout, index: int, size: int) -> bytes | None:
    """A chunk's bytes in the file, the highest bit of each first; None where the file leaves the chunk out."""
    data, offset = layout.tags.data, layout.offsets[index]
    count = layout.counts[index] if index < len(layout.counts) else None
    if offset == 0 and not count:
        return None
    if offset < _HEADER:
        raise ImageError(f"damaged TIFF: its pixels should lie at byte {offset}, in its header")
    if layout.compression in NONE:  # writers of old get the count wrong, never the place
        count = size
    end = len(data) if count is None else offset + count
    if offset >= len(data) or (end > len(data) and layout.compression in NONE):
        raise ImageError(f"truncated TIFF: its pixels should end at byte {end:,}, the file at {len(data):,}")
    stored = data[offset:end]
    return stored.translate(_REVERSED) if layout.reversed_bits else stored


def _decompress(
    waiting: Sequence[tuple[tuple[int, int], bytes]], shape: tuple[int, int], layout: Layout
) -> Iterator[tuple[tuple[int, int], Bytes]]:
    """Each place with its chunk's bytes in that shape."""
    size = shape[0] * shape[1]
    if layout.compression in (*LZW, *ZSTD):
        chunks = pillow.libtiff_bytes([stored for _, stored in waiting], shape, layout.compression)
        yield from zip((place for place, _ in waiting), chunks, strict=True)
        return
    for place, stored in waiting:
        data = _inflated(stored, size, layout) if layout.compression not in WEBP else pillow.webp(stored, shape)
        if len(data) < size:
            raise ImageError(f"truncated TIFF: {len(data):,} bytes of pixels where {size:,} are expected")
        yield place, np.frombuffer(data, np.uint8, size).reshape(shape)


def _inflated(stored: bytes, size: int, layout: Layout) -> bytes:
    """At most `size` bytes."""
    try:
        if layout.compression in DEFLATE:
            return zlib.decompressobj().decompress(stored, size)
        if layout.compression in LZMA:
            return lzma.LZMADecompressor(memlimit=128 * 1024**2).decompress(stored, size)
    except (zlib.error, lzma.LZMAError) as error:
        raise ImageError(f"damaged TIFF: {error}") from None
    return _unpack_bits(stored, size) if layout.compression in PACKBITS else stored


def _unpack_bits(stored: bytes, size: int) -> bytes:
    """PackBits (TIFF 6.0, section 9): n < 128 copies n + 1 bytes, n > 128 repeats one 257 - n times."""
    out, at = bytearray(), 0
    while at < len(stored) and len(out) < size:
        n = stored[at]
        if n < 128:
            out += stored[at + 1 : at + 2 + n]
            at += n + 2
        else:
            if n > 128:
                out += stored[at + 1 : at + 2] * (257 - n)
            at += 2 if n > 128 else 1
    return bytes(out)


def _numbers(data: Bytes, shape: tuple[int, int, int], layout: Layout) -> NDArray[Any]:
    """(rows, bytes a row) → samples of that shape."""
    if layout.predictor == _FLOAT_DIFFERENCE and _is_predicted(layout):
        return _undo_float_difference(data, shape, layout)
    if layout.bits not in (8, 16, 32, 64):
        return _unpacked(data, shape, layout)
    stored = np.dtype(f"{layout.order}{_dtype(layout).str[1:]}")
    values = np.ascontiguousarray(data).view(stored).reshape(shape)
    if not values.dtype.isnative:
        values = values.astype(_dtype(layout))
    if layout.predictor == _DIFFERENCE and _is_predicted(layout):
        whole = values.view(f"u{values.dtype.itemsize}")
        values = np.cumsum(whole, axis=1, dtype=whole.dtype).view(values.dtype)
    return values


def _unpacked(data: Bytes, shape: tuple[int, int, int], layout: Layout) -> NDArray[Any]:
    """Samples that fill no whole bytes: bit after bit, the highest first, each row from a byte on."""
    values = np.empty((shape[0], shape[1] * shape[2]), _dtype(layout))
    weights = (1 << np.arange(layout.bits - 1, -1, -1)).astype(np.uint16)
    for top in range(0, shape[0], _ROWS_AT_ONCE):
        bits = np.unpackbits(data[top : top + _ROWS_AT_ONCE], axis=1, count=values.shape[1] * layout.bits)
        numbers: NDArray[Any] = (
            bits.reshape(len(bits), values.shape[1], layout.bits) @ weights
        )  # (rows, samples) uint16
        if layout.kind == "i":
            sign = 1 << (layout.bits - 1)
            numbers = (numbers.astype(np.int32) ^ sign) - sign
        values[top : top + _ROWS_AT_ONCE] = numbers
    return values.reshape(shape)


def _undo_float_difference(data: Bytes, shape: tuple[int, int, int], layout: Layout) -> NDArray[Any]:
    """Adobe's TIFF Technical Note 3: a row's bytes, all highest ones first, as differences of bytes."""
    rows, columns, samples = shape
    size = layout.bits // 8
    bytes_ = np.cumsum(data.reshape(rows, -1, samples), axis=1, dtype=np.uint8)
    planes = bytes_.reshape(rows, size, columns * samples)  # the highest byte of each float, then the next
    values = np.ascontiguousarray(planes.swapaxes(1, 2)).view(f">f{size}")
    return values.reshape(shape).astype(_dtype(layout))


def _dtype(layout: Layout) -> np.dtype[Any]:
    size = next(size for size in (1, 2, 4, 8) if layout.bits <= 8 * size)
    return np.dtype(f"{layout.kind}{size}")
