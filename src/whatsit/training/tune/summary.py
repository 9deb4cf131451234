"""What came of a search: its trials, the best of them, and in sentences whether it beats the method's own options.

Trials are plain values here, and Optuna is not needed. `train_command` gives the command that trains with the options
of the best one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite

from whatsit.config import NetworkOptions, TrainOptions
from whatsit.evaluation.intervals import CHANCE, MCNEMAR
from whatsit.evaluation.report.words import NBSP, count, nats, percent, points
from whatsit.option import options_of, typed_words
from whatsit.training.compare.result import Pair
from whatsit.training.tune.space import Range, Values


def train_command(data: str, options: TrainOptions) -> str:
    """On one line, with what differs from the defaults; data: as a shell reads it."""
    words = [word for part in (options, options.limits, options.network) for word in typed_words(part)]
    return " ".join(["whatsit train", data, *words, *_only_in_python(options)])


def _only_in_python(options: TrainOptions) -> Iterator[str]:
    for name, option in options_of(NetworkOptions).items():
        value = getattr(options.network, name)
        if not option.commands and value is not None:
            yield f"# and {name}={value!r} in Python"


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


FEW = 20  # complete trials; with fewer, which option matters is a guess


@dataclass(frozen=True)
class Summary:
    """Trials in the order in which they were begun, at least one of them complete. All figures are of valid photos."""

    method: str
    rows: tuple[Row, ...]
    ranges: Mapping[str, Range]  # what was searched
    photos: int  # valid
    pair: Pair | None  # the best trial and the defaults; None where they are one, or the defaults came to nothing
    importances: Mapping[str, float]  # shares of 1, the largest first
    command: str  # that trains with the best options
    test: str = MCNEMAR  # the name of the pair's

    @property
    def best(self) -> Row:
        """The complete trial of least loss."""
        best = best_of(self.rows)
        if best is None:
            raise ValueError("no trial is complete")
        return best

    @property
    def defaults(self) -> Row | None:
        """The trial of the method's own options."""
        return next((row for row in self.rows if row.defaults), None)

    @property
    def complete(self) -> int:
        """How many trials were not given up."""
        return sum(not row.pruned for row in self.rows)

    def place(self, row: Row) -> int:
        """A trial's number for people, from 1: those that were broken off are not counted."""
        return self.rows.index(row) + 1

    @property
    def words(self) -> list[str]:
        """At least one sentence."""
        return list(_words(self))

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        best = self.best
        return {
            "method": self.method,
            "valid_photos": self.photos,
            "trials": [_plain(self, row) for row in self.rows],
            "best": {"number": self.place(best), "options": dict(best.values), "command": self.command},
            "against_defaults": asdict(self.pair) | {"within_noise": self.pair.by_chance} if self.pair else None,
            "importances": dict(self.importances),
            "words": self.words,
        }


def _plain(summary: Summary, row: Row) -> dict[str, object]:
    state = "given up" if row.pruned else "complete"
    facts = {"number": summary.place(row), "state": state, "defaults": row.defaults, "options": dict(row.values)}
    losses = {str(epoch): loss for epoch, loss in row.epoch_losses.items() if isfinite(loss)}
    return {**facts, "valid_log_loss": row.loss, **row.facts, "epoch_losses": losses}


def _words(summary: Summary) -> Iterator[str]:
    best, defaults = summary.best, summary.defaults
    number = f"Trial {summary.place(best)} of {len(summary.rows)}"
    accuracy = percent(best.figure("accuracy") or 0.0)
    figures = f"log loss {nats(best.loss or 0.0)} on {count(summary.photos, 'valid photo')}, {accuracy} right"
    if best.defaults:
        yield f"The defaults did best: {figures}. No other of {count(len(summary.rows), 'trial')} beat them."
    else:
        yield f"{number} did best: {figures}."
        yield from _gain(summary, best, defaults)
    given_up = len(summary.rows) - summary.complete
    if given_up:
        yield f"{count(given_up, 'trial')} {'was' if given_up == 1 else 'were'} given up before the end."


def _gain(summary: Summary, best: Row, defaults: Row | None) -> Iterator[str]:
    if defaults is None or defaults.loss is None or best.loss is None:
        yield "The defaults came to nothing, so there is nothing to hold it against."
        return
    share = 1 - best.loss / defaults.loss if defaults.loss else 0.0
    was = f"The defaults: log loss {nats(defaults.loss)}, {percent(defaults.figure('accuracy') or 0.0)} right."
    yield f"{was} That is {percent(share)} less loss."
    if summary.pair is None:
        return
    gain = (best.figure("accuracy") or 0.0) - (defaults.figure("accuracy") or 0.0)
    more = f"{points(abs(gain))} {'more' if gain >= 0 else 'fewer'} right answers"
    test = f"{summary.test}, p{NBSP}={NBSP}{summary.pair.p_value:.2g}"
    if not gain:
        yield f"It has as many right answers as they: the gain is in how sure it is ({test})."
    elif summary.pair.by_chance:
        yield f"{more[0].upper()}{more[1:]} are within noise of the defaults ({test}, expected below {CHANCE})."
    else:
        chosen = "as far as photos can tell that also chose it"
        yield f"{more[0].upper()}{more[1:]} are more than chance ({test}), {chosen}."


def running_best(rows: Sequence[Row]) -> list[float | None]:
    """The least loss up to each trial; None before the first complete one."""
    best: list[float | None] = []
    for row in rows:
        known = [loss for loss in (best[-1] if best else None, row.loss) if loss is not None]
        best.append(min(known, default=None))
    return best
