"""What can be chosen of a search, each default beside its reason."""

from dataclasses import dataclass
from pathlib import Path

from whatsit.options import TrainOptions

FINETUNE = TrainOptions(method="finetune")  # the method that learns best from few photos


@dataclass(frozen=True)
class TuneOptions:
    """The options of `whatsit tune`."""

    train: TrainOptions = FINETUNE  # what all trials have in common
    search: tuple[str, ...] | None = None  # names of the space; None: all that it has for the method
    trials: int = 20  # ten at random and ten that build on them; more pay less and less (Bergstra et al. 2011)
    max_seconds: float | None = None  # after which no trial is begun
    processes: int = 1  # a network alone keeps all cores busy; several pay where images are small
    storage: Path | None = None  # the journal; None: beside the output
