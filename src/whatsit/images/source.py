"""Path, URI or bytes → bytes. Knows nothing of image formats."""

import os
import stat
from pathlib import Path

from whatsit.errors import ImageError
from whatsit.images.limits import DEFAULT_LIMITS, Limits, check_bytes
from whatsit.images.pages import page_of, read_page, split_page

Source = str | os.PathLike[str] | bytes  # a string that contains '://' is a URI, any other a path


def read_bytes(source: Source, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The bytes of an image file, at most `limits.max_bytes` of them.

    `source` is a path, a URI that fsspec opens (`s3://…`, `https://…`, `file://…`), or the bytes themselves. Of a name
    such as `stack.tif#page=2` it is that page alone, as a file of its own.
    Raises `ImageError` where it is missing, unreadable, empty or too large; a local file's size is looked at
    before it is read.
    """
    if isinstance(source, bytes):
        data = source
    elif (page := split_page(str(source)))[1] is not None:
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
