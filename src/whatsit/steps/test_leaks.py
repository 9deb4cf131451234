"""Test photos that repeat a training photo, or share a group with one."""

import numpy as np
from numpy.typing import NDArray

from whatsit.evaluation.report import Leak, Seen
from whatsit.steps.gather import Photos
from whatsit.steps.known import Known
from whatsit.steps.plan import Plan
from whatsit.steps.related import NEAR, SAME_BYTES, SOURCE
from whatsit.text import printable


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
