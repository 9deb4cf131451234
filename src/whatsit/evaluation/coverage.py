"""Answering less, answering better: accuracy against the share of photos that get an answer.

El-Yaniv & Wiener (2010) call the curve risk-coverage; the confidence is the top probability. Which photos get one is
decided by `whatsit.decide`: a photo unlike the training photos gets none, however high its probability.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatsit.decide import Rule, decide
from whatsit.evaluation.figures import Answered, CoveragePoint, Figure
from whatsit.evaluation.outcome import check
from whatsit.evaluation.units import share_interval, units_of

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
