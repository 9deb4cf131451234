"""Trials, one after another or in processes of their own. Ctrl-C ends all of them, and so does the end of the first.

Each process has its share of the cores, hands itself the next trial from the journal, and is told nothing else. Only
the first one listens to the keyboard and shows how far it is.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from whatsit.errors import WhatsitError
from whatsit.machine import cores
from whatsit.progress import Advance, ProgressReporter
from whatsit.training.tune.study import Study, best_of
from whatsit.training.tune.trial import Search, run_asked

SPAWN = multiprocessing.get_context("spawn")  # a fork of a process with PyTorch's threads may hang
LOOK = 0.5  # seconds
BROKEN_OFF = 130  # exit status of a process whose trial Ctrl-C ended


@dataclass(frozen=True)
class SearchProgress:
    """How far a search is."""

    done: int  # trials that have ended
    best: float | None  # log loss
    note: str = ""  # what is being done, in a few words


def search_here(search: Search, study: Study, on_progress: Callable[[SearchProgress], None]) -> None:
    """All trials that are left, in this process."""
    while time.time() < search.until and (asked := study.ask(search.trials)):
        so_far = _progress(study)
        run_asked(search, study, asked, _noting(on_progress, so_far))
        on_progress(_progress(study))


def _progress(study: Study, note: str = "") -> SearchProgress:
    rows = study.rows()
    best = best_of(rows)
    return SearchProgress(len(rows), best.loss if best else None, note)


def _noting(on_progress: Callable[[SearchProgress], None], so_far: SearchProgress) -> ProgressReporter:
    """The steps of a trial as notes beside the search's own progress."""

    @contextmanager
    def progress(step: str, total: int | None) -> Iterator[Advance]:
        def advance(n: int, note: str = "") -> None:
            on_progress(SearchProgress(so_far.done, so_far.best, note or step))

        advance(0)
        yield advance

    return progress


def search_in_processes(
    search: Search, study: Study, on_progress: Callable[[SearchProgress], None], count: int
) -> None:
    """Raises what one of them raised as a WhatsitError, KeyboardInterrupt after Ctrl-C."""
    heard, said = SPAWN.Pipe(duplex=False)
    share = Share(count)
    workers = [SPAWN.Process(target=_work, args=(search, share, i, said), name=f"trials-{i}") for i in range(count)]
    try:
        with _deaf():
            for worker in workers:
                worker.start()
        while any(worker.is_alive() for worker in workers):
            on_progress(_progress(study))
            time.sleep(LOOK)
            if any(worker.exitcode for worker in workers):
                break
        on_progress(_progress(study))
        _check(workers, heard)
    finally:
        for worker in workers:
            if worker.pid is not None:
                worker.kill()
                worker.join()


def _check(workers: list[SpawnProcess], heard: Connection) -> None:
    if heard.poll():
        raise WhatsitError(heard.recv_bytes().decode())
    codes = [worker.exitcode for worker in workers if worker.exitcode]
    if BROKEN_OFF in codes:
        raise KeyboardInterrupt
    if codes:
        raise WhatsitError(
            f"a process that ran trials ended (exit status {codes[0]}). Run the same command again to go on; where "
            "memory is short, with fewer --processes"
        )


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes that are started meanwhile do not hear Ctrl-C; this one hears it afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@dataclass(frozen=True)
class Share:
    """How the cores are shared out."""

    count: int

    def of(self, i: int, allowed: list[int], most: int) -> set[int]:
        """The processors of process i, of those that all may use; most: how many at once, of a container's share.

        >>> Share(2).of(1, [0, 1, 2, 3], 4)
        {1, 3}
        """
        mine = allowed[i % len(allowed) :: self.count] or allowed[:1]
        return set(mine[: max(1, min(most, len(allowed)) // self.count)])

    def take(self, i: int) -> None:
        """Before PyTorch is imported, which asks how many there are. Where the system cannot, all have all."""
        with suppress(AttributeError, OSError):
            os.sched_setaffinity(0, self.of(i, sorted(os.sched_getaffinity(0)), cores()))


def _work(search: Search, share: Share, i: int, said: Connection) -> None:
    """What each process does."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(ValueError):  # locks that libraries make are then nameless, and leave nothing where it is killed
        multiprocessing.set_start_method("fork", force=True)
    share.take(i)
    try:
        with closing(search.opened()) as study:
            search_here(search, study, lambda progress: None)
    except WhatsitError as error:
        said.send_bytes(str(error).encode("utf-8", "backslashreplace"))
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(BROKEN_OFF) from None


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
