"""The trials of a search: one after another, or in several processes at once.

A trial fits a network with the options that the study asks for, and measures it, or gives it up. Figures are kept of
every trial, networks of none: the best is fitted again on more photos. Each process has its share of the cores, hands
itself the next trial from the journal, and is told nothing else. Only the first one listens to the keyboard and shows
how far it is. Ctrl-C ends all of them, and so does the end of the first.
"""

import multiprocessing
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import TYPE_CHECKING

from whatsit.config import TrainOptions
from whatsit.errors import DivergedError, OutOfMemoryError, WhatsitError
from whatsit.machine import cores
from whatsit.progress import Advance, ProgressReporter
from whatsit.training.compare.trial import Trial, keep, kept, key_of, run_trial
from whatsit.training.experiment import Experiment
from whatsit.training.fitted import Run
from whatsit.training.network.resume import SUFFIX, training_identity, unfinished
from whatsit.training.tune.space import Space
from whatsit.training.tune.study import Asked, Study
from whatsit.training.tune.summary import GivenUp, Row, best_of

if TYPE_CHECKING:
    from lightning.pytorch import Callback

SPAWN = multiprocessing.get_context("spawn")  # a fork of a process with PyTorch's threads may hang
LOOK = 0.5  # seconds
BROKEN_OFF = 130  # exit status of a process whose trial Ctrl-C ended


@dataclass(frozen=True)
class Search:
    """What all trials have in common, wherever they run."""

    experiment: Experiment
    space: Space
    fixed: TrainOptions
    file: Path  # the study's journal
    cache: Path
    trials: int
    until: float  # seconds since 1970; no trial is begun later

    @property
    def work(self) -> Path:
        """The folder of locks, unfinished networks and the figures of trials."""
        return self.file.with_name(self.file.name + ".trials")

    def opened(self) -> Study:
        """The study, for this process."""
        return Study(self.file, self.work, self.space, self.fixed.seed)

    def options(self, row: Row | Asked) -> TrainOptions:
        """Those of a trial."""
        return self.space.options(row.values, self.fixed)

    def place(self, name: str, options: TrainOptions) -> Path:
        """A folder of the work, named after all that its content depends on: never another search's."""
        return self.work / f"{name}-{key_of(options, self.experiment)}"

    def figures(self, row: Row | Asked) -> Path:
        """The folder of a complete trial's figures."""
        return self.place(f"figures-{row.number:04}", self.options(row))


def run_asked(search: Search, study: Study, asked: Asked, progress: ProgressReporter) -> None:
    """Tells the study how it went. Raises KeyboardInterrupt where it was broken off: the trial then does not count."""
    prune = _pruning(lambda losses: study.give_up(asked.number, losses))
    options = search.options(asked)
    place = search.place(asked.place, options)
    start = time.monotonic()
    try:
        trial = _fitted(search, options, place, progress, prune)
    except (GivenUp, WhatsitError) as error:
        why = _why(error)
        if why is None:
            raise
        epochs = error.epochs if isinstance(error, GivenUp) else None
        study.prune(asked.number, {"why": why, "epochs": epochs, "seconds": round(time.monotonic() - start, 1)})
        shutil.rmtree(place.with_name(place.name + SUFFIX), ignore_errors=True)
    else:
        keep(trial, search.figures(asked))
        _complete(study, asked, trial)


Losses = Mapping[int, float]  # on valid, in nats, by epoch


def _pruning(give_up: Callable[[Losses], bool]) -> "Callback":
    """Raises GivenUp after the epoch at which `give_up` says so. It stands behind the record of epochs."""
    from lightning.pytorch import Callback, LightningModule, Trainer  # a matter of seconds

    from whatsit.training.network.callbacks import Record

    class Prune(Callback):
        def on_validation_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
            losses = {epoch.number: epoch.judged_by for epoch in Record.of(trainer).epochs}
            if give_up(losses):
                raise GivenUp(max(losses))

    return Prune()


def _fitted(
    search: Search, options: TrainOptions, place: Path, progress: ProgressReporter, *callbacks: "Callback"
) -> Trial:
    """From the checkpoint where it was broken off before."""
    begun = training_identity(search.experiment, options)
    with unfinished(place, begun, resume=True, overwrite=True) as training:
        run = Run(search.cache, training, progress, callbacks)
        return run_trial(place.name, options, search.experiment, run)


def _why(error: Exception) -> str | None:
    """Why these options came to nothing; None where the fault is not theirs."""
    if isinstance(error, GivenUp):
        return str(error)
    if isinstance(error, DivergedError):
        return str(error).partition(":")[0]
    return "there was not enough memory" if isinstance(error, OutOfMemoryError) else None


def _complete(study: Study, asked: Asked, trial: Trial) -> None:
    epochs = trial.history.epochs if trial.history else ()
    study.give_up(asked.number, {epoch.number: epoch.judged_by for epoch in epochs})  # too late, but others compare
    facts = {
        "accuracy": trial.accuracy.value,
        "epochs": epochs[-1].number if epochs else 0,
        "seconds": round(trial.seconds, 1),
    }
    study.complete(asked.number, trial.log_loss, facts)


def trial_of(search: Search, row: Row, name: str, progress: ProgressReporter) -> Trial:
    """As it was kept, or else fitted again. name: for people."""
    folder = search.figures(row)
    found = kept(name, folder)
    if found is None:
        found = replace(_fitted(search, search.options(row), folder, progress), name=name)
        keep(found, folder)
    return found


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
