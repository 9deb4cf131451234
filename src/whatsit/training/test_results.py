"""Test photos that repeat a training photo, or share a group with one.

Out-of-sample probabilities → the figures, with and without leaks, and which photos deserve a look.
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
from whatsit.training.experiment import Photos
from whatsit.training.probe import Learned
from whatsit.training.splits import Plan, Rows


def find_leaks(photos: Photos, plan: Plan) -> Known:
    """Of the photos that judge: which have a copy, or another of their group, among those learned from."""
    n = len(plan.judge)
    if plan.cross_validated:
        return Known(np.zeros(n, bool), np.zeros(n, bool), Seen())
    related = photos.related
    twin = _partners(related.copies, plan)  # (n,) a row learned from, or -1
    kin = _partners(related.components, plan)
    copies, grouped = twin >= 0, (twin < 0) & (kin >= 0)
    leaks = []
    same = {photos.digests[row]: row for row in plan.learn[::-1]}
    for row, mine, its in zip(plan.judge, twin, kin, strict=True):
        if (original := same.get(photos.digests[row])) is not None:
            leaks.append(_leak(photos, row, original, SAME_BYTES))
        elif mine >= 0:
            looks = related.lookalikes[row] == related.lookalikes[mine]
            leaks.append(_leak(photos, row, mine, NEAR if looks else SOURCE))
        elif its >= 0:
            leaks.append(_leak(photos, row, its, f"group {printable(photos.groups[row] or photos.groups[its] or '')}"))
    return Known(copies, grouped, Seen(int(copies.sum()), int(grouped.sum()), listed=tuple(leaks)))


def _partners(components: NDArray[np.int64], plan: Plan) -> NDArray[np.int64]:
    """Of each photo that judges, the first row learned from in its component; -1 where there is none."""
    first = np.full(int(components.max(initial=0)) + 1, -1, np.int64)
    first[components[plan.learn[::-1]]] = plan.learn[::-1]
    return first[components[plan.judge]]


def _leak(photos: Photos, row: int, other: int, why: str) -> Leak:
    return Leak(photos.records[row].uri, photos.records[other].uri, why)


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
