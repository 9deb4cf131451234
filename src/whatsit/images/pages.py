"""Pages of a file as photos of their own, by names such as `stack.tif#page=2` (counted from 1, as RFC 8118 has it).

Pages are those of a TIFF, and the frames of a DICOM file. The frames of an animation are one moving picture, and what
icons (ICO) and phones' MPO hold beside their first picture shows the same again: of these the first is read, whatever
is asked for. A page is read from a local file without the others; of a file elsewhere, or of a DICOM file, all is read.
"""

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, cast

from whatsit.errors import ImageError
from whatsit.images.formats import HEAD, sniff
from whatsit.images.limits import Limits, check_bytes, check_page

_PAGE = re.compile(r"(.+)#page=([1-9]\d{0,5})", re.DOTALL)
FIRST = "the first of several pages; another is named as FILE#page=2"
SENT = "the first of several pages; send another as a file of its own"  # of bytes, which have no name
SAID_AT_THE_END = (FIRST, SENT)  # where many photos are read: once, with how many files, by `notes`


def split_page(name: str) -> tuple[str, int | None]:
    """The file of a photo, and which of its pages it is; None where it is the file itself.

    >>> split_page("a/stack.tif#page=12"), split_page("a/stack.tif")
    (('a/stack.tif', 12), ('a/stack.tif', None))
    """
    if "#page=" not in name or (found := _PAGE.fullmatch(name)) is None or os.path.exists(name):  # noqa: PTH110
        return name, None
    return found[1], int(found[2])


def page_name(file: str, number: int) -> str:
    """Of one page; `split_page` takes it apart."""
    return f"{file}#page={number}"


def page_names(path: str) -> list[str]:
    """A local file's pages, by name; the file itself where it has one, is of another kind, or cannot be read.

    Where the chain of pages is broken, the last name is that of the page that cannot be found.
    """
    try:
        status = os.stat(path)  # noqa: PTH116
        with open(path, "rb") as file:  # noqa: PTH123
            kind = sniff(file.read(HEAD))
        count = _count(path, status.st_size, status.st_mtime_ns, kind) if kind in ("tiff", "dicom") else 1
    except (OSError, ValueError):
        return [path]
    return [page_name(path, number) for number in range(1, count + 1)] if count > 1 else [path]


def read_page(path: Path, number: int, limits: Limits) -> bytes:
    """A page as a file of its own. Raises `ImageError`, and `OSError` where the file cannot be opened."""
    status = path.stat()
    with path.open("rb") as file:
        kind = sniff(file.read(HEAD))
        if kind == "tiff":
            places, broken = _places(str(path), status.st_size, status.st_mtime_ns)
            return _tiff_page(cast("bytes", _Slices(file, status.st_size)), places, broken, number, limits)
        check_bytes(status.st_size, limits)
        file.seek(0)
        return page_of(file.read(), number, limits)


def page_of(data: bytes, number: int, limits: Limits) -> bytes:
    """The same of a file's bytes. Raises `ImageError`."""
    kind = sniff(data[:HEAD])
    if kind == "tiff":
        return _tiff_page(data, *_chain(data), number, limits)
    if kind == "dicom":
        from whatsit.images.dicom import frame_alone

        return frame_alone(data, number)
    check_page(number, 1)
    return data


class _Slices:
    """A file's bytes by slices, each read when it is asked for."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> bytes:
        start, stop, _ = part.indices(self._size)
        self._file.seek(start)
        return self._file.read(max(0, stop - start))


@lru_cache(maxsize=256)
def _places(path: str, size: int, mtime: int) -> tuple[tuple[int, ...], str | None]:
    """Of a TIFF that stood so when it was looked at: see `_chain`."""
    with open(path, "rb") as file:  # noqa: PTH123
        return _chain(cast("bytes", _Slices(file, size)))


def _chain(data: bytes) -> tuple[tuple[int, ...], str | None]:
    """Where a TIFF's pages stand, and why the chain ends too early."""
    from whatsit.images.tiff.read import main_pages

    places: list[int] = []
    try:
        for page in main_pages(data):
            places.append(page.at)
    except (ImageError, KeyError) as error:
        return tuple(places), str(error)
    return tuple(places), None


def _count(path: str, size: int, mtime: int, kind: str | None) -> int:
    if kind == "dicom":
        from whatsit.images.dicom import frames

        try:
            return frames(Path(path).read_bytes())
        except Exception:  # what is wrong with it, is told when it is read
            return 1
    places, broken = _places(path, size, mtime)
    return len(places) + (broken is not None)


def _tiff_page(data: bytes, places: tuple[int, ...], broken: str | None, number: int, limits: Limits) -> bytes:
    from whatsit.images.tiff.alone import page_alone
    from whatsit.images.tiff.directory import page_at

    if broken and number > len(places):
        raise ImageError(f"{broken}. Pages from {len(places) + 1} on cannot be found")
    check_page(number, len(places))
    return page_alone(page_at(data, places[number - 1]), limits)
