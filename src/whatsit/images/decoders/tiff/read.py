"""The reader of TIFF that `decode.py` calls: which of a file's pages, and which bands, make the picture.

One page of a TIFF → a TIFF of that page alone, so that it is read, hashed and kept like any other photo.

The page keeps its tags but those that lead elsewhere or tell of the file, so equal pages of two files are equal bytes.
What is in a form of old, with places inside its data, comes with the whole file around it.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, islice

import numpy as np

from whatsit.errors import ImageError
from whatsit.images.colour import Header, Samples, no_such_bands
from whatsit.images.decoders.tiff.directory import NONE, OLD_JPEG, Directory, Layout, form, pages, read_layout
from whatsit.images.decoders.tiff.picture import read_picture
from whatsit.images.limits import Limits, check_bytes
from whatsit.notices import note

_NEW_SUBFILE, _SUBFILE, _SUB_DIRECTORIES, _DNG = 254, 255, 330, 50706  # tags
_SMALLER, _MASK = 1, 4  # NewSubfileType's bits
_MOST_PAGES = 1000  # that can be channels


def header(data: bytes) -> Header:
    """Of the first page. Raises `ImageError`."""
    layout = read_layout(next(main_pages(data)))
    return Header(layout.width, layout.height, layout.orientation, layout.is_deep)


def read(data: bytes, limits: Limits) -> Samples:
    """Raises `ImageError`."""
    found = list(islice(main_pages(data), _MOST_PAGES if limits.page == "channels" else 2))
    if _is_preview(data, found[0]):
        note("preview", data)
    if limits.page == "channels" and len(found) > 1:
        return _stacked(found, limits)
    if len(found) > 1:
        note("uncounted" if limits.page == "all" else "pages", data)
    return replace(read_picture(read_layout(found[0]), limits), further=len(found) > 1)


def main_pages(data: bytes) -> Iterator[Directory]:
    """Pages but smaller copies and masks of others; the first of all where there are no others."""
    first = None
    found = False
    for page in pages(data):
        first = first or page
        if not page.integer(_NEW_SUBFILE, 0) & (_SMALLER | _MASK) and page.integer(_SUBFILE, 1) != 2:
            found = True
            yield page
    if first is None:
        raise ImageError("damaged TIFF: it has no page")
    if not found:
        yield first


def _is_preview(data: bytes, page: Directory) -> bool:
    """Of a camera's raw file (DNG, CR2, NEF, ARW), whose pixels lie elsewhere."""
    smaller = page.integer(_NEW_SUBFILE, 0) & _SMALLER
    return data[8:10] == b"CR" or bool(smaller and (_DNG in page or _SUB_DIRECTORIES in page))


def _stacked(found: list[Directory], limits: Limits) -> Samples:
    """Grey pages of one size as red, green and blue; which three, `limits.bands` says."""
    bands = limits.bands or tuple(range(1, len(found) + 1))
    if max(bands) > len(found):
        raise no_such_bands(bands, len(found), "page")
    if len(bands) not in (1, 3):
        which = "--bands 1,2,3" if len(found) > 2 else "--bands 1,2,2, or one, as --bands 1"
        raise ImageError(f"not supported: TIFF of {len(found)} pages as channels. Name three of them, as {which}")
    layouts = [read_layout(found[band - 1]) for band in bands]
    if len({_form(layout) for layout in layouts}) > 1 or layouts[0].samples > 1:
        raise ImageError("not supported: TIFF with pages of several sizes or kinds as channels. Leave out --page")
    planes = [read_picture(layout, replace(limits, bands=None)) for layout in layouts]
    values = [plane.values for plane in planes]
    if values[0].ndim != 2:
        raise ImageError("not supported: TIFF with pages in colour as channels. Leave out --page")
    return replace(planes[0], values=values[0] if len(bands) == 1 else np.stack(values, axis=-1))


def _form(layout: Layout) -> tuple[int, int, int, str, int]:
    return layout.width, layout.height, layout.bits, layout.kind, layout.orientation


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
