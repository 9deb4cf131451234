"""What was asked and answered, kept for those who will train the next version; off unless asked for.

One SQLite file, and beside it each image once, under its sha256. One thread writes, so an answer never waits for the
disk, and a full disk costs what was to be kept, never an answer. Beyond the size that is allowed the oldest go first,
corrections last: those are people's work.
"""

import asyncio
import csv
import hashlib
import io
import json
import logging
import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whatsit.errors import WhatsitError
from whatsit.files import plain_os_errors, write_atomically
from whatsit.images.formats import HEAD, sniff
from whatsit.text import clean_label, csv_cell

if TYPE_CHECKING:  # `whatsit feedback` needs none of the server's libraries
    from whatsit.serving.metrics import Metrics
    from whatsit.serving.version import Version

log = logging.getLogger("whatsit.serving")

DATABASE, IMAGES = "feedback.sqlite", "images"
SCHEMA = """
CREATE TABLE IF NOT EXISTS asked (
    id TEXT PRIMARY KEY, at TEXT NOT NULL, model TEXT NOT NULL, version INTEGER NOT NULL, checksum TEXT NOT NULL,
    image TEXT NOT NULL, bytes INTEGER NOT NULL, label TEXT NOT NULL, probability REAL NOT NULL,
    unsure INTEGER NOT NULL, answer TEXT NOT NULL, correct TEXT, corrected_at TEXT
);
CREATE INDEX IF NOT EXISTS by_image ON asked (image);
CREATE INDEX IF NOT EXISTS by_age ON asked (correct IS NOT NULL, at);
"""
WAITING = 256  # answers that wait to be written; beyond, they are not kept
SUFFIX = {"jpeg": ".jpg"}  # the other kinds are their own


@dataclass(frozen=True)
class Asked:
    """One image and its answer."""

    id: str
    at: str  # ISO 8601, UTC
    model: str
    version: int
    checksum: str  # of the version's graph
    data: bytes
    answer: dict[str, Any]

    @classmethod
    def of(cls, answer: dict[str, Any], version: "Version", data: bytes) -> "Asked":
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        without = {key: value for key, value in answer.items() if key != "similar"}
        return cls(answer["id"], now, version.model, version.number, version.checksum, data, without)


class Keepsakes:
    """Opens or makes the folder. Raises WhatsitError where it cannot be written."""

    def __init__(self, folder: Path, most_bytes: int, metrics: "Metrics") -> None:
        self._folder = folder
        self._most = most_bytes
        self._metrics = metrics
        self._tasks: queue.Queue[Callable[[sqlite3.Connection], None] | None] = queue.Queue(WAITING)
        with plain_os_errors(folder):
            (folder / IMAGES).mkdir(parents=True, exist_ok=True)
        with connect(folder) as database:
            self._bytes = _total(database)
        self._thread = threading.Thread(target=self._write, name="keepsakes", daemon=True)
        self._thread.start()

    def keep(self, asked: Asked) -> None:
        """Returns at once."""
        try:
            self._tasks.put_nowait(lambda database: self._insert(database, asked))
        except queue.Full:
            self._metrics.kept.labels("dropped").inc()

    async def correct(self, identity: str, label: str) -> None:
        """Raises KeyError where there is no such answer, and WhatsitError where it cannot be written."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def work(database: sqlite3.Connection) -> None:
            error = _outcome(lambda: _correct(database, identity, clean_label(label)))
            loop.call_soon_threadsafe(_settle, done, error)

        try:
            self._tasks.put_nowait(work)
        except queue.Full:
            raise WhatsitError("the disk is too slow: the correction was not kept. Try again") from None
        await done

    def close(self) -> None:
        """Writes what waits, then ends."""
        self._tasks.put(None)
        self._thread.join()

    def _write(self) -> None:
        with connect(self._folder) as database:
            while (task := self._tasks.get()) is not None:
                task(database)

    def _insert(self, database: sqlite3.Connection, asked: Asked) -> None:
        error = _outcome(lambda: self._insert_one(database, asked))
        if error:
            log.error("an answer was not kept: %s", error)
        self._metrics.kept.labels("failed" if error else "kept").inc()

    def _insert_one(self, database: sqlite3.Connection, asked: Asked) -> None:
        name = image_name(asked.data)
        path, answer = self._folder / IMAGES / name, asked.answer
        is_new = not path.exists()
        if is_new:
            write_atomically(path, asked.data)
        with database:
            database.execute(
                "INSERT OR REPLACE INTO asked VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
                (
                    *(asked.id, asked.at, asked.model, asked.version, asked.checksum, name, len(asked.data)),
                    *(answer["label"], answer["probability"], answer["unsure"], json.dumps(answer)),
                ),
            )
        self._bytes += len(asked.data) if is_new else 0
        while self._bytes > self._most and self._drop_oldest(database):
            pass

    def _drop_oldest(self, database: sqlite3.Connection) -> bool:
        """The image that was asked about longest ago, with all its answers; False where nothing is left."""
        row = database.execute("SELECT image, bytes FROM asked ORDER BY correct IS NOT NULL, at LIMIT 1").fetchone()
        if row is None:
            return False
        with database:
            database.execute("DELETE FROM asked WHERE image = ?", row[:1])
        (self._folder / IMAGES / row[0]).unlink(missing_ok=True)
        self._bytes -= row[1]
        return True


def connect(folder: Path) -> sqlite3.Connection:
    """Raises WhatsitError."""
    path = folder / DATABASE
    try:
        database = sqlite3.connect(path, timeout=30, check_same_thread=False)
        database.execute("PRAGMA journal_mode=WAL")
        database.executescript(SCHEMA)
    except sqlite3.Error as error:
        raise WhatsitError(f"{path}: cannot be opened ({error}). Name another folder with --keep") from None
    return database


def _total(database: sqlite3.Connection) -> int:
    (total,) = database.execute("SELECT TOTAL(bytes) FROM (SELECT DISTINCT image, bytes FROM asked)").fetchone()
    return int(total)


def image_name(data: bytes) -> str:
    """`ab/abcd….jpg`: by content alone, never by a name that a client gave."""
    digest, kind = hashlib.sha256(data).hexdigest(), sniff(data[:HEAD])
    return f"{digest[:2]}/{digest}{SUFFIX.get(kind or '', f'.{kind}' if kind else '')}"


def _correct(database: sqlite3.Connection, identity: str, label: str) -> None:
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    with database:
        changed = database.execute(
            "UPDATE asked SET correct = ?, corrected_at = ? WHERE id = ?", (label, now, identity)
        )
    if changed.rowcount == 0:
        raise KeyError(identity)


def _outcome(work: Callable[[], None]) -> Exception | None:
    try:
        work()
    except (KeyError, WhatsitError) as error:
        return error
    except (OSError, sqlite3.Error) as error:
        return WhatsitError(f"cannot write what is kept: {error}")
    return None


def _settle(future: "asyncio.Future[None]", error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


def write_corrections(folder: Path, manifest: Path) -> int:
    """A manifest of the corrected images, `uri,label`, for `whatsit train`; how many there are.

    Of an image that was corrected more than once, the last correction. Raises WhatsitError.
    """
    if not (folder / DATABASE).exists():
        raise WhatsitError(f"{folder}: no {DATABASE} in it. Name the folder that 'whatsit serve --keep' was given")
    with connect(folder) as database:
        rows = database.execute(
            "SELECT image, correct FROM asked WHERE correct IS NOT NULL ORDER BY corrected_at"
        ).fetchall()
    labels = dict(rows)
    if not labels:
        raise WhatsitError(f'{folder}: nothing was corrected yet. The page\'s "Wrong?" button sends corrections')
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["uri", "label"])
    for image, label in sorted(labels.items()):
        uri = os.path.relpath(folder.absolute() / IMAGES / image, manifest.absolute().parent)
        writer.writerow([csv_cell(uri), csv_cell(label)])
    write_atomically(manifest, file.getvalue().encode("utf-8", "surrogateescape"))
    return len(labels)
