"""Out-of-sample probabilities → the figures, with and without leaks, and which photos deserve a look."""

from dataclasses import dataclass

import numpy as np

from whatsit.evaluation import (
    Answered,
    Evaluation,
    GroupFigures,
    by_group,
    evaluate,
    expected_calibration_error,
    likely_mislabelled,
    selective,
)
from whatsit.evaluation.report import Seen
from whatsit.steps.gather import Photos
from whatsit.steps.learn import Learned
from whatsit.steps.plan import Plan, Rows
from whatsit.steps.test_leaks import find_leaks


@dataclass(frozen=True)
class Judged:
    """Rows are places in the photos' arrays."""

    evaluation: Evaluation
    before_calibration_ece: float
    answered: Answered
    seen: Seen  # judged photos that are not new: a copy, or another of their group, was learned from
    without_leaks: Evaluation | None
    groups: tuple[GroupFigures, ...]  # of the judged photos that are in one
    mistakes: Rows  # most confident first
    least_sure: Rows
    mislabelled: Rows  # most suspicious first


def judge(photos: Photos, plan: Plan, learned: Learned) -> Judged:
    """Everything that the report says of the photos in `plan.judge`, and the likely mislabelled among all."""
    classes = photos.dataset.classes
    truth = photos.labels[plan.judge]
    units = photos.components[plan.judge]
    leaking = find_leaks(photos, plan)
    familiar = ~learned.verdict(plan.judge).unlike
    clean = ~leaking.known
    some_clean = bool(leaking.known.any() and clean.any())
    top = learned.judged.max(axis=1)
    wrong = learned.judged.argmax(axis=1) != truth
    by_confidence = np.argsort(-top, kind="stable")
    known = np.flatnonzero(~np.isnan(learned.out_of_sample[:, 0]))
    suspicious = likely_mislabelled(photos.labels[known], learned.out_of_sample[known])
    return Judged(
        evaluation=evaluate(truth, learned.judged, classes, familiar=familiar, groups=units),
        before_calibration_ece=expected_calibration_error(truth, learned.judged_raw),
        answered=selective(truth, learned.judged, learned.rule, learned.similarity[plan.judge], groups=units),
        seen=leaking.seen,
        without_leaks=(
            evaluate(truth[clean], learned.judged[clean], classes, familiar=familiar[clean], groups=units[clean])
            if some_clean
            else None
        ),
        groups=by_group([photos.groups[i] for i in plan.judge], ~wrong),
        mistakes=plan.judge[by_confidence[wrong[by_confidence]]],
        least_sure=plan.judge[by_confidence[::-1]],
        mislabelled=known[suspicious],
    )
