"""Answering less, answering better: accuracy against the share of photos that get an answer.

El-Yaniv & Wiener (2010) call the curve risk-coverage; the confidence is the top probability.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatsit.evaluation.figures import Answered, CoveragePoint, Figure
from whatsit.evaluation.intervals import wilson
from whatsit.evaluation.outcome import outcome

POINTS = 100  # enough for a smooth curve at any size of picture


def coverage_curve(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[CoveragePoint, ...]:
    """At most 100 points from the surest photos to all of them; a threshold never parts equal confidences."""
    order = np.argsort(-confidence, kind="stable")
    sorted_confidence, hits = confidence[order], np.cumsum(right[order])
    n = len(confidence)
    ends = np.flatnonzero(np.append(np.diff(sorted_confidence) != 0, True))  # last photo of each tie
    if len(ends) > POINTS:
        ends = ends[np.unique(np.linspace(0, len(ends) - 1, POINTS).round().astype(np.int64))]
    return tuple(
        CoveragePoint((i + 1) / n, int(hits[i]) / (i + 1), low, high, float(sorted_confidence[i]))
        for i in map(int, ends)
        for low, high in [wilson(int(hits[i]), i + 1)]
    )


def selective(truth: NDArray[np.int64], probabilities: NDArray[np.floating[Any]], threshold: float) -> Answered:
    """Coverage and accuracy when a top probability below `threshold` means "unsure".

    truth (n,) class indices, probabilities (n, k), threshold in [0, 1].
    """
    seen = outcome(truth, probabilities)
    sure = seen.confidence >= threshold
    answered, hits = int(sure.sum()), int(seen.right[sure].sum())
    accuracy = Figure(hits / answered, *wilson(hits, answered)) if answered else None
    return Answered(threshold, answered / len(sure), accuracy, answered, len(sure))
