"""Trials side by side: which is best on valid photos, and which differ by more than chance."""

from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from whatsit.comparison.trial import Trial
from whatsit.evaluation.mcnemar import CHANCE, GROUPED, MCNEMAR, paired_test
from whatsit.evaluation.units import Counted, count_units


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
        """Of the winner and those as good within noise, the one that is taught fastest."""
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
        "accuracy": asdict(trial.accuracy),
        "log_loss": trial.log_loss,
        "seconds": trial.seconds,
        "megabytes": trial.megabytes,
        "milliseconds": trial.milliseconds,
        "epochs": len(trial.history.epochs) if trial.history else None,
        "best_epoch": trial.history.best if trial.history else None,
    }
