"""Optuna's study, which several processes share: which options to try next, and which trial to give up.

What is tried next hangs on the seed and on the trials before it, not on when a search was broken off. A trial whose
process is gone is not counted: its options are tried again, from its checkpoint where there is one.

The study lies in Optuna's journal, a file of JSON lines that processes append to in turn. It survives a kill at any
moment. Optuna's own lock outlives a process that was killed by half a minute, and its reader stops at half a line. Here
the system takes the lock back with the process, and half a line is dropped.

This is the one module that imports Optuna.
"""

import json
import math
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import optuna
from filelock import FileLock, Timeout
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from whatsit.errors import WhatsitError
from whatsit.files import plain_os_errors
from whatsit.training.tune.space import Choice, Range, Space, Values
from whatsit.training.tune.summary import Fact, Row

GUARD = ".guard"  # beside the journal
FIRST = 200  # bytes, within which a first line names its operation


class Journal(JournalFileBackend):
    """Raises WhatsitError where the file is none of Optuna's, or cannot be written."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.guard = FileLock(file.with_name(file.name + GUARD))
        with plain_os_errors(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            with self.guard:
                _mend(file)
            super().__init__(str(file))

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Waits for the disk: a trial costs more than that."""
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        with plain_os_errors(self.file), self.guard, self.file.open("ab") as file:
            file.write(lines.encode())
            file.flush()
            os.fsync(file.fileno())


def _mend(file: Path) -> None:
    """Drops half a last line, of a journal alone: any other file is left as it is."""
    if not file.exists() or not file.stat().st_size:
        return
    with file.open("r+b") as opened:
        if b'"op_code"' not in opened.read(FIRST):
            raise WhatsitError(f"{file}: is no journal of 'whatsit tune'. Name another --storage")
        opened.seek(0)
        data = opened.read()
        if not data.endswith(b"\n"):
            opened.truncate(data.rfind(b"\n") + 1)


NAME = "whatsit"
BEGUN, DEFAULTS, WORKER, PLACE, FACTS, LOST = "begun", "defaults", "worker", "place", "facts", "lost"
QUEUED = "queued"  # the values that a trial was put into the queue with
AT_RANDOM = 6  # trials before conclusions are drawn; Optuna's 10 would be half of all
UNPRUNED = 4  # finished trials, or such as came so far, below which their median means little
SHARE_UNPRUNED = 4  # a quarter of the epochs: the learning rate still rises, and all curves look alike
LOSSES = 3  # processes that a trial may end, without an epoch more, before it is given up
STARTED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
ENDED = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True)
class Asked:
    """A trial to run."""

    number: int
    values: Values
    place: str  # the name of the folder of its unfinished network


class Study:
    """Open for one process. file: its journal; work: the folder of its locks."""

    def __init__(self, file: Path, work: Path, space: Space, seed: int) -> None:
        self.file = file
        self.work = work
        self.space = space
        self.seed = seed
        self.turn = FileLock(work / "turn.lock")  # held while trials are handed out
        self._worker = uuid4().hex
        self._alive = self._lock_of(self._worker)
        with plain_os_errors(work):
            work.mkdir(parents=True, exist_ok=True)
            self._alive.acquire()
        self._open: dict[int, optuna.Trial] = {}
        pruner = optuna.pruners.MedianPruner(UNPRUNED, max(1, space.epochs // SHARE_UNPRUNED), n_min_trials=UNPRUNED)
        with _quiet(), _plain(file):
            storage = JournalStorage(Journal(file))
            with self.turn:
                self._study = optuna.create_study(
                    storage=storage, study_name=NAME, load_if_exists=True, pruner=pruner, direction="minimize"
                )

    def close(self) -> None:
        """From here on its trials count as broken off."""
        self._alive.release()
        Path(self._alive.lock_file).unlink(missing_ok=True)

    def begin(self, begun: Mapping[str, object]) -> None:
        """begun: all that the trials have in common. Raises WhatsitError where the study was begun with other."""
        with self.turn, _quiet():
            before = self._study.user_attrs.get(BEGUN)
            if before is None:
                if not self._study.get_trials(deepcopy=False):
                    self._enqueue(dict(self.space.defaults), {DEFAULTS: True})
                self._study.set_user_attr(BEGUN, dict(begun))
            elif changed := [name for name in begun if begun[name] != before.get(name)]:
                name = changed[0]
                raise WhatsitError(
                    f"{self.file}: begun with {_other(name, before.get(name), begun[name])}. Give the same, or begin "
                    "another search: --storage"
                )

    def ask(self, wanted: int) -> Asked | None:
        """The next trial, or None where `wanted` have ended or are under way."""
        with self.turn, _quiet():
            self._reap()
            started = len(self._study.get_trials(deepcopy=False, states=STARTED))
            if started >= wanted:
                return None
            draw = np.random.SeedSequence([self.seed % 2**32, started]).generate_state(1)
            self._study.sampler = optuna.samplers.TPESampler(  # Optuna 4 and 5 have other defaults for the last two
                n_startup_trials=AT_RANDOM, seed=int(draw[0]), constant_liar=True, multivariate=False
            )
            trial = self._study.ask({name: _distribution(one) for name, one in self.space.ranges.items()})
            place = trial.user_attrs.get(PLACE) or f"trial-{trial.number:04}"
            trial.set_user_attr(PLACE, place)
            trial.set_user_attr(WORKER, self._worker)
            self._open[trial.number] = trial
            return Asked(trial.number, trial.params, place)

    def give_up(self, number: int, losses: Mapping[int, float]) -> bool:
        """Tells of the epochs so far, and whether the trial is worse than half of those before it were by then."""
        trial = self._open[number]
        with _quiet():
            known = self._study.get_trials(deepcopy=False)[number].intermediate_values
            for epoch in sorted(set(losses) - set(known)):
                trial.report(losses[epoch], epoch)
            return trial.should_prune()

    def complete(self, number: int, loss: float, facts: Mapping[str, Fact]) -> None:
        """loss: calibrated, on valid."""
        self._tell(number, TrialState.COMPLETE, facts, loss)

    def prune(self, number: int, facts: Mapping[str, Fact]) -> None:
        """It counts as worse than all that are complete."""
        self._tell(number, TrialState.PRUNED, facts, None)

    def _tell(self, number: int, state: TrialState, facts: Mapping[str, Fact], loss: float | None) -> None:
        with _quiet():
            self._open.pop(number).set_user_attr(FACTS, dict(facts))
            self._study.tell(number, loss, state=state)

    def rows(self) -> list[Row]:
        """Of all trials that have ended, in the order in which they were begun."""
        with _quiet():
            trials = self._study.get_trials(deepcopy=False, states=ENDED)
        return [_row(trial) for trial in trials]

    def others(self) -> int:
        """How many trials are under way, in whatever process."""
        with self.turn, _quiet():
            self._reap()
            return len(self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)))

    def importances(self) -> dict[str, float]:
        """Each option's share of what the loss differs by (fANOVA, Hutter et al. 2014); none where all are equal."""
        complete = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len({trial.value for trial in complete}) < 2:
            return {}
        with _quiet():
            found = get_param_importances(self._study, evaluator=FanovaImportanceEvaluator(seed=self.seed % 2**32))
        return {name: float(share) for name, share in found.items()}

    def _reap(self) -> None:
        """Trials whose process is gone are put back in the queue. Called while it is this process's turn.

        But for one that ends every process, as for want of memory: nothing after it would ever be tried.
        """
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if self._is_alive(trial):
                continue
            epochs, times = trial.user_attrs.get(LOST, (0, 0))
            lost = (len(trial.intermediate_values), times + 1 if len(trial.intermediate_values) <= epochs else 1)
            whole = set(self.space.ranges) <= set(trial.params)
            if whole and lost[1] >= LOSSES:
                self._study.tell(trial.number, state=TrialState.PRUNED)  # without facts, as nobody is left to set them
                continue
            values = trial.params if whole else trial.user_attrs.get(QUEUED)
            kept = {name: value for name in (DEFAULTS, PLACE) if (value := trial.user_attrs.get(name))}
            if values:
                self._enqueue(values, {**kept, LOST: lost})
            self._study.tell(trial.number, state=TrialState.FAIL)

    def _enqueue(self, values: Values, attributes: dict[str, object]) -> None:
        self._study.enqueue_trial(dict(values), {**attributes, QUEUED: dict(values)})

    def _is_alive(self, trial: FrozenTrial) -> bool:
        worker = trial.user_attrs.get(WORKER)
        if worker in (None, self._worker):
            return worker is not None
        lock = self._lock_of(worker)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return True
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)
        return False

    def _lock_of(self, worker: str) -> FileLock:
        return FileLock(self.work / f"worker-{worker}.lock")


def _row(trial: FrozenTrial) -> Row:
    pruned = trial.state == TrialState.PRUNED
    losses = {epoch: loss for epoch, loss in trial.intermediate_values.items() if math.isfinite(loss)}
    return Row(
        number=trial.number,
        values=trial.params,
        loss=None if pruned else trial.value,
        facts=trial.user_attrs.get(FACTS) or (_given_up(trial) if pruned else {}),
        defaults=bool(trial.user_attrs.get(DEFAULTS)),
        epoch_losses=losses,
    )


def _given_up(trial: FrozenTrial) -> dict[str, Fact]:
    """The facts of a trial that ended every process that tried it."""
    epochs = len(trial.intermediate_values) or None
    return {"why": f"its process ended {LOSSES} times", "epochs": epochs, "seconds": 0.0}


def _distribution(one: Range) -> BaseDistribution:
    if isinstance(one, Choice):
        return CategoricalDistribution(one.values)
    return FloatDistribution(one.low, one.high, log=True)


def _other(name: str, before: object, now: object) -> str:
    """What differs, in words: some values are too long for a line."""
    words = name.replace("_", " ")
    if name in ("photos", "classes", "splits", "ranges", "network_files"):
        return f"other {words}"
    said = ["the default" if value is None else f"{value}" for value in (before, now)]
    return f"other {words} ({said[0]}, now {said[1]})"


@contextmanager
def _plain(file: Path) -> Iterator[None]:
    """A line in the middle of the journal that is none becomes one line."""
    try:
        yield
    except (ValueError, KeyError) as error:
        raise WhatsitError(f"{file}: is damaged. Begin another search: --storage, or remove it") from error


@contextmanager
def _quiet() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(before)
