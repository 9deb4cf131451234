"""Evaluates a fitted model on the test photos: figures, leaks, mistakes and likely wrong labels.

A leak is a test photo that repeats a train photo, or belongs to the same group. Figures are given with and without
leaks.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whatsit.data.groups import NEAR, SAME_BYTES, SOURCE
from whatsit.evaluation.calibration import expected_calibration_error, selective
from whatsit.evaluation.figures import Answered, Evaluation
from whatsit.evaluation.intervals import GroupFigures, by_group
from whatsit.evaluation.metrics import evaluate, likely_mislabelled
from whatsit.evaluation.report.content import Leak, Seen
from whatsit.model.leaks import Known
from whatsit.text import printable
from whatsit.training.experiment import Experiment, Rows, Splits, TrainingSet
from whatsit.training.fitted import Predictions


def find_leaks(experiment: Experiment) -> Known:
    """Test photos that have a copy, or another photo of their group, among the train photos."""
    photos, splits = experiment.photos, experiment.splits
    n = len(splits.test)
    if splits.cross_validated:
        return Known(np.zeros(n, bool), np.zeros(n, bool), Seen())
    related = photos.related
    twin = _partners(related.copies, splits)  # (n,) a train row, or -1
    kin = _partners(related.components, splits)
    copies, grouped = twin >= 0, (twin < 0) & (kin >= 0)
    leaks = []
    same = {photos.digests[row]: row for row in splits.train[::-1]}
    for row, mine, its in zip(splits.test, twin, kin, strict=True):
        if (original := same.get(photos.digests[row])) is not None:
            leaks.append(_leak(photos, row, original, SAME_BYTES))
        elif mine >= 0:
            looks = related.lookalikes[row] == related.lookalikes[mine]
            leaks.append(_leak(photos, row, mine, NEAR if looks else SOURCE))
        elif its >= 0:
            leaks.append(_leak(photos, row, its, f"group {printable(photos.groups[row] or photos.groups[its] or '')}"))
    return Known(copies, grouped, Seen(int(copies.sum()), int(grouped.sum()), listed=tuple(leaks)))


def _partners(components: NDArray[np.int64], splits: Splits) -> NDArray[np.int64]:
    """Of each test photo, the first train row in its component; -1 where there is none."""
    first = np.full(int(components.max(initial=0)) + 1, -1, np.int64)
    first[components[splits.train[::-1]]] = splits.train[::-1]
    return first[components[splits.test]]


def _leak(photos: TrainingSet, row: int, other: int, why: str) -> Leak:
    return Leak(photos.records[row].uri, photos.records[other].uri, why)


@dataclass(frozen=True)
class TestResults:
    """Rows are places in the photos' arrays."""

    evaluation: Evaluation
    before_calibration_ece: float
    answered: Answered
    seen: Seen  # test photos that are not new: a copy, or another of their group, is a train photo
    without_leaks: Evaluation | None
    groups: tuple[GroupFigures, ...]  # of the test photos that are in one
    mistakes: Rows  # most confident first
    least_sure: Rows
    mislabelled: Rows  # most suspicious first


def evaluate_test(predictions: Predictions) -> TestResults:
    """Everything that the report says of the photos in `splits.test`, and the likely mislabelled among all."""
    experiment = predictions.fitted.experiment
    photos, splits = experiment.photos, experiment.splits
    classes = photos.dataset.classes
    truth = photos.labels[splits.test]
    units = photos.components[splits.test]
    leaking = find_leaks(experiment)
    familiar = ~predictions.verdict(splits.test).unlike
    clean = ~leaking.known
    some_clean = bool(leaking.known.any() and clean.any())
    top = predictions.test_probabilities.max(axis=1)
    wrong = predictions.test_probabilities.argmax(axis=1) != truth
    by_confidence = np.argsort(-top, kind="stable")
    known = np.flatnonzero(~np.isnan(predictions.out_of_sample[:, 0]))
    suspicious = likely_mislabelled(photos.labels[known], predictions.out_of_sample[known])
    return TestResults(
        evaluation=evaluate(truth, predictions.test_probabilities, classes, familiar=familiar, groups=units),
        before_calibration_ece=expected_calibration_error(truth, predictions.test_probabilities_raw),
        answered=selective(
            truth, predictions.test_probabilities, predictions.rule, predictions.similarity[splits.test], groups=units
        ),
        seen=leaking.seen,
        without_leaks=(
            evaluate(
                truth[clean],
                predictions.test_probabilities[clean],
                classes,
                familiar=familiar[clean],
                groups=units[clean],
            )
            if some_clean
            else None
        ),
        groups=by_group([photos.groups[i] for i in splits.test], ~wrong),
        mistakes=splits.test[by_confidence[wrong[by_confidence]]],
        least_sure=splits.test[by_confidence[::-1]],
        mislabelled=known[suspicious],
    )
