"""From predictions to an `Evaluation`: count, score, and draw the intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatsit.evaluation.calibration import ece, ece_by_chance, reliability
from whatsit.evaluation.coverage import coverage_curve
from whatsit.evaluation.figures import ClassFigures, Evaluation, Figure
from whatsit.evaluation.intervals import bootstrap, percentiles
from whatsit.evaluation.outcome import Outcome, check, outcome
from whatsit.evaluation.ranking import roc_curve, weighted_auroc
from whatsit.evaluation.scores import mean_scores, precision_recall_f1
from whatsit.evaluation.units import count_units, score_intervals, share_interval

Floats = NDArray[np.float64]


def evaluate(
    truth: NDArray[np.int64],
    probabilities: NDArray[np.floating[Any]],
    classes: Sequence[str],
    *,
    familiar: NDArray[np.bool_] | None = None,
    groups: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> Evaluation:
    """Everything about one set of predictions.

    truth (n,) class indices, probabilities (n, k) with rows that sum to 1, classes k names. A class may be
    missing from truth. familiar (n,): which photos are like the training photos, all by default; the others get no
    answer on the curve of coverage. groups (n,): integers, equal where photos belong together and are no independent
    witnesses (one patient's, copies); by default each photo is its own.

    Accuracy and recall have Wilson's interval; the other figures a percentile bootstrap over photos, drawn from `seed`
    and independent of the photos' order. Where a group holds more than one photo, all intervals count groups: see
    `whatsit.evaluation.units`. ValueError where shapes or values do not fit.
    """
    check(truth, probabilities, classes, groups)
    seen = outcome(truth, probabilities, familiar, groups)
    units, right = seen.units, seen.right
    counted = count_units(units, len(truth))
    k, n, hits = len(classes), len(truth), int(seen.right.sum())
    confusion = np.bincount(seen.truth * k + seen.predicted, minlength=k * k).reshape(k, k)
    ranked = seen.last if k == 2 and 0 < int(seen.truth.sum()) < n else None
    balanced, macro, weighted, log_loss, brier, *roc_auc = _figures(seen, k, ranked, seed)
    return Evaluation(
        n=n,
        units=counted.units,
        single_units=counted.single,
        classes=tuple(classes),
        accuracy=Figure(hits / n, *share_interval(right, units)),
        balanced_accuracy=balanced,
        macro_f1=macro,
        weighted_f1=weighted,
        log_loss=log_loss,
        brier=brier,
        ece=ece(seen.confidence, right.astype(np.float64)),
        ece_by_chance=ece_by_chance(seen.confidence, seed, right=right.astype(np.float64), units=units),
        roc_auc=roc_auc[0] if roc_auc else None,
        roc_curve=None if ranked is None else roc_curve(ranked, seen.truth == 1, classes[1]),
        per_class=_per_class(confusion, classes, seen),
        confusion=confusion.astype(np.int64),
        reliability=reliability(seen.confidence, right, units=units),
        coverage=coverage_curve(seen.confidence, right, seen.familiar, units),
        truth_counts=tuple(confusion.sum(axis=1).tolist()),
        predicted_counts=tuple(confusion.sum(axis=0).tolist()),
    )


@dataclass(frozen=True)
class _Statistics:
    """The bootstrapped scores as a function of how often each photo was drawn."""

    seen: Outcome
    k: int
    cells: NDArray[np.int64]  # (m,) the confusion's cells that hold a photo, as row * k + column
    cell: NDArray[np.int64]  # (n,) each photo's place in `cells`
    surprise: Floats  # (n,) nats
    rank: NDArray[np.int64] | None  # (n,) rank of the positive score, two classes only

    def __call__(self, weights: Floats) -> Floats:
        held = np.bincount(self.cell, weights=weights, minlength=len(self.cells))  # (m,)
        rows, columns = np.divmod(self.cells, self.k)
        hits, support, predicted = (
            np.bincount(index, weights=part, minlength=self.k).astype(np.float64)
            for index, part in ((rows, held * (rows == columns)), (rows, held), (columns, held))
        )  # each (k,)
        n = weights.sum()
        scores = [*mean_scores(hits, support, predicted), weights @ self.surprise / n]
        scores.append(weights @ self.seen.squares / n)
        if self.rank is not None:
            scores.append(weighted_auroc(self.rank, self.seen.truth == 1, weights))
        return np.array(scores)


def _figures(seen: Outcome, k: int, ranked: Floats | None, seed: int) -> list[Figure]:
    """Balanced accuracy, macro F1, weighted F1, log loss, Brier, and ROC AUC for two classes."""
    cells, cell = np.unique(seen.truth * k + seen.predicted, return_inverse=True)
    rank = None if ranked is None else np.unique(ranked, return_inverse=True)[1]
    surprise = -np.log(np.clip(seen.truth_probability, np.finfo(np.float64).eps, 1.0))
    statistics = _Statistics(seen, k, cells, cell, surprise, rank)
    n = len(seen.truth)
    values = statistics(np.ones(n))
    draws = bootstrap(n, statistics, seed, seen.units)
    if seen.units is None:
        intervals = list(zip(*percentiles(draws), strict=True))
    else:
        intervals = score_intervals(values, draws, seen.truth, seen.right, seen.units)
    return [Figure(float(value), float(low), float(high)) for value, (low, high) in zip(values, intervals, strict=True)]


def _per_class(confusion: NDArray[np.int64], classes: Sequence[str], seen: Outcome) -> tuple[ClassFigures, ...]:
    counts = confusion.astype(np.float64)
    hits, support, predicted = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    precision, recall, f1 = precision_recall_f1(hits, support, predicted)
    ends = np.searchsorted(seen.truth, np.arange(len(classes) + 1))  # truth rises
    spans = [slice(start, end) for start, end in pairwise(ends.tolist())]
    right, units = seen.right, seen.units
    return tuple(
        ClassFigures(
            label=label,
            precision=float(precision[i]),
            recall=float(recall[i]),
            recall_low=low,
            recall_high=high,
            f1=float(f1[i]),
            support=int(support[i]),
            predicted=int(predicted[i]),
        )
        for i, (label, of) in enumerate(zip(classes, spans, strict=True))
        for low, high in [share_interval(right[of], None if units is None else units[of])]
    )
