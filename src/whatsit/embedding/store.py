"""The embedding cache: vectors by the sha256 of an image's bytes, one SQLite file a backbone.

    <folder>/files.sqlite
        path, size, mtime → sha256: what has been hashed is not read again
    <folder>/<backbone>-<precision>-<fingerprint>.sqlite
        sha256 → vector float32, thumbnail uint8 (32, 32)

SQLite's write-ahead log keeps both usable whatever is killed when, and lets several processes share them. The
fingerprint covers weights, precision and preprocessing, so vectors of different kinds never meet.
"""

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from whatsit.embedding.session import Item, batched, usable
from whatsit.errors import EmbeddingError
from whatsit.images.source import split_page

THUMBNAIL_SIDE = 32
_AT_ONCE = 500  # parameters a query: SQLite's oldest limit is 999
_BUSY_SECONDS = 60.0
Number = TypeVar("Number", bound=np.generic)

FILES = "files.sqlite"
PRECISION_FILE = "precision.json"  # of older versions, in the same folder: what a stopwatch had said
_FILES_TABLE = """CREATE TABLE IF NOT EXISTS files
    (path BLOB PRIMARY KEY, size INT, mtime INT, digest BLOB) WITHOUT ROWID"""
_VECTORS_TABLE = """CREATE TABLE IF NOT EXISTS vectors
    (digest BLOB UNIQUE NOT NULL, vector BLOB, thumbnail BLOB)"""
ELSEWHERE = "Name another folder: --cache DIR (or WHATSIT_CACHE)"


class Stamp(NamedTuple):
    """A local file as it stood when it was looked at."""

    path: bytes  # absolute: one cache serves every working directory; bytes: a name need not be UTF-8
    size: int  # bytes
    mtime: int  # nanoseconds


@contextmanager
def plain_errors(path: Path) -> Iterator[None]:
    """SQLite's errors become one line with advice."""
    try:
        yield
    except sqlite3.Error as error:
        raise EmbeddingError(f"embedding cache {path}: {error}. {_advice(error)}") from error


_DAMAGED = "The file is damaged. Clear the cache: whatsit cache --clear"
_NOT_WRITABLE = f"It cannot be written: allow that. {ELSEWHERE}"
_ADVICE = {  # https://www.sqlite.org/rescode.html, by their primary codes
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_READONLY: _NOT_WRITABLE,
    sqlite3.SQLITE_PERM: _NOT_WRITABLE,
    sqlite3.SQLITE_CANTOPEN: f"It can be neither opened nor made there. {ELSEWHERE}",
    sqlite3.SQLITE_FULL: f"Free some space. {ELSEWHERE}",
    sqlite3.SQLITE_BUSY: f"Another process holds it: wait for that one. {ELSEWHERE}",
    sqlite3.SQLITE_LOCKED: f"Another process holds it: wait for that one. {ELSEWHERE}",
    sqlite3.SQLITE_IOERR: f"The disk fails: look at it. {ELSEWHERE}",
    sqlite3.SQLITE_ERROR: f"It is of another version of whatsit. Clear it: whatsit cache --clear. {ELSEWHERE}",
}


def _advice(error: sqlite3.Error) -> str:
    """What is true of the file, by SQLite's code; the words of its errors differ by version."""
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(code, int):
        return _ADVICE.get(code & 0xFF, ELSEWHERE)
    return ELSEWHERE


def _open(path: Path, table: str) -> sqlite3.Connection:
    with plain_errors(path), ExitStack() as undo:
        database = sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False)
        undo.callback(database.close)
        database.execute("PRAGMA page_size = 16384")  # a vector and its thumbnail fill half a page
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute(table)
        database.commit()
        undo.pop_all()
    return database


def stamp(path: str) -> Stamp | None:
    """Place, size and mtime of a local file; None where there is none (a URI, a missing file)."""
    try:
        status = os.stat(split_page(path)[0])  # noqa: PTH116 (and below PTH100: pathlib takes twice the time)
        return Stamp(os.fsencode(os.path.abspath(path)), status.st_size, status.st_mtime_ns)  # noqa: PTH100
    except (OSError, ValueError):
        return None


class Cache:
    """Vectors of one backbone. Use it in a `with`; `present` and `add` may be called from any thread."""

    def __init__(self, folder: Path, name: str, dim: int) -> None:
        self.folder = folder
        self.path = folder / f"{name}.sqlite"
        self._files_path = folder / FILES
        self.dim = dim
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EmbeddingError(f"embedding cache {folder}: {error.strerror}. {ELSEWHERE}") from error
        self._lock = threading.Lock()
        self._vectors = _open(self.path, _VECTORS_TABLE)
        self._files = _open(self._files_path, _FILES_TABLE)

    def __enter__(self) -> "Cache":
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()
        self._vectors.close()

    def known_digests(self, stamps: Mapping[str, Stamp]) -> dict[str, bytes]:
        """Source → sha256, for the sources whose size and mtime are as when they were hashed."""
        known = {}
        with plain_errors(self._files_path):
            for paths in batched({one.path for one in stamps.values()}, _AT_ONCE):
                query = f"SELECT path, size, mtime, digest FROM files WHERE path IN ({_marks(paths)})"
                for *at, digest in self._files.execute(query, paths):
                    known[Stamp(*at)] = digest
        return {source: known[one] for source, one in stamps.items() if one in known}

    def present(self, digests: Iterable[bytes]) -> set[bytes]:
        """Those of the digests whose vectors are here, whole and finite: an older version kept any numbers."""
        found: set[bytes] = set()
        with self._lock, plain_errors(self.path):
            for some in batched(digests, _AT_ONCE):
                query = f"SELECT digest, vector, length(thumbnail) FROM vectors WHERE digest IN ({_marks(some)})"
                rows = [
                    (digest, vector)
                    for digest, vector, thumbnail in self._vectors.execute(query, some)
                    if isinstance(vector, bytes) and (len(vector), thumbnail) == (4 * self.dim, THUMBNAIL_SIDE**2)
                ]
                vectors = np.frombuffer(b"".join(vector for _, vector in rows), np.float32).reshape(-1, self.dim)
                found.update(digest for (digest, _), good in zip(rows, usable(vectors), strict=True) if good)
        return found

    def add(self, items: Sequence[Item[str]], stamps: Mapping[str, Stamp]) -> None:
        """Stores vectors and file stamps in one transaction each, in place of what was not whole and finite."""
        rows = [(i.digest, _blob(i.row), _blob(i.thumbnail)) for i in items if i.row is not None]
        files = [(*stamps[i.source], i.digest) for i in items if i.digest and i.source in stamps]
        with self._lock:
            with plain_errors(self.path), self._vectors:
                self._vectors.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
            with plain_errors(self._files_path), self._files:
                self._files.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", files)

    def vectors(self, digests: Sequence[bytes]) -> NDArray[np.float32]:
        """(n, dim) float32, in the order asked. Raises EmbeddingError for a digest that is not here."""
        return self._read("vector", digests, np.empty((len(digests), self.dim), np.float32))

    def thumbnails(self, digests: Sequence[bytes]) -> NDArray[np.uint8]:
        """(n, 32, 32) uint8, in the order asked."""
        shape = (len(digests), THUMBNAIL_SIDE * THUMBNAIL_SIDE)
        flat = self._read("thumbnail", digests, np.empty(shape, np.uint8))
        return flat.reshape(-1, THUMBNAIL_SIDE, THUMBNAIL_SIDE)

    def _read(self, column: str, digests: Sequence[bytes], out: NDArray[Number]) -> NDArray[Number]:
        """Fills `out` (n, columns) row by row."""
        with plain_errors(self.path):
            for start in range(0, len(digests), _AT_ONCE):
                some = digests[start : start + _AT_ONCE]
                query = f"SELECT digest, {column} FROM vectors WHERE digest IN ({_marks(some)})"
                rows = dict(self._vectors.execute(query, some))
                if missing := [digest for digest in some if digest not in rows]:
                    raise EmbeddingError(f"embedding cache {self.path}: {missing[0].hex()} is not in it")
                joined = b"".join(rows[digest] for digest in some)
                out[start : start + len(some)] = np.frombuffer(joined, out.dtype).reshape(len(some), -1)
        return out


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))


def _blob(array: NDArray[np.generic] | None) -> bytes | None:
    return None if array is None else array.tobytes()
