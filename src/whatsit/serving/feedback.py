"""The feedback store: images, answers and corrections, for training the next version. Off by default.

One thread writes, so that no response waits for the disk. Where the disk is full, answers are not stored, but are still
sent. The log, the metrics and the response to a correction report what was not stored.
"""

import asyncio
import csv
import io
import itertools
import json
import logging
import os
import queue
import shlex
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from whatsit.data.read import source_name
from whatsit.errors import WhatsitError
from whatsit.files import default_folder, write_atomically
from whatsit.serving.database import DATABASE, IMAGES, AnsweredImage, FeedbackDatabase, connect
from whatsit.text import clean_label, csv_cell

if TYPE_CHECKING:  # `whatsit feedback` needs none of the server's libraries
    from whatsit.serving.metrics import Metrics

log = logging.getLogger("whatsit.serving")

WAITING = 256  # most tasks in the queue; beyond that, answers are not stored


@dataclass(frozen=True)
class _Task:
    what: str
    work: Callable[[FeedbackDatabase], None]
    done: Callable[[Exception | None], None]
    needs_stored: bool = False  # whether it changes a stored answer


class FeedbackStore:
    """Opens or creates the folder. Raises WhatsitError where the folder cannot be written."""

    def __init__(self, folder: Path, most_bytes: int, metrics: "Metrics") -> None:
        self._metrics = metrics
        self._tasks: queue.Queue[_Task | None] = queue.Queue(WAITING)
        self._database = FeedbackDatabase(folder, most_bytes)
        self._thread = threading.Thread(target=self._write, name="feedback-store", daemon=True)
        self._thread.start()

    def keep(self, answer: AnsweredImage) -> None:
        """Queues an answer to be stored, and returns at once."""

        def done(error: Exception | None) -> None:
            self._metrics.kept.labels("failed" if error else "kept").inc()

        try:
            self._tasks.put_nowait(_Task("an answer", lambda database: database.insert(answer), done))
        except queue.Full:
            self._metrics.kept.labels("dropped").inc()

    async def correct(self, identity: str, label: str) -> None:
        """Stores a correction. Raises KeyError where there is no such answer.

        Raises WhatsitError where the correction cannot be written, or the stored answers were deleted.
        """
        loop = asyncio.get_running_loop()
        settled: asyncio.Future[None] = loop.create_future()

        def done(error: Exception | None) -> None:
            with suppress(RuntimeError):  # the loop has ended: forced, so nobody waits
                loop.call_soon_threadsafe(_settle, settled, error)

        label = clean_label(label)
        try:
            task = _Task("a correction", lambda database: database.correct(identity, label), done, needs_stored=True)
            self._tasks.put_nowait(task)
        except queue.Full:
            raise WhatsitError("the disk is too slow: the correction was not kept. Try again") from None
        await settled

    def close(self) -> None:
        """Writes what is queued, then ends the thread."""
        self._tasks.put(None)
        self._thread.join()
        self._database.close()

    def _write(self) -> None:
        while (task := self._tasks.get()) is not None:
            task.done(self._outcome(task))

    def _outcome(self, task: _Task) -> Exception | None:
        try:
            if lost := self._database.renew():
                log.error("%s. It is made anew", lost)
                if task.needs_stored:
                    raise WhatsitError(lost)
            task.work(self._database)
        except KeyError as error:
            return error
        except (WhatsitError, OSError, sqlite3.Error) as error:
            log.error("%s was not kept: %s", task.what, error)
            return WhatsitError(f"{task.what} was not kept: {error}")
        except Exception as error:  # the thread must live on: others' answers wait for it
            log.exception("%s was not kept", task.what)
            return WhatsitError(f"{task.what} was not kept: {type(error).__name__}")
        return None


def _settle(future: "asyncio.Future[None]", error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


def _relative(path: Path, manifest: Path) -> str:
    """From the manifest's folder; as it is where that lies on another drive of Windows, from which no way leads."""
    try:
        return os.path.relpath(path, manifest.absolute().parent)
    except ValueError:
        return str(path)


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
        writer.writerow([csv_cell(_relative(folder.absolute() / IMAGES / image, manifest)), csv_cell(label)])
    write_atomically(manifest, file.getvalue().encode("utf-8", "surrogateescape"))
    return len(labels)


def training_command(folder: Path, manifest: Path) -> str:
    """What to type to train on the corrections, beside the photos of the model that was corrected last.

    Where these are not known, or not here, the word PHOTOS stands for them. Raises WhatsitError.
    """
    with connect(folder) as database:
        row = database.execute(
            "SELECT data FROM asked JOIN trained USING (model, version) "
            "WHERE correct IS NOT NULL ORDER BY corrected_at DESC LIMIT 1"
        ).fetchone()
    words = [str(word) for word in json.loads(row[0])] if row else []
    if not words or not os.path.exists(words[0]):  # noqa: PTH110 (False, not an error, in a closed folder)
        return shlex.join(["whatsit", "train", "PHOTOS", str(manifest)])
    options = next((place for place, word in enumerate(words) if word.startswith("--")), len(words))
    sources = [*words[:options], *([] if str(manifest) in words else [str(manifest)])]
    output = _output_option(default_folder(source_name(Path(words[0]))))
    return shlex.join(["whatsit", "train", *sources, *words[options:], *output])


def _output_option(folder: Path) -> list[str]:
    """Nothing to type where the model's folder is free, else another name."""
    if not folder.exists():
        return []
    number = next(n for n in itertools.count(2) if not Path(f"{folder}-{n}").exists())
    return ["--output", f"{folder}-{number}"]
