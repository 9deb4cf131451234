"""Fits a probe: a head on embeddings, its calibration, and the out-of-sample probabilities of the photos.

The module does not evaluate: `test_results.py` does.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whatsit.config import TrainOptions
from whatsit.decide import Rule, Verdict, decide
from whatsit.model.heads import OutOfDistributionScore
from whatsit.training.calibration import Threshold, choose_threshold, fit_ood_score, softmax
from whatsit.training.experiment import TrainingSet
from whatsit.training.heads import HEAD_TYPES, TrainingData
from whatsit.training.history import History
from whatsit.training.selection import SelectedHead, held_out_logits, make_folds, select_head
from whatsit.training.splits import FOLDS, Rows, Splits, costly, folds_of

HALVES = 2  # where a fit is costly; half of so many photos are enough to learn from


@dataclass(frozen=True)
class Fitted:
    """What goes into the model folder, and what the figures are drawn from."""

    selected: SelectedHead
    head: Mapping[str, object]  # its name and how it was chosen, for model.json
    threshold: Threshold
    ood_score: OutOfDistributionScore
    # (test, classes) calibrated probabilities of photos that the head was not fitted on
    test_probabilities: NDArray[np.float64]
    test_probabilities_raw: NDArray[np.float64]  # the same before calibration
    out_of_sample: NDArray[np.float64]  # (n, classes) of every photo; NaN where there is none
    similarity: NDArray[np.float32]  # (n,) of every photo, to references that are not of its copies or its fold
    history: History | None = None  # of a network

    @property
    def rule(self) -> Rule:
        """When the model is unsure."""
        return Rule(self.threshold.value, self.ood_score.limit)

    def verdict(self, rows: Rows) -> Verdict:
        """The decisions of a model that was not fitted on these photos; rows: (rows,) places in the photos' arrays."""
        return decide(self.out_of_sample[rows].max(axis=1), self.similarity[rows], self.rule)


def fit_probe(photos: TrainingSet, splits: Splits, options: TrainOptions) -> Fitted:
    """Fits, selects and calibrates the head on `splits.train`. Reads `splits.test` once, at the end."""
    head_type = HEAD_TYPES[options.head]
    data = TrainingData(photos.x, photos.labels, len(photos.dataset.classes), options.balance, options.seed)
    mine = data.subset(splits.train)
    selected = select_head(mine, head_type, splits.cv)
    ood_score = fit_ood_score(mine.x, mine.labels, photos.components[splits.train])
    threshold = threshold_of(selected, mine.labels, options.target_precision, ood_score)
    test_probabilities, raw = _test_probabilities(data, splits, selected, options)
    out_of_sample = np.full((len(photos.labels), data.classes), np.nan)
    folds = folds_of(photos, splits.train, options.seed, HALVES if costly(len(splits.train), data.classes) else FOLDS)
    out_of_sample[splits.train] = _held_out_everywhere(mine, folds, selected, options)
    out_of_sample[splits.test] = test_probabilities
    head = {"name": options.head, head_type.parameter_name: selected.regularization}
    similarity = similarity_of(photos, splits, ood_score)
    return Fitted(selected, head, threshold, ood_score, test_probabilities, raw, out_of_sample, similarity)


def threshold_of(
    selected: SelectedHead, labels: NDArray[np.int64], precision: float, ood_score: OutOfDistributionScore
) -> Threshold:
    """The threshold is chosen by the whole rule: no held-out photo that is out of distribution counts as answered.

    labels: of all rows of `splits.train`.
    """
    rows = selected.held_out_rows
    probabilities = softmax(selected.held_out_logits, selected.temperature)
    correct = probabilities.argmax(axis=1) == labels[rows]
    familiar = ood_score.train_similarity[rows] >= ood_score.limit
    return choose_threshold(probabilities.max(axis=1), correct, precision, familiar)


def similarity_of(photos: TrainingSet, splits: Splits, ood_score: OutOfDistributionScore) -> NDArray[np.float32]:
    """(n,) of every photo; of test photos by a model that was not fitted on them.

    In cross-validation that is the similarity to references among the other folds, beside the limit that those photos
    give. So many references fewer lie a little further away: both are moved to where this model's limit lies.
    """
    similarity = np.full(len(photos.labels), np.nan, np.float32)
    similarity[splits.train] = ood_score.train_similarity
    if splits.folds is None:
        similarity[splits.test] = ood_score.similarity(photos.x[splits.test])
        return similarity
    for split in make_folds(splits.folds):
        rest = split.train
        others = fit_ood_score(photos.x[rest], photos.labels[rest], photos.components[rest])
        moved = ood_score.limit - others.limit
        similarity[split.held_out] = others.similarity(photos.x[split.held_out]) + moved
    return similarity


def _test_probabilities(
    data: TrainingData, splits: Splits, selected: SelectedHead, options: TrainOptions
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if splits.folds is None:
        logits = selected.head.logits(data.x[splits.test])
        return softmax(logits, selected.temperature), softmax(logits)
    return _nested(data, splits.folds, options)


def _nested(
    data: TrainingData, folds: NDArray[np.int64], options: TrainOptions
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each fold evaluated by a head, regularization and temperature that were all chosen within the other folds."""
    calibrated = np.empty((len(folds), data.classes))
    raw = np.empty_like(calibrated)
    for fold in np.unique(folds):
        rest, held_out = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        selected = select_head(data.subset(rest), HEAD_TYPES[options.head], make_folds(folds[rest]))
        logits = selected.head.logits(data.x[held_out])
        calibrated[held_out], raw[held_out] = softmax(logits, selected.temperature), softmax(logits)
    return calibrated, raw


def _held_out_everywhere(
    mine: TrainingData, folds: NDArray[np.int64], selected: SelectedHead, options: TrainOptions
) -> NDArray[np.float64]:
    """(learn, classes): the probabilities of a head that did not see the photo.

    Of every photo learned from, but where too few are distinct to be cut into folds: there NaN.
    """
    rows: Rows = selected.held_out_rows
    logits = selected.held_out_logits
    rounds = make_folds(folds)
    if len(rows) < len(mine.labels) and len(rounds) > 1:
        rows = np.concatenate([r.held_out for r in rounds])
        logits = held_out_logits(mine, HEAD_TYPES[options.head], selected.regularization, rounds)
    out = np.full((len(mine.labels), mine.classes), np.nan)
    out[rows] = softmax(logits, selected.temperature)
    return out
