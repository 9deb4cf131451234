"""How well a score tells two groups apart: ROC curve, the area under it, and refusals at 95 % kept."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatsit.evaluation.figures import RocCurve

POINTS = 200  # a drawn curve needs no more

Floats = NDArray[np.float64]


def auroc(positive_scores: NDArray[np.floating[Any]], negative_scores: NDArray[np.floating[Any]]) -> float:
    """The chance that a positive scores above a negative, ties counting half (Mann & Whitney 1947).

    Two (n,) arrays, each with one value at least; in [0, 1].
    """
    positives, negatives = _scores(positive_scores), np.sort(_scores(negative_scores))
    below = np.searchsorted(negatives, positives, side="left")
    up_to = np.searchsorted(negatives, positives, side="right")
    return float((below + up_to).mean() / (2 * len(negatives)))


def fpr_at_95_tpr(in_scores: NDArray[np.floating[Any]], out_scores: NDArray[np.floating[Any]]) -> float:
    """The share of foreign photos let in where the threshold keeps 95 % of the known ones, in [0, 1].

    Higher scores mean "known". The measure of Hendrycks & Gimpel's successors (Liang et al. 2018, ODIN).
    """
    known, foreign = np.sort(_scores(in_scores)), _scores(out_scores)
    lost = len(known) - int(np.ceil(0.95 * len(known) - 1e-9))  # known photos that may fall below
    return float((foreign >= known[lost]).mean())


def _scores(values: NDArray[np.floating[Any]]) -> Floats:
    scores = np.asarray(values, dtype=np.float64)
    if scores.ndim != 1 or len(scores) == 0 or np.isnan(scores).any():
        raise ValueError(f"scores: got shape {scores.shape}, expected (n,) with n >= 1 and no NaN")
    return scores


def weighted_auroc(group: NDArray[np.int64], positive: NDArray[np.bool_], weights: Floats) -> float:
    """AUROC where photo i counts weights[i] times; `group` (n,) ranks the scores. NaN without both kinds."""
    ups = np.bincount(group, weights=weights * positive)
    downs = np.bincount(group, weights=weights * ~positive)
    pairs = ups.sum() * downs.sum()
    if pairs == 0:
        return float("nan")
    return float(ups @ (np.cumsum(downs) - downs / 2) / pairs)


def roc_curve(scores: Floats, positive: NDArray[np.bool_], name: str) -> RocCurve:
    """The curve of (n,) scores, both kinds present; at most 200 points, ends included."""
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    ups = np.append(0, np.cumsum(positive[order])[ends]) / positive.sum()
    downs = np.append(0, np.cumsum(~positive[order])[ends]) / (~positive).sum()
    keep = np.unique(np.linspace(0, len(ups) - 1, min(POINTS, len(ups))).round().astype(np.int64))
    return RocCurve(name, tuple(downs[keep].tolist()), tuple(ups[keep].tolist()))
