"""Intervals of figures, and tests of two classifiers: Wilson's interval for shares, the bootstrap for all else.

What counts is independent units, not photos. Photos of one patient, site or video, and copies of one photo, tell less
than as many photos of as many patients. A unit is all photos of one group; where each holds one photo, every interval
is what it would be without groups. `by_group` gives the figures of each group that the user named.

`paired_test` tells whether two classifiers on the same photos differ by more than chance. The module knows no metric.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, inf, lgamma, log
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000  # Efron & Tibshirani (1993), ch. 13: about 1000 for percentile intervals
DRAWS = 20_000_000  # at most so many draws: all 1000 resamples up to 20,000 photos, about 1 s in all
FEWEST = 200  # resamples for a set of any size; with 100,000 photos the intervals are narrow anyway
Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


def wilson(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The score interval of a share (Wilson 1927, eq. 4); (0, 1) for n = 0. Contains successes / n.

    >>> low, high = wilson(86, 100)
    >>> round(low, 3), round(high, 3)
    (0.779, 0.915)
    """
    if not 0 <= successes <= n:
        raise ValueError(f"successes: got {successes} of {n}, expected 0 <= successes <= n")
    if n == 0:
        return 0.0, 1.0
    return score_interval(successes / n, n, confidence)


def score_interval(share: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a share in [0, 1] that is worth n independent observations, n > 0.

    By hand, since `scipy.stats.binomtest` takes whole numbers alone, and photos in units are worth a fraction
    (`Worth`). A test compares the two where n is whole.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * ((share * (1 - share) + z * z / (4 * n)) / n) ** 0.5
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def draws_of(n: int, draw: Callable[[np.random.Generator], Floats], seed: int) -> Floats:
    """(draws, m): `draw` gives (m,) values of one random set of n photos, and is asked as often as n allows."""
    generator = np.random.default_rng(seed)
    return np.stack([draw(generator) for _ in range(max(FEWEST, min(RESAMPLES, DRAWS // max(n, 1))))])


def bootstrap(
    n: int, statistics: Callable[[Floats], Floats], seed: int, units: Labels | None = None
) -> NDArray[np.float64]:
    """(resamples, m) statistics of resampled photos, or of resampled units (Efron & Tibshirani 1993, ch. 8 and 13).

    `statistics` maps how often each photo was drawn, (n,) float64, to (m,) values; NaN where a resample has
    none (say, no photo of the positive class). units: (n,) 0, 1, …, drawn whole.
    """
    m = n if units is None else int(units.max()) + 1

    def resample(generator: np.random.Generator) -> Floats:
        times = np.bincount(generator.integers(0, m, m), minlength=m).astype(np.float64)
        return statistics(times if units is None else times[units])

    return draws_of(n, resample, seed)


def percentiles(draws: Floats) -> tuple[Floats, Floats]:
    """The 95 % percentile interval of each column (Efron & Tibshirani 1993, ch. 13): (m,) lows and (m,) highs.

    What the sample never shows is never drawn: of a set without a mistake, the interval is a point.
    """
    low, high = np.nanquantile(draws, [0.025, 0.975], axis=0)
    return low, high


@dataclass(frozen=True)
class GroupFigures:
    """One group: `right` of its `photos` judged photos were named rightly."""

    group: str
    photos: int
    right: int
    accuracy: float
    low: float  # Wilson's interval: of other photos of this very group
    high: float


def by_group(groups: Sequence[str | None], right: NDArray[np.bool_]) -> tuple[GroupFigures, ...]:
    """Of (n,) names and whether each photo is right: the groups of least accuracy first, of equals the largest.

    Photos without a group (None) have no figures here.

    >>> [(g.group, g.right, g.photos) for g in by_group(["a", "b", None, "b"], np.array([True, False, True, True]))]
    [('b', 1, 2), ('a', 1, 1)]
    """
    counts: dict[str, list[int]] = {}
    for group, hit in zip(groups, right.tolist(), strict=True):
        if group is not None:
            photos_hits = counts.setdefault(group, [0, 0])
            photos_hits[0] += 1
            photos_hits[1] += hit
    figures = [GroupFigures(g, n, hits, hits / n, *wilson(hits, n)) for g, (n, hits) in counts.items()]
    return tuple(sorted(figures, key=lambda one: (one.accuracy, -one.photos, one.group)))


LARGEST_LOG_LOSS = -log(np.finfo(np.float64).eps)  # nats: probabilities are clipped there
LARGEST_BRIER = 2.0


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


CHANCE = 0.05  # p below it is called a difference, as is usual (Fisher 1925)
MCNEMAR, GROUPED = "McNemar's test", "McNemar's test over groups"  # names for people: of single photos, of groups


def mcnemar(only_first: int, only_second: int) -> float:
    """McNemar's exact test (McNemar 1947, Psychometrika 12): the two-sided p-value, in [0, 1].

    only_first, only_second: photos that one alone has right; what both have right or wrong tells nothing. Were they
    equally good, each such photo would fall to either like a coin: a binomial test at 1/2.

    >>> round(mcnemar(1, 9), 4), mcnemar(3, 3), mcnemar(0, 0)
    (0.0215, 1.0, 1.0)
    """
    if only_first < 0 or only_second < 0:
        raise ValueError(f"photos: got {only_first} and {only_second}, expected 0 or more")
    if only_first == only_second:
        return 1.0  # also where no photo tells anything, which `binomtest` refuses
    from scipy.stats import binomtest

    return float(binomtest(min(only_first, only_second), only_first + only_second, 0.5).pvalue)


def paired_test(first: NDArray[np.bool_], second: NDArray[np.bool_], groups: NDArray[np.int64] | None = None) -> float:
    """Whether two classifiers differ on the same photos: the two-sided p-value, in [0, 1].

    first, second: (n,) whether each has a photo right. groups: (n,) equal where photos belong together; None: each is
    its own. An exact randomisation test (Fisher 1935, The Design of Experiments): were the two equally good, either
    might have given the other's answers to all photos of a group, so the sign of each group's difference falls like a
    coin. Whole groups are flipped, as photos of one are no independent witnesses (Winkler et al. 2014, NeuroImage 92).
    Where each group holds one photo, it is McNemar's exact test.

    >>> first, second = np.array([True] * 6 + [False] * 2), np.array([False] * 6 + [True] * 2)
    >>> paired_test(first, second) == mcnemar(6, 2)
    True
    >>> paired_test(first, second, np.array([0, 0, 0, 0, 0, 0, 1, 1]))
    1.0
    """
    units = units_of(groups)
    alone = first.astype(np.int64) - second  # (n,) 1: the first alone has it right; -1: the second alone
    gaps = alone if units is None else np.bincount(units, weights=alone).round().astype(np.int64)
    gaps = gaps[gaps != 0]
    if (np.abs(gaps) == 1).all():
        return mcnemar(int((gaps > 0).sum()), int((gaps < 0).sum()))
    return _flipped(np.abs(gaps), abs(int(gaps.sum())))


def _flipped(sizes: NDArray[np.int64], seen: int) -> float:
    """The chance that (m,) sizes with random signs sum to `seen` or more, or to its opposite or less."""
    if seen == 0:
        return 1.0
    ones, total = int((sizes == 1).sum()), int(sizes.sum())
    chances = np.zeros(total + 1)  # of the sum of those that are positive
    chances[: ones + 1] = [
        exp(lgamma(ones + 1) - lgamma(k + 1) - lgamma(ones - k + 1) - ones * log(2)) for k in range(ones + 1)
    ]
    for size in sizes[sizes > 1].tolist():
        chances[size:] = (chances[size:] + chances[:-size]) / 2
        chances[:size] /= 2
    return min(1.0, 2 * float(chances[(total + seen) // 2 :].sum()))
