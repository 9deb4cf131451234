"""The photos of a run, read and decoded once: their bytes and pixels wait in a temporary file for the next stage.

A training asks for the same photo again and again: its header tells how to resize it, then it is embedded, perhaps by
two resize modes, a network learns from it and is tested on it, and the report shows it. Within `photo_cache`,
`read_bytes` and `decode` look here first, so that no stage needs to know what another one has read. Outside of it,
nothing is kept.

The file lies beside the embedding cache, has no name where the system allows that, and goes with the run. It holds the
photos that come first, up to `MOST_BYTES` and a quarter of the free disk; the others are read and decoded again, as are
photos that were changed meanwhile. The module does not know what a photo is used for.
"""

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, NamedTuple

from PIL import Image

from whatsit.images.limits import Limits
from whatsit.images.preprocessing import ValueRange

MOST_BYTES = 2 * 1024**3  # 3,000 photos of 500 x 375 pixels, decoded, with their files
MOST_PHOTOS = 20_000  # each takes 0.7 kB of memory
LARGEST = 32 * 1024**2  # bytes of one file, or of its pixels: what a thread holds twice while it writes them


@dataclass(frozen=True)
class Decoded:
    """An upright RGB image, perhaps scaled down, and the upright size in pixels of the original."""

    image: Image.Image
    width: int
    height: int
    is_deep: bool = False  # of more than 8 bits, which were brought to 8 by a range of values
    doubt: str | None = None  # of a deep image: what a reader of an answer should know of it
    further: bool = False  # whether the file has more pages


class How(NamedTuple):
    """What decides a decode's pixels, apart from the file."""

    limits: Limits
    value_range: ValueRange | None  # of deep images; None of all others
    scale: int  # by which a JPEG's decoder scaled down: 1, 2, 4 or 8


_NO_IMAGE = Image.new("RGB", (1, 1))


class _Place(NamedTuple):
    start: int  # in the file, in bytes
    length: int


class _Pixels(NamedTuple):
    how: How
    size: tuple[int, int]  # (width, height) of what was decoded
    decoded: Decoded  # without its image, which is of one pixel
    place: _Place


@dataclass(slots=True)
class _Entry:
    data: _Place
    pixels: list[_Pixels] = field(default_factory=list)


class PhotoCache:
    """May be used from any thread. A disk that is full or fails ends the keeping, not the run."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most = most_bytes
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._entries: dict[bytes, _Entry] = {}
        self._file: IO[bytes] | None = None  # made when the first photo comes
        self._used = 0
        self._open = True  # whether more is taken in
        self.users = 0

    @property
    def is_mine(self) -> bool:
        """Not in a fork of the process that made it, with which it shares the place in the file."""
        return os.getpid() == self._process

    def seal(self) -> None:
        """Takes in no more photos; those it has stay."""
        self._open = False

    def close(self) -> None:
        """Forgets all. What is asked for afterwards is not there."""
        with self._lock:
            self._entries.clear()
            self._open = False
            if self._file:
                with suppress(OSError):
                    self._file.close()
                self._file = None

    def data(self, key: bytes) -> bytes | None:
        """A file's bytes, where they are here."""
        entry = self._entries.get(key)
        return None if entry is None else self._read(entry.data)

    def keep_data(self, key: bytes, data: bytes) -> None:
        """Keeps a file's bytes, where there is room."""
        if key not in self._entries and len(self._entries) < MOST_PHOTOS and (place := self._write(data)):
            self._entries.setdefault(key, _Entry(place))

    def kept_pixels(self, key: bytes) -> list[_Pixels]:
        """What was decoded of a file, by now."""
        entry = self._entries.get(key)
        return [] if entry is None else list(entry.pixels)

    def pixels(self, kept: _Pixels) -> Decoded | None:
        """Read back."""
        data = self._read(kept.place)
        if data is None:
            return None
        return replace(kept.decoded, image=Image.frombytes("RGB", kept.size, data))

    def keep_pixels(self, key: bytes, how: How, decoded: Decoded) -> bool:
        """Keeps them, where the file's bytes are here and there is room. Says whether it did."""
        entry, image = self._entries.get(key), decoded.image
        if entry is None or 3 * image.width * image.height > LARGEST:
            return False
        place = self._write(image.tobytes()) if self._open else None
        if place is None:
            return False
        entry.pixels.append(_Pixels(how, image.size, replace(decoded, image=_NO_IMAGE), place))
        return True

    def _write(self, data: bytes) -> _Place | None:
        with self._lock:
            if not self._open or self._used + len(data) > self._most:
                return None
            try:
                if self._file is None:
                    import shutil  # which takes a moment, and no prediction needs it
                    import tempfile

                    self._folder.mkdir(parents=True, exist_ok=True)
                    self._most = min(self._most, shutil.disk_usage(self._folder).free // 4)
                    self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 (closed by `close`)
                place = _Place(self._used, len(data))
                self._file.seek(place.start)
                self._file.write(data)
                self._file.flush()
            except OSError:
                self._open = False
                return None
            self._used += len(data)
            return place

    def _read(self, place: _Place) -> bytes | None:
        with self._lock:
            if self._file is None:
                return None
            try:
                self._file.seek(place.start)
                data = self._file.read(place.length)
            except OSError:
                return None
        return data if len(data) == place.length else None


class PhotoBytes(bytes):
    """A file's bytes, and what was decoded of them: here, or in the run's cache under `key`."""

    key: bytes | None = None
    cache: PhotoCache | None = None

    def __new__(cls, data: bytes, key: bytes | None = None, cache: PhotoCache | None = None) -> "PhotoBytes":
        made = super().__new__(cls, data)
        made.key, made.cache = key, cache
        made._decoded = []
        return made

    _decoded: list[tuple[How, Decoded]]

    def decoded(self, limits: Limits, value_range: ValueRange | None, at_least: int | None) -> Decoded | None:
        """What an earlier decode gave, where this one would give the same; at_least: None but of a JPEG."""
        for how, decoded in self._decoded:
            if how == _how(limits, value_range, at_least, decoded):
                return decoded
        if self.cache is None or self.key is None:
            return None
        for kept in self.cache.kept_pixels(self.key):
            if kept.how == _how(limits, value_range, at_least, kept.decoded):
                return self.cache.pixels(kept)
        return None

    def keep(self, limits: Limits, value_range: ValueRange | None, at_least: int | None, decoded: Decoded) -> None:
        """For `decoded`, with the same arguments."""
        how = _how(limits, value_range, at_least, decoded)
        if self.cache is None or self.key is None or not self.cache.keep_pixels(self.key, how, decoded):
            self._decoded.append((how, decoded))


def _how(limits: Limits, value_range: ValueRange | None, at_least: int | None, decoded: Decoded) -> How:
    scale = draft_scale((decoded.width, decoded.height), at_least)
    return How(limits, value_range if decoded.is_deep else None, scale)


def draft_scale(size: tuple[int, int], at_least: int | None) -> int:
    """By how much Pillow has a JPEG of that size scaled down (`JpegImageFile.draft`)."""
    most = 1 if at_least is None else min(size) // at_least
    return next((scale for scale in (8, 4, 2) if most >= scale), 1)


_current: PhotoCache | None = None
_switch = threading.Lock()


@contextmanager
def photo_cache(folder: Path, most_bytes: int = MOST_BYTES) -> Iterator[PhotoCache]:
    """Reads and decodes each photo once within the block, in all threads of this process.

    A block within another shares its cache. folder: where the temporary file is made, if it can be.
    """
    global _current
    with _switch:
        if _current is None or not _current.is_mine:
            _current = PhotoCache(folder, most_bytes)
        cache = _current
        cache.users += 1
    try:
        yield cache
    finally:
        with _switch:
            cache.users -= 1
            if not cache.users:
                cache.close()
                _current = None if _current is cache else _current


def current_cache() -> PhotoCache | None:
    """The cache of the block that this process is in."""
    cache = _current
    return cache if cache is not None and cache.is_mine else None


def key_of(source: str | os.PathLike[str], file: str) -> bytes | None:
    """A photo's name in the cache: of a local file with its size and time; None where there is none.

    source: a path or URI; file: the same without the number of a page.
    """
    name = os.fspath(source)
    if "://" in file:
        return _digest(("", os.fsencode(name)))
    try:
        status = os.stat(file)  # noqa: PTH116 (and below PTH100: pathlib takes twice the time)
        return _digest((f"{status.st_size} {status.st_mtime_ns}", os.fsencode(os.path.abspath(name))))  # noqa: PTH100
    except (OSError, ValueError):
        return None


def _digest(parts: tuple[str, bytes]) -> bytes:
    return hashlib.blake2b(parts[0].encode() + b"\0" + parts[1], digest_size=16).digest()
