"""Photos and a plan → a head, its calibration, and out-of-sample logits of every photo that can have them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whatsit.config import TrainOptions
from whatsit.decide import Rule, Verdict, decide
from whatsit.model.heads import OutOfDistributionScore
from whatsit.training.calibration import Threshold, choose_threshold, fit_ood_score, softmax
from whatsit.training.experiment import Photos
from whatsit.training.heads import HEAD_TYPES, TrainingData
from whatsit.training.history import History
from whatsit.training.selection import SelectedHead, held_out_logits, make_folds, select_head
from whatsit.training.splits import FOLDS, Plan, Rows, costly, folds_of

HALVES = 2  # where a fit is costly; half of so many photos are enough to learn from


@dataclass(frozen=True)
class Learned:
    """What goes into the model folder, and what the figures are drawn from."""

    selected: SelectedHead
    head: Mapping[str, object]  # its name and how it was chosen, for model.json
    threshold: Threshold
    ood_score: OutOfDistributionScore
    judged: NDArray[np.float64]  # (judge, classes) calibrated probabilities of photos that the head did not see
    judged_raw: NDArray[np.float64]  # the same before calibration
    out_of_sample: NDArray[np.float64]  # (n, classes) of every photo; NaN where there is none
    similarity: NDArray[np.float32]  # (n,) of every photo, to references that are not of its copies or its fold
    history: History | None = None  # of a network

    @property
    def rule(self) -> Rule:
        """When the model is unsure."""
        return Rule(self.threshold.value, self.ood_score.limit)

    def verdict(self, rows: Rows) -> Verdict:
        """Of photos as a model that had not seen them would judge them; (rows,) places in the photos' arrays."""
        return decide(self.out_of_sample[rows].max(axis=1), self.similarity[rows], self.rule)


def learn(photos: Photos, plan: Plan, options: TrainOptions) -> Learned:
    """Fits, chooses and calibrates on the plan's `learn` rows; looks at its `judge` rows once, at the end."""
    head_type = HEAD_TYPES[options.head]
    data = TrainingData(photos.x, photos.labels, len(photos.dataset.classes), options.balance, options.seed)
    mine = data.subset(plan.learn)
    selected = select_head(mine, head_type, plan.rounds)
    ood_score = fit_ood_score(mine.x, mine.labels, photos.components[plan.learn])
    threshold = threshold_of(selected, mine.labels, options.precision, ood_score)
    judged, judged_raw = _judge(data, plan, selected, options)
    out_of_sample = np.full((len(photos.labels), data.classes), np.nan)
    folds = folds_of(photos, plan.learn, options.seed, HALVES if costly(len(plan.learn), data.classes) else FOLDS)
    out_of_sample[plan.learn] = _held_out_everywhere(mine, folds, selected, options)
    out_of_sample[plan.judge] = judged
    head = {"name": options.head, head_type.parameter_name: selected.regularization}
    similarity = similarity_of(photos, plan, ood_score)
    return Learned(selected, head, threshold, ood_score, judged, judged_raw, out_of_sample, similarity)


def threshold_of(
    selected: SelectedHead, labels: NDArray[np.int64], precision: float, ood_score: OutOfDistributionScore
) -> Threshold:
    """Held-out photos are judged by the whole rule: none that is unlike the others counts as answered.

    labels: of all rows to learn from.
    """
    rows = selected.held_out_rows
    probabilities = softmax(selected.held_out_logits, selected.temperature)
    correct = probabilities.argmax(axis=1) == labels[rows]
    familiar = ood_score.train_similarity[rows] >= ood_score.limit
    return choose_threshold(probabilities.max(axis=1), correct, precision, familiar)


def similarity_of(photos: Photos, plan: Plan, ood_score: OutOfDistributionScore) -> NDArray[np.float32]:
    """(n,) of every photo; of those that judge as a model has it that did not see them.

    In cross-validation that is the similarity to references among the other folds, beside the limit that those photos
    give. So many references fewer lie a little further away: both are moved to where this model's limit lies.
    """
    similarity = np.full(len(photos.labels), np.nan, np.float32)
    similarity[plan.learn] = ood_score.train_similarity
    if plan.folds is None:
        similarity[plan.judge] = ood_score.similarity(photos.x[plan.judge])
        return similarity
    for split in make_folds(plan.folds):
        rest = split.fit
        others = fit_ood_score(photos.x[rest], photos.labels[rest], photos.components[rest])
        moved = ood_score.limit - others.limit
        similarity[split.held_out] = others.similarity(photos.x[split.held_out]) + moved
    return similarity


def _judge(
    data: TrainingData, plan: Plan, selected: SelectedHead, options: TrainOptions
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if plan.folds is None:
        logits = selected.head.logits(data.x[plan.judge])
        return softmax(logits, selected.temperature), softmax(logits)
    return _nested(data, plan.folds, options)


def _nested(
    data: TrainingData, folds: NDArray[np.int64], options: TrainOptions
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each fold judged by a head, regularization and temperature that were all chosen within the other folds."""
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
