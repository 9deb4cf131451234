"""Intervals where photos belong together: it is independent units that count, not photos.

Photos of one patient, site or video, and copies of one photo, tell less than as many photos of as many patients. A unit
is all photos of one group; where each holds one photo, every interval is what it would be without groups.
"""

from dataclasses import dataclass
from math import exp, inf, log

import numpy as np
from numpy.typing import NDArray

from whatsit.evaluation.intervals import score_interval, wilson

LARGEST_LOG_LOSS = -log(np.finfo(np.float64).eps)  # nats: probabilities are clipped there
LARGEST_BRIER = 2.0

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


def units_of(groups: Labels | None) -> Labels | None:
    """(n,) groups numbered 0, 1, …, ascending; None where no group holds more than one photo."""
    if groups is None:
        return None
    names, units = np.unique(groups, return_inverse=True)
    return None if len(names) == len(groups) else units.astype(np.int64)


@dataclass(frozen=True)
class Counted:
    """What intervals and tests count instead of photos."""

    photos: int
    units: int
    single: int  # units of one photo

    @property
    def grouped(self) -> bool:
        """Whether a unit holds more than one photo."""
        return self.units < self.photos


def count_units(groups: Labels | None, photos: int) -> Counted:
    """groups: (photos,) equal where photos belong together; None: each is its own."""
    sizes = np.ones(photos, np.int64) if groups is None else np.unique(groups, return_counts=True)[1]
    return Counted(photos, len(sizes), int((sizes == 1).sum()))


@dataclass(frozen=True)
class Worth:
    """What photos in units are worth together, for a weighted mean over them.

    The interval of a share is Wilson's with an effective number of photos in the place of n: p (1 - p) / v, where v is
    the variance between units, times (z / t)², as few units hardly show their own variance (Korn & Graubard 1998,
    Survey Methodology 24; Franco et al. 2019, J. Survey Statistics and Methodology 7, found Wilson's the best of such
    intervals). That number is held between two bounds. Photos are worth most where all are independent: n. They are
    worth least where those of a unit are right or wrong together: then v is p (1 - p) times the sum of the units'
    squared weights, which needs neither an estimate nor a t. So no interval is wider than this.
    """

    photos: int
    alike: float  # 1 / sum of squared weights: units, or fewer where some weigh more (Kish 1965, section 11.7)
    freedom: float  # degrees of freedom of v; 0: nothing is known of v

    def of_share(self, share: float, variance: float) -> tuple[float, float]:
        """The 95 % interval of a share; (0, 1) of one unit, since nothing tells how units differ."""
        if self.alike < 1 + 1e-9:
            return 0.0, 1.0
        worth = 0.0
        if 0 < share < 1 and self.freedom > 0:
            independent = share * (1 - share) / variance if variance > 0 else inf
            worth = min(independent, self.photos) * (_t(inf) / _t(self.freedom)) ** 2
        return score_interval(share, max(worth, self.alike))

    def of_loss(self, loss: float, variance: float, largest: float) -> tuple[float, float]:
        """The 95 % t interval of a mean loss in [0, largest], on a log scale, since losses are skewed."""
        if self.alike < 1 + 1e-9:
            return 0.0, largest
        if loss == 0:
            return 0.0, largest * score_interval(0.0, self.alike)[1]
        factor = exp(min(_t(self.freedom) * variance**0.5 / loss, 700.0))
        return loss / factor, max(loss, min(loss * factor, largest))


def _t(freedom: float) -> float:
    """The 97.5 % quantile of Student's t, of at least one degree of freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(max(1.0, min(freedom, 1e9)), 0.975))


def share_interval(right: NDArray[np.bool_], units: Labels | None) -> tuple[float, float]:
    """The 95 % interval of the share of photos that are right, (n,): Wilson's, where each photo is a unit of its own.

    units: (n,) 0 or more, equal where photos belong together. (0, 1) for n = 0.
    The variance between units is that of a ratio, with each unit's own pull on the mean set right (CR2 of Bell &
    McCaffrey 2002, Survey Methodology 28). Its degrees of freedom: `alike` - 1 (Carter, Schnepel & Steigerwald 2017,
    Review of Economics and Statistics 99), or the number of units that hold the rarer answer, less 1, if that is fewer:
    one mistake, or many in one unit, tells little of how mistakes crowd (a measurement: docs/log.md).
    """
    n, hits = len(right), int(right.sum())
    if units is None or n == 0 or (sizes := np.bincount(units)).max() <= 1:
        return wilson(hits, n)
    held = sizes > 0
    photos, found = sizes[held], _sums(units, right)[held]  # (m,) each
    share, weight = hits / n, photos / n
    alike = _alike(weight)
    if len(photos) == 1:
        return Worth(n, 1.0, 0.0).of_share(share, 0.0)
    variance = float(((found - share * photos) / n) ** 2 @ (1 / (1 - weight)))
    return Worth(n, alike, min(alike, _rarer(found, photos)) - 1).of_share(share, variance)


def score_intervals(
    values: Floats, draws: Floats, truth: Labels, right: NDArray[np.bool_], units: Labels
) -> list[tuple[float, float]]:
    """95 % intervals of balanced accuracy, macro F1, weighted F1, log loss, Brier and, where it is there, ROC AUC.

    values (5,) or (6,); draws (resamples, 5 or 6) of a bootstrap over units, whose variance is taken, times
    alike / (alike - 1) as it is that of a mean; truth, right, units (n,).
    """
    n = len(truth)
    photos = np.bincount(units)
    rarer = _rarer(_sums(units, right), photos)
    alike = _alike(photos / n)
    alike_in, by_class = _of_classes(truth, units)
    few = min(by_class - 1, rarer - 1, _freedom(alike_in))
    worths = [Worth(n, by_class, few), Worth(n, by_class, few), Worth(n, alike, min(alike, rarer) - 1)]
    if len(values) > 5:
        worths.append(Worth(n, float(alike_in.min()), float(alike_in.min()) - 1))
    variance = np.nan_to_num(np.nanvar(draws, axis=0))  # where no draw has a value, `freedom` is 0 anyway

    def corrected(which: int, alike: float) -> float:
        return float(variance[which]) * alike / max(alike - 1, 1e-9)

    shares = [w.of_share(float(values[i]), corrected(i, w.alike)) for i, w in zip((0, 1, 2, 5), worths, strict=False)]
    loss = Worth(n, alike, min(alike - 1, max(2, rarer - 1)))  # of fewer than 2 the t would leave no finite end
    losses = [
        loss.of_loss(float(values[i]), corrected(i, alike), largest)
        for i, largest in ((3, LARGEST_LOG_LOSS), (4, LARGEST_BRIER))
    ]
    return [*shares[:3], *losses, *shares[3:]]


def _sums(units: Labels, values: NDArray[np.generic]) -> Floats:
    """Each unit's sum of values, (n,)."""
    return np.bincount(units, weights=values).astype(np.float64)


def _alike(weight: Floats) -> float:
    """1 / sum of squared weights, which sum to 1."""
    return 1 / float(weight @ weight)


def _of_classes(truth: Labels, units: Labels) -> tuple[Floats, float]:
    """How many units each class that truth shows is worth, (classes,), and all photos, where each class weighs 1."""
    classes, label = np.unique(truth, return_inverse=True)
    support = np.bincount(label)
    held, counts = np.unique(label * (int(units.max()) + 1) + units, return_counts=True)  # (class, unit) pairs
    label_of, unit_of = np.divmod(held, int(units.max()) + 1)
    weight = counts / support[label_of]
    squares = _sums(label_of, weight**2)
    return 1 / squares, _alike(_sums(unit_of, weight / len(classes)))


def _freedom(alike: Floats) -> float:
    """Degrees of freedom of the mean of classes' variances, each in proportion to 1 / alike (Satterthwaite 1946).

    0 where a class has one unit: nothing tells how units of that class differ.
    """
    if alike.min() < 1 + 1e-9:
        return 0.0
    return float((1 / alike).sum() ** 2 / (1 / (alike**2 * (alike - 1))).sum())


def _rarer(found: Floats, photos: Labels) -> int:
    """In how many units, at least, either answer occurs: (m,) photos right and (m,) photos."""
    return int(min(np.count_nonzero(found > 0), np.count_nonzero(found < photos)))


def widened(error: float, units: Labels) -> float:
    """An error that a normal distribution gave, as Student's t would have it; units (n,)."""
    weight = np.bincount(units) / len(units)
    return error * _t(_alike(weight) - 1) / _t(inf)
