"""Intervals: Wilson's for shares, the percentile bootstrap for all else. Knows no metric."""

from collections.abc import Callable
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
    """Wilson's interval of a share in [0, 1] that is worth n independent observations, n > 0."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * ((share * (1 - share) + z * z / (4 * n)) / n) ** 0.5
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def resamples(n: int) -> int:
    """How many resamples a set of n photos gets."""
    return max(FEWEST, min(RESAMPLES, DRAWS // max(n, 1)))


def bootstrap(
    n: int, statistics: Callable[[Floats], Floats], seed: int, units: Labels | None = None
) -> NDArray[np.float64]:
    """(resamples, m) statistics of resampled photos, or of resampled units (Efron & Tibshirani 1993, ch. 8 and 13).

    `statistics` maps how often each photo was drawn, (n,) float64, to (m,) values; NaN where a resample has
    none (say, no photo of the positive class). units: (n,) 0, 1, …, drawn whole.
    """
    generator = np.random.default_rng(seed)
    m = n if units is None else int(units.max()) + 1
    draws = []
    for _ in range(resamples(n)):
        times = np.bincount(generator.integers(0, m, m), minlength=m).astype(np.float64)
        draws.append(statistics(times if units is None else times[units]))
    return np.stack(draws)


def percentiles(draws: Floats) -> tuple[Floats, Floats]:
    """The 95 % percentile interval of each column (Efron & Tibshirani 1993, ch. 13): (m,) lows and (m,) highs.

    What the sample never shows is never drawn: of a set without a mistake, the interval is a point.
    """
    low, high = np.nanquantile(draws, [0.025, 0.975], axis=0)
    return low, high
