"""A bounded queue of images, and the threads that classify them.

A thread takes an image from bytes to probabilities by itself. Pillow and ONNX Runtime release the interpreter's lock,
so as many threads as cores keep every core busy. With `max_batch` above 1, a thread takes several waiting images of
one version at once. It never waits for more images, and leaves the other threads their share.

This module knows versions and images. It knows no HTTP requests.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from whatsit.errors import ImageError
from whatsit.model.prediction import Classified
from whatsit.serving.http import HTTPError
from whatsit.serving.manager import Version
from whatsit.serving.metrics import Metrics

log = logging.getLogger("whatsit.serving")

ImageData: TypeAlias = bytes | NDArray[Any]  # a file's bytes, or pixels (H, W, 3) or (H, W)
Work: TypeAlias = Callable[[], Any]
Disconnect: TypeAlias = Callable[[], Awaitable[Exception]]

LONG_WAIT = 0.25  # seconds


@dataclass(eq=False)
class Job:
    """One image to classify; or other work on one image, which takes the same place in the queue."""

    version: Version
    work: ImageData | Work
    deadline: float  # of time.monotonic
    future: "asyncio.Future[Any]"
    since: float = field(default_factory=time.monotonic)


class Pool:
    """Its methods but `close` are called from the event loop's thread."""

    def __init__(self, threads: int, max_waiting: int, max_batch: int, metrics: Metrics) -> None:
        self._max_waiting = max_waiting
        self._max_batch = max_batch
        self._metrics = metrics
        self._waiting: deque[Job] = deque()
        self._change = threading.Condition()
        self._open = True
        self._threads = [threading.Thread(target=self._serve, name=f"answer-{i}", daemon=True) for i in range(threads)]
        metrics.watch("queue_depth", "Images that wait for a thread", lambda: len(self._waiting))
        for thread in self._threads:
            thread.start()

    def check_capacity(self, images: int = 1) -> None:
        """Raises HTTPError where the queue has no room for so many more images."""
        if images > self._max_waiting:
            raise HTTPError("too_large", f"{images} images in one request, and the queue holds {self._max_waiting}")
        if len(self._waiting) + images > self._max_waiting:
            raise HTTPError("overload", f"busy: {len(self._waiting)} images are waiting. Try again in a second")

    async def classify(
        self, version: Version, images: Sequence[ImageData], deadline: float, disconnect: Disconnect | None = None
    ) -> list[Classified]:
        """An answer, or the image's error, for each. Raises HTTPError for all: full, too late, or failed.

        disconnect: returns when the client has disconnected, with the exception to raise here.
        """
        answers: list[Classified] = await self._all(version, images, deadline, disconnect)
        return answers

    async def run(self, version: Version, work: Work, deadline: float) -> Any:
        """Runs other work on one image. Raises what the work raises, and HTTPError."""
        return (await self._all(version, [work], deadline, None))[0]

    async def _all(
        self, version: Version, works: Sequence[ImageData | Work], deadline: float, disconnect: Disconnect | None
    ) -> list[Any]:
        self.check_capacity(len(works))
        loop = asyncio.get_running_loop()
        jobs = [Job(version, work, deadline, loop.create_future()) for work in works]
        with self._change:
            self._waiting.extend(jobs)
            self._change.notify(len(jobs))
        late = HTTPError("deadline", "not answered in time: the server is busy. Try again")
        end = loop.call_later(max(0.0, deadline - time.monotonic()), _fail_first, jobs, late)
        watch = _DisconnectWatcher(jobs, disconnect) if disconnect else None
        try:
            return [await job.future for job in jobs]
        except BaseException:
            self._drop(jobs)
            raise
        finally:
            end.cancel()
            if watch:
                watch.end()

    def _drop(self, jobs: Sequence[Job]) -> None:
        """Removes jobs that nobody waits for from the queue."""
        with self._change:
            for job in jobs:
                if job in self._waiting:
                    self._waiting.remove(job)
        for job in jobs:
            if not job.future.cancel() and not job.future.cancelled():
                job.future.exception()  # only the first job's exception is reported

    def close(self) -> None:
        """No more work is begun; what threads have begun ends by itself."""
        with self._change:
            self._open = False
            self._change.notify_all()

    def _serve(self) -> None:
        while self._work():
            pass

    def _work(self) -> bool:
        """Waits for jobs and runs them. Returns False where the pool is closed.

        It is a function of its own, so that a waiting thread holds no reference to an old job and its version.
        """
        jobs = self._take()
        alive = [job for job in jobs if not job.future.cancelled()]
        late = [job for job in alive if job.deadline < time.monotonic()]
        self._settle(late, [HTTPError("deadline", "waited too long: the server is busy. Try again")] * len(late))
        if ready := [job for job in alive if job not in late]:
            self._settle(ready, self._outcomes(ready))
        return bool(jobs)

    def _take(self) -> list[Job]:
        """The next job, and with it others of its version; none where the pool is closed."""
        with self._change:
            while self._open and not self._waiting:
                self._change.wait()
            if not self._open:
                return []
            first = self._waiting.popleft()
            share = min(self._max_batch, 1 + len(self._waiting) // len(self._threads))
            jobs = [first]
            while len(jobs) < share and self._waiting and _same_batch(first, self._waiting[0]):
                jobs.append(self._waiting.popleft())
            return jobs

    def _outcomes(self, jobs: list[Job]) -> list[Any]:
        now = time.monotonic()
        for job in jobs:
            self._metrics.queue.observe(now - job.since)
        try:
            work = jobs[0].work
            return [work()] if callable(work) else self._answers(jobs[0].version, [job.work for job in jobs])
        except ImageError as error:
            return [error]
        except Exception:  # whatever it is, the thread lives on and the request gets an answer
            if len(jobs) > 1:
                return [outcome for job in jobs for outcome in self._outcomes([job])]
            log.exception("model %s, version %d could not answer", jobs[0].version.model, jobs[0].version.number)
            return [HTTPError("failed", "this version could not answer. The server's log says why")]

    def _answers(self, version: Version, images: Sequence[Any]) -> list[Classified]:
        pixels: list[NDArray[np.uint8]] = []
        errors: list[str | None] = []
        notes: list[str | None] = []
        for image in images:
            start = time.monotonic()
            try:
                made, note = version.classifier.pixels_noted(image)
                pixels.append(made)
                notes.append(note)
                errors.append(None)
            except ImageError as error:
                errors.append(str(error))
            self._metrics.decode.observe(time.monotonic() - start)
        start = time.monotonic()
        predicted = version.classifier.answer_pixels(np.stack(pixels)) if pixels else []
        rows = (replace(one, note=note) if note else one for one, note in zip(predicted, notes, strict=True))
        self._metrics.inference.observe(time.monotonic() - start)
        answers = [next(rows) if error is None else Classified(None, error=error) for error in errors]
        for answer in answers:
            if answer.failed:
                log.error("model %s, version %d could not answer: %s", version.model, version.number, answer.error)
            outcome = "answered" if answer.error is None else "failed" if answer.failed else "bad"
            self._metrics.images.labels(outcome).inc()
        return answers

    def _settle(self, jobs: Sequence[Job], outcomes: Sequence[Any]) -> None:
        if jobs:
            pairs = list(zip(jobs, outcomes, strict=True))
            try:
                jobs[0].future.get_loop().call_soon_threadsafe(_set_results, pairs)
            except RuntimeError:  # the loop has ended: forced, so nobody waits
                return


class _DisconnectWatcher:
    """Drops the images of a client that disconnects.

    It begins only when the wait becomes long, because a task for each request would cost more than it saves.
    """

    def __init__(self, jobs: Sequence[Job], disconnect: Disconnect) -> None:
        self._jobs = jobs
        self._disconnect = disconnect
        self._loop = asyncio.get_running_loop()
        self._begin = self._loop.call_later(LONG_WAIT, self._look)
        self._task: asyncio.Task[None] | None = None

    def _look(self) -> None:
        self._task = self._loop.create_task(self._until_disconnected())

    async def _until_disconnected(self) -> None:
        _fail_first(self._jobs, await self._disconnect())

    def end(self) -> None:
        self._begin.cancel()
        if self._task:
            self._task.cancel()


def _fail_first(jobs: Sequence[Job], reason: Exception) -> None:
    """Sets the exception on the first unfinished job, which is the one that is awaited."""
    for job in jobs:
        if not job.future.done():
            job.future.set_exception(reason)
            return


def _same_batch(one: Job, other: Job) -> bool:
    return one.version is other.version and not callable(one.work) and not callable(other.work)


def _set_results(pairs: list[tuple[Job, Any]]) -> None:
    for job, outcome in pairs:
        if job.future.done():
            continue
        if isinstance(outcome, Exception):
            job.future.set_exception(outcome)
        else:
            job.future.set_result(outcome)
