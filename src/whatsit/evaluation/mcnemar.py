"""Whether two classifiers that judged the same photos differ by more than chance."""

from math import exp, fsum, lgamma, log

import numpy as np
from numpy.typing import NDArray

from whatsit.evaluation.units import units_of

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
    n, fewer = only_first + only_second, min(only_first, only_second)
    if only_first == only_second:
        return 1.0
    tail = fsum(exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) - n * log(2)) for k in range(fewer + 1))
    return min(1.0, 2 * tail)


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
