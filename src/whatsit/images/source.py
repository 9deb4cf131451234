"""Path, URI or bytes → bytes. Knows nothing of image formats.

Pages of a file as photos of their own, by names such as `stack.tif#page=2` (counted from 1, as RFC 8118 has it).

Pages are those of a TIFF, and the frames of a DICOM file. The frames of an animation are one moving picture, and what
icons (ICO) and phones' MPO hold beside their first picture shows the same again: of these the first is read, whatever
is asked for. A page is read from a local file without the others; of a file elsewhere, or of a DICOM file, all is read.

When a photo was taken, as its EXIF says; read from the head of a local file.
"""

import io
import os
import re
import stat
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, cast

from PIL import ExifTags, Image

from whatsit.errors import ImageError
from whatsit.images.formats import HEAD, sniff
from whatsit.images.libraries import hush_pillow
from whatsit.images.limits import DEFAULT_LIMITS, Limits, check_bytes, check_page
from whatsit.images.photo_cache import LARGEST, PhotoBytes, current_cache, key_of

Source = str | os.PathLike[str] | bytes  # a string that contains '://' is a URI, any other a path


def read_bytes(source: Source, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The bytes of an image file, at most `limits.max_bytes` of them.

    `source` is a path, a URI that fsspec opens (`s3://…`, `https://…`, `file://…`), or the bytes themselves. Of a name
    such as `stack.tif#page=2` it is that page alone, as a file of its own. Within `photo_cache` a file is opened once.
    Raises `ImageError` where it is missing, unreadable, empty or too large; a local file's size is looked at
    before it is read.
    """
    if isinstance(source, bytes):
        check_bytes(len(source), limits)
        return source
    cache = current_cache()
    key = key_of(source, split_page(str(source))[0]) if cache else None
    if cache is None or key is None:
        return _read(source, limits)
    data = cache.data(key)
    if data is None:
        data = _read(source, limits)
        if len(data) > LARGEST:
            return data
        cache.keep_data(key, data)
    check_bytes(len(data), limits)
    return PhotoBytes(data, key, cache)


def _read(source: str | os.PathLike[str], limits: Limits) -> bytes:
    if (page := split_page(str(source)))[1] is not None:
        data = _read_page(*page, limits)
    elif isinstance(source, str) and "://" in source:
        data = _read_uri(source, limits)
    else:
        data = _read_path(Path(source), limits)
    check_bytes(len(data), limits)
    return data


def _read_page(name: str, number: int | None, limits: Limits) -> bytes:
    local = name.removeprefix("file://")
    if "://" in local:
        return page_of(_read_uri(name, limits), number or 1, limits)
    if not Path(local).is_file():
        return _read_path(Path(local), limits)  # which says what it is
    try:
        return read_page(Path(local), number or 1, limits)
    except ImageError:
        raise
    except OSError as error:
        raise ImageError(f"cannot be read: {error.strerror or error}") from error
    except Exception as error:  # hostile bytes: nearly any type
        raise ImageError(f"damaged file: page {number} cannot be read ({type(error).__name__})") from error


def _read_path(path: Path, limits: Limits) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
            raise ImageError("not a file" if not path.is_dir() else "a folder, not a file: name the photos in it")
        check_bytes(status.st_size, limits)
        with path.open("rb") as file:
            data = file.read(status.st_size + 1)  # a bound of 64 MB would be allocated, for each photo
            if len(data) > status.st_size:  # it has grown meanwhile
                data += file.read(max(0, limits.max_bytes + 1 - len(data)))
            return data
    except FileNotFoundError:
        raise ImageError("no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise ImageError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _read_uri(uri: str, limits: Limits) -> bytes:
    import fsspec

    try:
        with fsspec.open(uri, "rb") as file:
            data: bytes = file.read(limits.max_bytes + 1)
            return data
    except FileNotFoundError:  # fsspec's word for a refused connection, too
        raise ImageError("not found, or its server cannot be reached") from None
    except Exception as error:  # each of fsspec's backends has errors of its own
        raise ImageError(f"cannot be read: {type(error).__name__}: {error}") from error


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
        from whatsit.images.decoders.dicom import frame_alone

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
    from whatsit.images.decoders.tiff.read import main_pages

    places: list[int] = []
    try:
        for page in main_pages(data):
            places.append(page.at)
    except (ImageError, KeyError) as error:
        return tuple(places), str(error)
    return tuple(places), None


def _count(path: str, size: int, mtime: int, kind: str | None) -> int:
    if kind == "dicom":
        from whatsit.images.decoders.dicom import frames

        try:
            return frames(Path(path).read_bytes())
        except Exception:  # what is wrong with it, is told when it is read
            return 1
    places, broken = _places(path, size, mtime)
    return len(places) + (broken is not None)


def _tiff_page(data: bytes, places: tuple[int, ...], broken: str | None, number: int, limits: Limits) -> bytes:
    from whatsit.images.decoders.tiff.directory import page_at
    from whatsit.images.decoders.tiff.read import page_alone

    if broken and number > len(places):
        raise ImageError(f"{broken}. Pages from {len(places) + 1} on cannot be found")
    check_page(number, len(places))
    return page_alone(page_at(data, places[number - 1]), limits)


FORMATS = ("JPEG", "MPO", "TIFF", "PNG", "WEBP")  # that cameras write, or that keep what cameras wrote
_FORM = "%Y:%m:%d %H:%M:%S"


def taken_at(uri: str) -> float | None:
    """Seconds since some moment, the same for all photos of a camera; None where nothing says so, or far away.

    Of DateTimeOriginal with its fraction (EXIF 2.32, tags 0x9003 and 0x9291). A URI is not opened again: it may lead
    across a network.
    """
    if "://" in uri:
        return None
    hush_pillow()
    try:
        with Image.open(_kept(uri) or Path(uri), formats=FORMATS) as image:
            exif = image.getexif().get_ifd(ExifTags.IFD.Exif)
        seconds = (datetime.strptime(str(exif[ExifTags.Base.DateTimeOriginal]).strip("\0 "), _FORM)).timestamp()
        fraction = str(exif.get(ExifTags.Base.SubsecTimeOriginal, "")).strip("\0 ")
        return seconds + (float(f"0.{fraction}") if fraction.isdigit() else 0.0)
    except Exception:  # hostile EXIF raises whatever it likes, and costs no more than the time
        return None


def _kept(path: str) -> io.BytesIO | None:
    """A local file that the run has read."""
    cache = current_cache()
    key = key_of(path, path) if cache else None
    data = cache.data(key) if cache and key else None
    return None if data is None else io.BytesIO(data)
