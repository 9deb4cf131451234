"""One trial of a search: the options that were asked for, taught and measured, or given up.

Figures are kept of every trial, networks of none: the best is taught again on more photos.
"""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from whatsit.comparison.field import Field
from whatsit.comparison.kept import keep, kept
from whatsit.comparison.trial import Trial, run_trial
from whatsit.errors import WhatsitError
from whatsit.options import TrainOptions
from whatsit.steps.see import Watch
from whatsit.steps.unfinished import SUFFIX, begun_with, unfinished
from whatsit.tuning.rows import GivenUp, Row
from whatsit.tuning.space import Space
from whatsit.tuning.study import Asked, Study

if TYPE_CHECKING:
    from lightning.pytorch import Callback

NO_NUMBER = "the loss is no number"  # how `fit` begins to say it
OUT_OF_MEMORY = "OutOfMemoryError"  # PyTorch's name of it


@dataclass(frozen=True)
class Search:
    """What all trials have in common, wherever they run."""

    field: Field
    space: Space
    fixed: TrainOptions
    file: Path  # the study's journal
    trials: int
    until: float  # seconds since 1970; no trial is begun later

    @property
    def work(self) -> Path:
        """The folder of locks, unfinished networks and the figures of trials."""
        return self.file.with_suffix(".trials")

    def opened(self) -> Study:
        """The study, for this process."""
        return Study(self.file, self.work, self.space, self.fixed.seed)

    def options(self, row: Row | Asked) -> TrainOptions:
        """Those of a trial."""
        return self.space.options(row.values, self.fixed)


def run_asked(search: Search, study: Study, asked: Asked, watch: Watch) -> None:
    """Tells the study how it went. Raises KeyboardInterrupt where it was broken off: the trial then does not count."""
    from whatsit.tuning.pruning import Prune

    prune = Prune(lambda losses: study.give_up(asked.number, losses))
    start = time.monotonic()
    try:
        trial = _taught(search, asked, search.work / asked.place, watch, prune)
    except (GivenUp, WhatsitError, RuntimeError) as error:
        why = _why(error)
        if why is None:
            raise
        epochs = error.epochs if isinstance(error, GivenUp) else None
        study.prune(asked.number, {"why": why, "epochs": epochs, "seconds": round(time.monotonic() - start, 1)})
        shutil.rmtree(search.work / (asked.place + SUFFIX), ignore_errors=True)
    else:
        keep(trial, figures_of(search, asked.number))
        _complete(study, asked, trial)


def _taught(search: Search, asked: Asked, place: Path, watch: Watch, *callbacks: "Callback") -> Trial:
    """From the checkpoint where it was broken off before."""
    options, field = search.options(asked), search.field
    begun = begun_with(field.photos, field.plan, options)
    with unfinished(place, begun, resume=True, overwrite=True) as training:
        return run_trial(asked.place, options, field, training, watch, callbacks)


def _why(error: Exception) -> str | None:
    """Why these options came to nothing; None where the fault is not theirs."""
    if isinstance(error, GivenUp):
        return str(error)
    if str(error).startswith(NO_NUMBER):
        return NO_NUMBER
    return "there was not enough memory" if type(error).__name__ == OUT_OF_MEMORY else None


def _complete(study: Study, asked: Asked, trial: Trial) -> None:
    epochs = trial.history.epochs if trial.history else ()
    study.give_up(asked.number, {epoch.number: epoch.judged_by for epoch in epochs})  # too late, but others compare
    facts = {
        "accuracy": trial.accuracy.value,
        "epochs": epochs[-1].number if epochs else 0,
        "seconds": round(trial.seconds, 1),
    }
    study.complete(asked.number, trial.log_loss, facts)


def figures_of(search: Search, number: int) -> Path:
    """The folder of a complete trial's figures."""
    return search.work / f"figures-{number:04}"


def trial_of(search: Search, row: Row, watch: Watch) -> Trial:
    """As it was kept, or else taught again."""
    folder = figures_of(search, row.number)
    found = kept(folder.name, folder)
    if found is None:
        found = _taught(search, Asked(row.number, row.values, folder.name), folder, watch)
        keep(found, folder)
    return found
