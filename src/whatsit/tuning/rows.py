"""Trials that have ended, as plain values: what the page, the terminal and programs are told. It needs no Optuna."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from whatsit.tuning.space import Values

Fact = float | int | str | None
WORSE = "worse than half of the earlier trials at the same epoch"


class GivenUp(Exception):  # noqa: N818 (no error: a trial's way to end)
    """Raised within a trial that is not worth its time."""

    def __init__(self, epochs: int) -> None:
        super().__init__(WORSE)
        self.epochs = epochs


@dataclass(frozen=True)
class Row:
    """One trial."""

    number: int  # as Optuna counts, those that were broken off too
    values: Values
    loss: float | None  # calibrated log loss on valid, in nats; None where it was given up
    facts: Mapping[str, Fact]  # accuracy, epochs, seconds, and why it was given up
    defaults: bool  # the method's own options
    epoch_losses: Mapping[int, float]  # calibrated, on valid, by epoch

    @property
    def pruned(self) -> bool:
        return self.loss is None

    def figure(self, name: str) -> float | None:
        """A fact that is a number, or None."""
        value = self.facts.get(name)
        return float(value) if isinstance(value, (int, float)) else None


def best_of(rows: Sequence[Row]) -> Row | None:
    """The complete trial of least loss; of equals the first."""
    complete = [row for row in rows if row.loss is not None]
    return min(complete, key=lambda row: row.loss or 0.0, default=None)
