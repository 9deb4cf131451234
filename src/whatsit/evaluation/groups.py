"""Figures of each group that the user named: at which site, of which patient is the classifier wrong?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whatsit.evaluation.intervals import wilson


@dataclass(frozen=True)
class GroupFigures:
    """One group: `right` of its `photos` judged photos were named rightly."""

    group: str
    photos: int
    right: int
    accuracy: float
    low: float  # Wilson's interval: of other photos of this very group
    high: float


def by_group(groups: Sequence[str | None], right: NDArray[np.bool_]) -> tuple[GroupFigures, ...]:
    """Of (n,) names and whether each photo is right: the groups of least accuracy first, of equals the largest.

    Photos without a group (None) have no figures here.

    >>> [(g.group, g.right, g.photos) for g in by_group(["a", "b", None, "b"], np.array([True, False, True, True]))]
    [('b', 1, 2), ('a', 1, 1)]
    """
    counts: dict[str, list[int]] = {}
    for group, hit in zip(groups, right.tolist(), strict=True):
        if group is not None:
            photos_hits = counts.setdefault(group, [0, 0])
            photos_hits[0] += 1
            photos_hits[1] += hit
    figures = [GroupFigures(g, n, hits, hits / n, *wilson(hits, n)) for g, (n, hits) in counts.items()]
    return tuple(sorted(figures, key=lambda one: (one.accuracy, -one.photos, one.group)))
