"""The folder of the feedback store: one SQLite file, and each image once, named by its sha256.

The folder stays below a maximum size. Images without an answer are deleted first, then the oldest answers, and
corrected answers last, because people made the corrections. An image is deleted with its last answer. Before each
write, the store checks whether its files were deleted or replaced by others, and opens them anew if so. This module is
for one thread, and knows nothing of HTTP.
"""

import hashlib
import json
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whatsit.errors import WhatsitError
from whatsit.files import plain_os_errors, write_atomically
from whatsit.images.formats import HEAD, sniff

if TYPE_CHECKING:  # `whatsit feedback` needs none of the server's libraries
    from whatsit.serving.manager import Version

DATABASE, IMAGES = "feedback.sqlite", "images"
SCHEMA = """
CREATE TABLE IF NOT EXISTS asked (
    id TEXT PRIMARY KEY, at TEXT NOT NULL, model TEXT NOT NULL, version INTEGER NOT NULL, checksum TEXT NOT NULL,
    image TEXT NOT NULL, bytes INTEGER NOT NULL, label TEXT NOT NULL, probability REAL NOT NULL,
    unsure INTEGER NOT NULL, answer TEXT NOT NULL, correct TEXT, corrected_at TEXT
);
CREATE TABLE IF NOT EXISTS trained (
    model TEXT, version INTEGER, data TEXT NOT NULL, PRIMARY KEY (model, version)
);
CREATE INDEX IF NOT EXISTS by_image ON asked (image);
CREATE INDEX IF NOT EXISTS by_age ON asked (correct IS NOT NULL, at);
"""
SUFFIX = {"jpeg": ".jpg"}  # the other kinds are their own


@dataclass(frozen=True)
class AnsweredImage:
    """One image and its answer."""

    id: str
    at: str  # ISO 8601, UTC
    model: str
    version: int
    checksum: str  # of the version's graph
    data: bytes
    answer: dict[str, Any]
    trained_on: tuple[str, ...] = ()  # the words that named the model's photos on the command line, where known

    @classmethod
    def of(cls, answer: dict[str, Any], version: "Version", data: bytes) -> "AnsweredImage":
        without = {key: value for key, value in answer.items() if key != "similar"}
        return cls(
            answer["id"],
            _now(),
            version.model,
            version.number,
            version.checksum,
            data,
            without,
            _words(version.facts.data.get("typed")),
        )


class FeedbackDatabase:
    """Opens or creates the folder. Raises WhatsitError where the folder cannot be written."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._images = folder / IMAGES
        self._most = most_bytes
        self._open()

    def close(self) -> None:
        self._database.close()

    def renew(self) -> str | None:
        """Opens anew what was deleted or replaced since it was opened. Returns a message about it, or None.

        Raises WhatsitError where it cannot be created again. The next call then tries again.
        """
        database, images = self._on_disk()
        if (database, images) == self._opened:
            return None
        is_images = self._opened is not None and database == self._opened[0]
        is_deleted = (images if is_images else database) is None
        what = f"the folder {IMAGES!r}" if is_images else DATABASE
        with suppress(sqlite3.Error):
            self._database.close()  # before the new one is made: it deletes files of that name beside it
        self._open()
        return f"{what} was {'deleted' if is_deleted else 'replaced'} while the server ran, and what it held is gone"

    def insert(self, answered: AnsweredImage) -> None:
        """Stores an image and its answer.

        Raises WhatsitError or sqlite3.Error where they cannot be written, or corrections leave no room. Then nothing of
        them is stored.
        """
        name, size = image_name(answered.data), len(answered.data)
        path, answer = self._images / name, answered.answer
        is_new = not path.exists()
        if is_new:
            write_atomically(path, answered.data)
            self._bytes += size
        row = (
            *(answered.id, answered.at, answered.model, answered.version, answered.checksum, name, size),
            *(answer["label"], answer["probability"], answer["unsure"], json.dumps(answer)),
        )
        try:
            with self._database:
                self._database.execute(f"INSERT OR REPLACE INTO asked VALUES ({'?, ' * len(row)}NULL, NULL)", row)
                trained = (answered.model, answered.version, json.dumps(answered.trained_on))
                self._database.execute("INSERT OR REPLACE INTO trained VALUES (?, ?, ?)", trained)
        except BaseException:
            if is_new:
                self._unlink(name)
            raise
        self._orphans.pop(name, None)
        while self._bytes > self._most and (self._drop_orphan() or self._drop_answer()):
            pass
        if self._database.execute("SELECT 1 FROM asked WHERE id = ?", (answered.id,)).fetchone() is None:
            raise WhatsitError("corrections fill all the room. Give more: --keep-mb, or take them out of the folder")

    def correct(self, identity: str, label: str) -> None:
        """Raises KeyError where there is no such answer, WhatsitError where its image is gone, and sqlite3.Error."""
        row = self._database.execute("SELECT image FROM asked WHERE id = ?", (identity,)).fetchone()
        if row is None:
            raise KeyError(identity)
        if not (self._images / row[0]).exists():
            raise WhatsitError(f"the image of this answer is gone: {IMAGES}/{row[0]}")
        with self._database:
            change = "UPDATE asked SET correct = ?, corrected_at = ? WHERE id = ?"
            self._database.execute(change, (label, _now(), identity))

    def _open(self) -> None:
        self._opened: tuple[object, object] | None = None
        with plain_os_errors(self._folder):
            self._images.mkdir(parents=True, exist_ok=True)
        self._database = connect(self._folder)
        try:
            named = {name for (name,) in self._database.execute("SELECT DISTINCT image FROM asked")}
        except sqlite3.Error as error:
            raise _no_database(self._folder, error) from None
        sizes = self._sizes()
        self._bytes = sum(sizes.values())
        self._orphans = {name: size for name, size in sizes.items() if name not in named}
        self._opened = self._on_disk()

    def _on_disk(self) -> tuple[object, object]:
        """The identity (device, inode) of the database and of the folder of images; None where it does not exist."""
        return _identity(self._folder / DATABASE), _identity(self._images)

    def _sizes(self) -> dict[str, int]:
        """Bytes of each file below the folder of images, also of those that a kill left unfinished; oldest first."""
        found = []
        with plain_os_errors(self._images):
            for path in self._images.rglob("*"):
                if path.is_file() and not path.is_symlink():
                    status = path.stat()
                    found.append((status.st_mtime_ns, path.relative_to(self._images).as_posix(), status.st_size))
        return {name: size for _, name, size in sorted(found)}

    def _drop_orphan(self) -> bool:
        """The oldest image that no answer names; False where there is none."""
        if not self._orphans:
            return False
        name = next(iter(self._orphans))
        del self._orphans[name]
        self._unlink(name)
        return True

    def _drop_answer(self) -> bool:
        """The oldest, corrected ones last; its image goes with its last answer. False where none is left."""
        oldest = "SELECT id, image FROM asked ORDER BY correct IS NOT NULL, at LIMIT 1"
        row = self._database.execute(oldest).fetchone()
        if row is None:
            return False
        with self._database:
            self._database.execute("DELETE FROM asked WHERE id = ?", row[:1])
        if self._database.execute("SELECT 1 FROM asked WHERE image = ? LIMIT 1", row[1:]).fetchone() is None:
            self._unlink(row[1])
        return True

    def _unlink(self, name: str) -> None:
        path = self._images / name
        with suppress(FileNotFoundError):
            size = path.stat().st_size
            path.unlink()
            self._bytes -= size


def connect(folder: Path) -> sqlite3.Connection:
    """Raises WhatsitError."""
    try:
        database = sqlite3.connect(folder / DATABASE, timeout=30, check_same_thread=False)
        database.execute("PRAGMA journal_mode=WAL")
        database.executescript(SCHEMA)
    except sqlite3.Error as error:
        raise _no_database(folder, error) from None
    return database


def _no_database(folder: Path, error: sqlite3.Error) -> WhatsitError:
    return WhatsitError(f"{folder / DATABASE}: cannot be opened ({error}). Name another folder with --keep")


def image_name(data: bytes) -> str:
    """`ab/abcd….jpg`: by content alone, never by a name that a client gave."""
    digest, kind = hashlib.sha256(data).hexdigest(), sniff(data[:HEAD])
    return f"{digest[:2]}/{digest}{SUFFIX.get(kind or '', f'.{kind}' if kind else '')}"


def _words(given: object) -> tuple[str, ...]:
    """Of a model.json, which may be anybody's."""
    return tuple(given) if isinstance(given, list) and all(isinstance(word, str) for word in given) else ()


def _identity(path: Path) -> object:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
