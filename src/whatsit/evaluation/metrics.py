"""From predictions to an `Evaluation`: count, score, and draw the intervals.

Labels that are likely wrong: confident learning (Northcutt, Jiang & Chuang 2021, JAIR 70).

The probabilities must come from classifiers that did not train on the photo they judge (out of fold); one
that did has learned the wrong label by heart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatsit.evaluation.calibration import coverage_curve, ece, ece_by_chance, reliability
from whatsit.evaluation.figures import ClassFigures, Evaluation, Figure, mean_scores, precision_recall_f1
from whatsit.evaluation.intervals import bootstrap, count_units, percentiles, score_intervals, share_interval
from whatsit.evaluation.ranking import CHUNK, Outcome, check, outcome, roc_curve, weighted_auroc

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
    `whatsit.evaluation.intervals`. ValueError where shapes or values do not fit.
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


def likely_mislabelled(
    truth: NDArray[np.int64], out_of_fold_probabilities: NDArray[np.floating[Any]]
) -> NDArray[np.int64]:
    """Indices of the suspicious photos, the worst first; truth (n,), probabilities (n, k).

    A class's threshold is its mean self-confidence: the mean probability it gets on photos labelled with it
    (eq. 2). A photo belongs confidently to the likeliest class among those that reach theirs (eq. 1); it is
    suspicious where that class is not its label and is likelier than its label. Sorted by normalised margin:
    the label's probability minus the best other's.

    None where more than half look wrong: then it is the classifier that is, as most labels are taken to be right.
    """
    check(truth, out_of_fold_probabilities)
    p = out_of_fold_probabilities  # (n, k)
    n, k = p.shape
    own = p[np.arange(n), truth].astype(np.float64)
    counts = np.bincount(truth, minlength=k)
    sums = np.bincount(truth, weights=own, minlength=k)
    thresholds = np.divide(sums, counts, out=np.full(k, np.inf), where=counts > 0)  # (k,); no photo: never
    step = max(1, CHUNK // k)
    parts = [_suspicious(truth[i : i + step], p[i : i + step], thresholds) for i in range(0, n, step)]
    which = np.concatenate([i * step + rows for i, (rows, _) in enumerate(parts)])
    if 2 * len(which) > n:
        return np.empty(0, np.int64)
    return which[np.argsort(np.concatenate([margins for _, margins in parts]), kind="stable")]


def _suspicious(
    truth: NDArray[np.int64], rows: NDArray[np.floating[Any]], thresholds: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Of some photos, the suspicious ones, and by how much the label's probability exceeds the best other class's."""
    p = np.asarray(rows, dtype=np.float64)
    places = np.arange(len(p))
    reached = np.where(p >= thresholds, p, -1.0)
    confident = reached.argmax(axis=1)
    own = p[places, truth]
    which = np.flatnonzero((reached.max(axis=1) >= 0) & (confident != truth) & (p[places, confident] > own))
    others = p[which]
    others[np.arange(len(which)), truth[which]] = -1.0
    return which, own[which] - others.max(axis=1, initial=-1.0)
