"""How well a score tells two groups apart: ROC curve, the area under it, and refusals at 95 % kept.

`outcome` reduces (n, k) probabilities once to a few (n,) arrays of what each photo contributes. It puts the photos in
an order of their own, so that no figure, seeded intervals included, depends on the order in which they came. Rows are
read in chunks: 100,000 photos of 1,000 classes cost no second copy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatsit.evaluation.figures import RocCurve
from whatsit.evaluation.intervals import units_of

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


CHUNK = 4_000_000  # probabilities at a time: 32 MB of float64


@dataclass(frozen=True)
class Outcome:
    """One value a photo, all (n,)."""

    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]
    confidence: NDArray[np.float64]  # top probability
    truth_probability: NDArray[np.float64]  # probability of the true class
    last: NDArray[np.float64]  # probability of the last class: of two, the positive one
    squares: NDArray[np.float64]  # sum over classes of (probability - truth)^2, in [0, 2]
    familiar: NDArray[np.bool_]  # like the training photos, so that it may get an answer
    units: NDArray[np.int64] | None  # 0, 1, …: equal where photos belong together; None: each is its own

    @property
    def right(self) -> NDArray[np.bool_]:
        """(n,): the top class is the true one."""
        return np.equal(self.truth, self.predicted)


def outcome(
    truth: NDArray[np.int64],
    probabilities: NDArray[np.floating[Any]],
    familiar: NDArray[np.bool_] | None = None,
    groups: NDArray[np.int64] | None = None,
) -> Outcome:
    """Reduce (n,) labels, (n, k) probabilities, (n,) familiar, all by default, and (n,) groups.

    ValueError where they do not fit.
    """
    check(truth, probabilities, groups=groups)
    known = np.ones(len(truth), np.bool_) if familiar is None else familiar
    if known.shape != truth.shape:
        raise ValueError(f"familiar: got shape {known.shape}, expected {truth.shape}")
    n, k = probabilities.shape
    units = units_of(groups)
    step = max(1, CHUNK // k)
    chunks = [_reduce(truth[i : i + step], probabilities[i : i + step]) for i in range(0, n, step)]
    predicted, confidence, true, last, squares = (np.concatenate(part) for part in zip(*chunks, strict=True))
    own = np.zeros(n) if units is None else units
    order = np.lexsort((own, known, squares, true, confidence, predicted, truth))
    return Outcome(
        truth=truth.astype(np.int64)[order],
        predicted=predicted[order].astype(np.int64),
        confidence=confidence[order],
        truth_probability=true[order],
        last=last[order],
        squares=squares[order],
        familiar=known[order],
        units=None if units is None else units[order],
    )


def _reduce(truth: NDArray[np.int64], rows: NDArray[np.floating[Any]]) -> tuple[NDArray[Any], ...]:
    """(predicted, confidence, truth_probability, last, squares) of some rows."""
    p = np.asarray(rows, dtype=np.float64)
    totals = p.sum(axis=1, keepdims=True)
    if not np.isfinite(totals).all() or p.min() < 0 or np.abs(totals - 1).max() > 1e-3:
        raise ValueError("probabilities: expected finite rows in [0, 1] that sum to 1")
    p = p / totals  # float32 rows sum to 1 within 1e-6 only
    true = p[np.arange(len(p)), truth]
    squares = np.maximum(np.einsum("nk,nk->n", p, p) - 2 * true + 1, 0.0)  # (n,)
    return p.argmax(axis=1), p.max(axis=1), true, p[:, -1], squares


def check(
    truth: NDArray[np.int64],
    probabilities: NDArray[np.floating[Any]],
    classes: Sequence[str] | None = None,
    groups: NDArray[np.int64] | None = None,
) -> None:
    """ValueError unless truth (n,) indexes the columns of probabilities (n, k), with n >= 1, k names and n groups."""
    if probabilities.ndim != 2 or truth.shape != probabilities.shape[:1]:
        raise ValueError(
            f"truth and probabilities: got shapes {truth.shape} and {probabilities.shape}, expected (n,) and (n, k)"
        )
    n, k = probabilities.shape
    if n == 0 or k == 0:
        raise ValueError("no predictions to evaluate")
    if truth.min() < 0 or truth.max() >= k:
        raise ValueError(f"truth: got labels {truth.min()} to {truth.max()}, expected 0 to {k - 1}")
    if classes is not None and len(classes) != k:
        raise ValueError(f"classes: got {len(classes)} names for {k} columns")
    if groups is not None and (groups.shape != truth.shape or groups.dtype.kind not in "iu"):
        raise ValueError(
            f"groups: got {groups.dtype} of shape {groups.shape}, expected integers of shape {truth.shape}"
        )
