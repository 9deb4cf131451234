"""Trials side by side: which is best on valid photos, and which differ by more than chance.

Which method pays, in sentences: who won, who is as good within noise, and whether fine-tuning is worth its time.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from whatsit.evaluation.intervals import CHANCE, GROUPED, MCNEMAR, Counted, count_units, paired_test
from whatsit.evaluation.report.words import NBSP, count, interval, listed, percent, points, printable
from whatsit.training.compare.trial import Trial


@dataclass(frozen=True)
class Pair:
    """Two candidates on the same valid photos."""

    first: str
    second: str
    only_first: int  # photos that the first alone has right
    only_second: int
    p_value: float  # of McNemar's test, or of the same over groups of photos

    @property
    def by_chance(self) -> bool:
        """Whether the difference is within noise."""
        return self.p_value >= CHANCE


@dataclass(frozen=True)
class Comparison:
    """Trials in the order asked for, at least one; all figures are of the same valid photos."""

    trials: tuple[Trial, ...]

    @property
    def photos(self) -> int:
        """How many valid photos all were compared on."""
        return len(self.trials[0].right)

    @property
    def train_photos(self) -> tuple[int, int]:
        """The fewest and the most that a candidate was fitted on: not the same where one asked for a share of them."""
        counts = [trial.train_photos for trial in self.trials]
        return min(counts), max(counts)

    @property
    def counted(self) -> Counted:
        """What intervals and tests count."""
        return count_units(self.trials[0].units, self.photos)

    @property
    def test(self) -> str:
        """The name of the test behind `pairs`."""
        return test_of(self.trials[0].units)

    @cached_property
    def winner(self) -> Trial:
        """The most right answers; of equals the smallest log loss, and of those the first."""
        return best(self.trials)

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """Every candidate with every other, in the order asked for."""
        return tuple(pair_of(a, b) for a, b in combinations(self.trials, 2))

    @property
    def as_good(self) -> tuple[Trial, ...]:
        """The others, whose distance to the winner may be chance."""
        return tuple(t for t in self.trials if t is not self.winner and pair_of(t, self.winner).by_chance)

    @property
    def cheapest(self) -> Trial:
        """Of the winner and those as good within noise, the one that is trained fastest."""
        return min((self.winner, *self.as_good), key=lambda trial: trial.seconds)

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {
            "valid_photos": self.photos,
            "units": self.counted.units,
            "candidates": [_facts(trial) for trial in self.trials],
            "pairs": [asdict(pair) | {"within_noise": pair.by_chance} for pair in self.pairs],
            "winner": self.winner.name,
        }


def test_of(units: NDArray[np.int64]) -> str:
    """The name of the test on (valid,) units, for people."""
    return GROUPED if count_units(units, len(units)).grouped else MCNEMAR


def best(trials: tuple[Trial, ...]) -> Trial:
    """The most right answers; of equals the smallest log loss, and of those the first."""
    return max(trials, key=lambda trial: (trial.accuracy.value, -trial.log_loss))


def pair_of(a: Trial, b: Trial) -> Pair:
    """On the photos that one alone has right: McNemar's exact test, or the same over groups where photos have them."""
    only_a, only_b = int(np.sum(a.right & ~b.right)), int(np.sum(b.right & ~a.right))
    return Pair(a.name, b.name, only_a, only_b, paired_test(a.right, b.right, a.units))


def _facts(trial: Trial) -> dict[str, object]:
    return {
        "name": trial.name,
        "method": trial.method,
        "train_photos": trial.train_photos,
        "accuracy": asdict(trial.accuracy),
        "log_loss": trial.log_loss,
        "seconds": trial.seconds,
        "megabytes": trial.megabytes,
        "milliseconds": trial.milliseconds,
        "epochs": len(trial.history.epochs) if trial.history else None,
        "best_epoch": trial.history.best if trial.history else None,
    }


MUCH = 2.0  # times as long: below, a difference in time is none to speak of
NOISE = f"p{NBSP}≥{NBSP}{CHANCE}"


def advice(comparison: Comparison) -> list[str]:
    """At least one sentence."""
    return [_winner(comparison), *_others(comparison), *_cheaper(comparison), *_of_finetuning(comparison)]


def duration(seconds: float) -> str:
    """A time in its own unit, with two digits that tell.

    >>> duration(0.4), duration(42.3), duration(150), duration(1800), duration(9000)
    ('0.4 s', '42 s', '2.5 min', '30 min', '2.5 h')
    """
    for unit, length, most in (("s", 1, 99.5), ("min", 60, 99.5), ("h", 3600, float("inf"))):
        value = seconds / length
        if value < most:
            return f"{value:.1f} {unit}" if value < 9.95 else f"{value:,.0f} {unit}"
    raise ValueError(f"{seconds} is no time in seconds")


def _winner(comparison: Comparison) -> str:
    won = comparison.winner
    said = (
        f"{_name(won)} names {percent(won.accuracy.value)} of {count(comparison.photos, 'valid photo')} rightly "
        f"(95 % interval: {interval(won.accuracy)})"
    )
    if len(comparison.trials) == 1:
        return f"{said}. There is nothing to compare it with."
    equals = [t for t in comparison.trials if t is not won and t.accuracy.value == won.accuracy.value]
    if equals:
        return f"{said}, as many as {_names(equals)}, and has the smallest log loss of them."
    return f"{said}, the most of {len(comparison.trials)} candidates."


def _others(comparison: Comparison) -> Iterator[str]:
    as_good = comparison.as_good
    worse = [t for t in comparison.trials if t is not comparison.winner and t not in as_good]
    if as_good and not worse:
        who = _names(as_good) if len(as_good) == 1 else "All others"
        yield f"{who} may differ from it by chance alone ({comparison.test}, {NOISE})."
    elif as_good:
        yield f"Within noise of it: {_names(as_good)} ({comparison.test}, {NOISE}). Worse: {_names(worse)}."
    elif worse:
        who = f"{_names(worse)} is" if len(worse) == 1 else "All others are"
        yield f"{who} worse by more than chance ({comparison.test}, p{NBSP}<{NBSP}{CHANCE})."


def _cheaper(comparison: Comparison) -> Iterator[str]:
    """Where another does as well in much less time; of fine-tuning more is said below."""
    won, other = comparison.winner, comparison.cheapest
    if won.seconds <= MUCH * other.seconds or (won.method, other.method) == ("finetune", "probe"):
        return
    yield (
        f"{_name(won)} is not worth its time: {_name(other)} is as good within noise, and was trained in "
        f"{duration(other.seconds)}, not {duration(won.seconds)}."
    )


def _of_finetuning(comparison: Comparison) -> Iterator[str]:
    """Whether the best fine-tuned network beats the best probe."""
    probes = tuple(t for t in comparison.trials if t.method == "probe")
    tuned = tuple(t for t in comparison.trials if t.method == "finetune")
    if not probes or not tuned:
        return
    probe, network = best(probes), best(tuned)
    gain = network.accuracy.value - probe.accuracy.value
    times = network.seconds / max(probe.seconds, 1e-9)
    slower = (
        f"in {times:,.0f} times the time ({duration(network.seconds)})" if times > MUCH else "in about as much time"
    )
    if not pair_of(probe, network).by_chance:
        verdict = "pays" if gain > 0 else "does harm"
        yield f"Fine-tuning {verdict} here: {_gain(gain)} {_name(probe)}, {slower}."
    elif times > MUCH:
        luck = ", which may be chance," if gain else ""
        yield f"Fine-tuning is not worth it here: {_gain(gain)} {_name(probe)}{luck} {slower}."
    else:
        yield f"Fine-tuning makes no difference here: {_gain(gain)} {_name(probe)}, within noise, {slower}."


def _gain(gain: float) -> str:
    if gain == 0:
        return "as many right as"
    return f"{points(abs(gain))} {'more' if gain > 0 else 'fewer'} than"


def _name(trial: Trial) -> str:
    return f"“{printable(trial.name)}”"


def _names(trials: "list[Trial] | tuple[Trial, ...]") -> str:
    return listed([_name(trial) for trial in trials])
