"""Is 80 % right in 80 of 100 photos? The calibration error, and accuracy against the share of photos answered.

The expected calibration error is over bins of equal width of the top probability, as in Guo et al. (2017), so that it
compares with the literature's. The report's diagram shows the same bins. Fixed bins leave some nearly empty: each
carries its count and interval.

El-Yaniv & Wiener (2010) call the curve of accuracy against answers risk-coverage; the confidence is the top
probability. `whatsit.decide` decides which photos get an answer: a photo unlike the training photos gets none, however
high its probability.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatsit.decide import Rule, decide
from whatsit.evaluation.figures import Answered, CoveragePoint, Figure, ReliabilityBin
from whatsit.evaluation.intervals import draws_of, share_interval, units_of, widened
from whatsit.evaluation.ranking import check, outcome

BINS = 15  # Guo et al. (2017), section 4
Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


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


def ece_by_chance(
    confidence: Floats, seed: int, bins: int = BINS, right: Floats | None = None, units: Labels | None = None
) -> float:
    """What 95 % of perfectly calibrated classifiers with these confidences would stay below.

    The error of few photos is above zero even where nothing is wrong. Consistency resampling (Bröcker & Smith
    2007): draw each photo's outcome with its own confidence, and take the 95 % quantile of the errors.
    With units, (n,) 0, 1, …, photos of a unit are right and wrong together as far as they were, (n,) 0 or 1: a photo
    takes its unit's draw with probability √ρ, else its own (Lunn & Davies 1998, Biometrika 85). For few units, which
    hardly show ρ, the error is widened as Student's t is wider than the normal distribution.
    """
    n = len(confidence)
    index = bin_of(confidence, bins)  # (n,)
    claimed = np.bincount(index, weights=confidence, minlength=bins)
    alike = 0.0 if right is None or units is None else _alike(confidence, right, units) ** 0.5

    def gaps(generator: np.random.Generator) -> Floats:
        level = generator.random(n)
        if units is not None and alike:
            level = np.where(generator.random(n) < alike, generator.random(int(units.max()) + 1)[units], level)
        return np.bincount(index[level < confidence], minlength=bins).astype(np.float64) - claimed

    error = float(np.quantile(np.abs(draws_of(n, gaps, seed)).sum(axis=1) / n, 0.95))
    return error if units is None else min(1.0, widened(error, units))


def _alike(confidence: Floats, right: Floats, units: Labels) -> float:
    """ρ in [0, 1]: how far photos of a unit are right and wrong together, beyond their confidence.

    Summed over the pairs of photos within units, the covariance that was seen over that of one draw for the whole
    unit, where the less sure photo is right only if the surer is: min(a, b) - a b.
    """
    surprise = right - confidence
    seen = (np.bincount(units, weights=surprise) ** 2).sum() - (surprise**2).sum()
    order = np.lexsort((confidence, units))
    sizes = np.bincount(units)
    surer = np.repeat(np.cumsum(sizes), sizes) - 1 - np.arange(len(units))  # (n,) photos of the unit after this one
    products = (np.bincount(units, weights=confidence) ** 2).sum() - (confidence**2).sum()
    most = 2 * confidence[order] @ surer - products
    return float(np.clip(seen / most, 0.0, 1.0)) if most > 1e-9 else 1.0


def reliability(
    confidence: Floats, right: NDArray[np.bool_], bins: int = BINS, units: Labels | None = None
) -> tuple[ReliabilityBin, ...]:
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
        for low, high in [share_interval(right[index == i], None if units is None else units[index == i])]
    )


POINTS = 100  # enough for a smooth curve at any size of picture


def coverage_curve(
    confidence: NDArray[np.float64],
    right: NDArray[np.bool_],
    familiar: NDArray[np.bool_],
    units: NDArray[np.int64] | None = None,
) -> tuple[CoveragePoint, ...]:
    """At most 100 points from the surest photos to all that can get an answer, the familiar ones; (n,) each.

    A threshold never parts equal confidences. No point where no photo is familiar.
    """
    order = np.argsort(-confidence, kind="stable")
    order = order[familiar[order]]
    if not len(order):
        return ()
    sorted_confidence, hits = confidence[order], np.cumsum(right[order])
    sorted_right, sorted_units = right[order], None if units is None else units[order]
    n = len(confidence)
    ends = np.flatnonzero(np.append(np.diff(sorted_confidence) != 0, True))  # last photo of each tie
    if len(ends) > POINTS:
        ends = ends[np.unique(np.linspace(0, len(ends) - 1, POINTS).round().astype(np.int64))]
    return tuple(
        CoveragePoint((i + 1) / n, int(hits[i]) / (i + 1), low, high, float(sorted_confidence[i]))
        for i in map(int, ends)
        for low, high in [
            share_interval(sorted_right[: i + 1], None if sorted_units is None else sorted_units[: i + 1])
        ]
    )


def selective(
    truth: NDArray[np.int64],
    probabilities: NDArray[np.floating[Any]],
    rule: Rule,
    similarity: NDArray[np.floating[Any]] | None = None,
    *,
    groups: NDArray[np.int64] | None = None,
) -> Answered:
    """How many photos get an answer by a rule, and how many of the answers are right.

    truth (n,) class indices, probabilities (n, k), similarity (n,) to the training photos; without it, every photo
    counts as like them. groups (n,) as for `evaluate`.
    """
    check(truth, probabilities, groups=groups)
    top = probabilities.max(axis=1)
    verdict = decide(top, np.full(len(top), np.inf) if similarity is None else similarity, rule)
    right = probabilities.argmax(axis=1) == truth
    sure = ~verdict.unsure
    answered, hits = int(sure.sum()), int(right[sure].sum())
    units = units_of(None if groups is None else groups[sure])
    return Answered(
        rule=rule,
        coverage=answered / len(sure),
        accuracy=Figure(hits / answered, *share_interval(right[sure], units)) if answered else None,
        answered=answered,
        n=len(sure),
        unlike=int(verdict.unlike.sum()),
    )
