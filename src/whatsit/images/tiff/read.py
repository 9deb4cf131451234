"""The reader of TIFF that `decode.py` calls: which of a file's pages, and which bands, make the picture."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np

from whatsit.errors import ImageError
from whatsit.images.limits import Limits
from whatsit.images.notes import note
from whatsit.images.samples import Header, Samples, no_such_bands
from whatsit.images.tiff.directory import Directory, pages
from whatsit.images.tiff.layout import Layout, read_layout
from whatsit.images.tiff.picture import read_picture

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
