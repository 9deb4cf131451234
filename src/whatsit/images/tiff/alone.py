"""One page of a TIFF → a TIFF of that page alone, so that it is read, hashed and kept like any other photo.

The page keeps its tags but those that lead elsewhere or tell of the file, so equal pages of two files are equal bytes.
What is in a form of old, with places inside its data, comes with the whole file around it.
"""

import struct
from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from whatsit.images.limits import Limits, check_bytes
from whatsit.images.tiff.directory import Directory, form
from whatsit.images.tiff.layout import NONE, OLD_JPEG, Layout, read_layout

# Software, dates, a description (of all pages, in microscopy), the page's number, and places of other directories.
_LEFT_OUT = (269, 270, 272, 285, 288, 289, 297, 305, 306, 315, 316, 330, 34665, 34853, 40965)
_STRIPS, _TILES = (273, 279), (324, 325)
_LONG, _LONG_8 = 4, 16  # TIFF's types


def page_alone(page: Directory, limits: Limits) -> bytes:
    """Raises `ImageError` where the page is damaged, or larger than a file may be."""
    layout = read_layout(page)
    sizes = _sizes(layout)
    if sizes is None:
        check_bytes(len(page.data), limits)
        return _whole(page)
    check_bytes(sum(sizes), limits)
    chunks = [page.data[at : at + size] for at, size in zip(layout.offsets, sizes, strict=True)]
    return _written(page, chunks, _TILES if layout.tiled else _STRIPS)


def _sizes(layout: Layout) -> Sequence[int] | None:
    """Bytes of each strip or tile; None where they cannot be told, or lie beyond the file's end."""
    count = len(layout.offsets)
    if layout.compression in OLD_JPEG or (len(layout.counts) != count and layout.compression not in NONE):
        return None
    sizes: Sequence[int] = layout.counts
    if layout.compression in NONE:  # as the reader has it: the size that the tags call for, whatever count they tell
        if layout.subsampling != (1, 1):
            return None
        rows, columns = layout.chunk
        down = 1 if layout.tiled else -(-layout.height // rows)
        last = rows if layout.tiled else layout.height - (down - 1) * rows
        line = -(-columns * (1 if layout.separate else layout.samples) * layout.bits // 8)
        sizes = [line * (last if (i + 1) % down == 0 else rows) for i in range(count)]
        if layout.tiled and 0 in layout.offsets:
            return None
    if any(at + size > len(layout.tags.data) for at, size in zip(layout.offsets, sizes, strict=True)):
        return None
    return sizes


def _whole(page: Directory) -> bytes:
    """The file, which begins with this page and ends its chain there."""
    order, big = form(page.data)
    data = bytearray(page.data[:])
    place, count = (order + "Q", order + "Q") if big else (order + "I", order + "H")
    struct.pack_into(place, data, 8 if big else 4, page.at)
    tags = struct.unpack_from(count, data, page.at)[0]
    after = page.at + struct.calcsize(count) + tags * (20 if big else 12)
    if after + struct.calcsize(place) <= len(data):
        struct.pack_into(place, data, after, 0)
    return bytes(data)


def _written(page: Directory, chunks: Sequence[bytes], places: tuple[int, int]) -> bytes:
    """Header, directory, long values, pixels; in the file's own byte order and form."""
    order, big = form(page.data)
    head, field, entry, number = (16, 8, order + "HHQ", "Q") if big else (8, 4, order + "HHI", "I")
    own = {
        tag: (kind, count, page.raw(tag))
        for tag, (kind, count, _) in page.entries.items()
        if tag not in (*_LEFT_OUT, *places)
    }
    longs = np.dtype(order + ("u8" if big else "u4"))
    kind = _LONG_8 if big else _LONG
    counts = np.array([len(chunk) for chunk in chunks], longs).tobytes()
    own[places[0]] = own[places[1]] = (kind, len(chunks), counts)
    tags = sorted(own)
    beyond = head + (8 if big else 2) + len(tags) * struct.calcsize(entry) + len(tags) * field + field
    long_values = {tag: own[tag][2] for tag in tags if len(own[tag][2]) > field}
    ends = list(accumulate((_even(len(value)) for value in long_values.values()), initial=beyond))
    at = dict(zip(long_values, ends, strict=False))
    starts = list(accumulate((_even(len(chunk)) for chunk in chunks), initial=ends[-1]))[:-1]
    # a part that the file leaves out has neither place nor size
    starts = [start if chunk else 0 for start, chunk in zip(starts, chunks, strict=True)]
    own[places[0]] = (kind, len(chunks), np.array(starts, longs).tobytes())
    if places[0] in long_values:
        long_values[places[0]] = own[places[0]][2]
    out = bytearray(b"II" if order == "<" else b"MM")
    out += struct.pack(order + "HHHQ", 43, 8, 0, head) if big else struct.pack(order + "HI", 42, head)
    out += struct.pack(order + ("Q" if big else "H"), len(tags))
    for tag in tags:
        kind, count, value = own[tag]
        stored = struct.pack(order + number, at[tag]) if tag in at else value.ljust(field, b"\0")
        out += struct.pack(entry, tag, kind, count) + stored
    out += bytes(field)
    for part in (*long_values.values(), *chunks):
        out += part + bytes(len(part) % 2)
    return bytes(out)


def _even(size: int) -> int:
    return size + size % 2
