"""Does 80 % mean right in 80 of 100? Bins over the top probability, and the error over them.

Bins of equal width, as in Guo et al. (2017), so that the figure compares with the literature's; the report's
diagram shows the same bins, so that the picture is the figure. Fixed bins leave some nearly empty: each
carries its count and interval.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatsit.evaluation.figures import ReliabilityBin
from whatsit.evaluation.intervals import resamples, wilson
from whatsit.evaluation.outcome import outcome

BINS = 15  # Guo et al. (2017), section 4

Floats = NDArray[np.float64]


def expected_calibration_error(
    truth: NDArray[np.int64], probabilities: NDArray[np.floating[Any]], bins: int = BINS
) -> float:
    """Mean gap between top probability and accuracy over equal-width bins, weighted by photos, in [0, 1].

    truth (n,) class indices, probabilities (n, k). Guo et al. (2017), eq. 3.
    """
    seen = outcome(truth, probabilities)
    return ece(seen.confidence, seen.right.astype(np.float64), bins)


def bin_of(confidence: Floats, bins: int = BINS) -> NDArray[np.int64]:
    """(n,) the bin of each confidence: bin i holds (i / bins, (i + 1) / bins]."""
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)


def ece(confidence: Floats, right: Floats, bins: int = BINS) -> float:
    """The error itself, from (n,) confidences and (n,) 0 or 1."""
    gaps = np.bincount(bin_of(confidence, bins), weights=right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))


def ece_by_chance(confidence: Floats, seed: int, bins: int = BINS) -> float:
    """What 95 % of perfectly calibrated classifiers with these confidences would stay below.

    The error of few photos is above zero even where nothing is wrong. Consistency resampling (Bröcker & Smith
    2007): draw each photo's outcome with its own confidence, and take the 95 % quantile of the errors.
    """
    generator = np.random.default_rng(seed)
    n = len(confidence)
    index = bin_of(confidence, bins)  # (n,)
    claimed = np.bincount(index, weights=confidence, minlength=bins)
    gaps = [
        np.bincount(index[generator.random(n) < confidence], minlength=bins) - claimed for _ in range(resamples(n))
    ]  # each (bins,)
    return float(np.quantile(np.abs(np.stack(gaps)).sum(axis=1) / n, 0.95))


def reliability(confidence: Floats, right: NDArray[np.bool_], bins: int = BINS) -> tuple[ReliabilityBin, ...]:
    """The bins that hold a photo, rising."""
    index = bin_of(confidence, bins)
    counts = np.bincount(index, minlength=bins)
    hits = np.bincount(index[right], minlength=bins)
    claimed = np.bincount(index, weights=confidence, minlength=bins)
    return tuple(
        ReliabilityBin(
            lower=int(i) / bins,
            upper=(int(i) + 1) / bins,
            confidence=float(claimed[i] / counts[i]),
            accuracy=float(hits[i] / counts[i]),
            count=int(counts[i]),
            low=low,
            high=high,
        )
        for i in np.flatnonzero(counts)
        for low, high in [wilson(int(hits[i]), int(counts[i]))]
    )
