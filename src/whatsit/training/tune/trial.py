"""One trial of a search: a network is fitted with the options that the study asks for, and measured, or given up.

Figures are kept of every trial, networks of none: the best is fitted again on more photos.
"""

import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from whatsit.config import TrainOptions
from whatsit.errors import DivergedError, OutOfMemoryError, WhatsitError
from whatsit.progress import ProgressReporter
from whatsit.training.compare.trial import Trial, keep, kept, key_of, run_trial
from whatsit.training.experiment import Experiment
from whatsit.training.fitted import Run
from whatsit.training.network.resume import SUFFIX, training_identity, unfinished
from whatsit.training.tune.space import Space
from whatsit.training.tune.study import Asked, GivenUp, Row, Study

if TYPE_CHECKING:
    from lightning.pytorch import Callback


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
    from whatsit.training.tune.pruning import Prune

    prune = Prune(lambda losses: study.give_up(asked.number, losses))
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
    """As it was kept, or else taught again. name: for people."""
    folder = search.figures(row)
    found = kept(name, folder)
    if found is None:
        found = replace(_fitted(search, search.options(row), folder, progress), name=name)
        keep(found, folder)
    return found
