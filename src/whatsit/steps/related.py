"""Which photos belong together: the one function by which training and evaluation tell.

It takes what is known of photos (bytes, vectors, thumbnails, groups) and knows nothing of models, labels or splits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from whatsit.dataset import duplicates, group_records
from whatsit.dataset.near import near_duplicates

SAME_BYTES, NEAR = "same bytes", "near-copy"
Pairs = tuple[tuple[int, int], ...]  # rows, the smaller one first


@dataclass(frozen=True)
class Related:
    """What belongs together among n photos; enough pairs to connect a cluster, not all of them."""

    groups: tuple[str | None, ...]  # (n,) as their owner named them
    same: Pairs = ()  # the same bytes
    near: Pairs = ()  # near-copies: the same photo in other bytes

    @cached_property
    def components(self) -> NDArray[np.int64]:
        """(n,), equal for copies, near-copies and members of a group: the independent units."""
        return group_records(len(self.groups), [*self.same, *self.near], self.groups)

    @cached_property
    def copies(self) -> NDArray[np.int64]:
        """(n,), equal for copies and near-copies alone."""
        return group_records(len(self.groups), [*self.same, *self.near], [None] * len(self.groups))

    @property
    def near_copy_groups(self) -> int:
        """How many sets of near-copies there are."""
        n = len(self.groups)
        return int(np.count_nonzero(np.bincount(group_records(n, self.near, [None] * n)) > 1)) if n else 0

    def without(self, lost: NDArray[np.bool_]) -> "Related":
        """Of the photos that stay. Those that only a lost one (n,) connected stay together: as near-copies."""
        kept = np.flatnonzero(~lost)
        place = {int(row): i for i, row in enumerate(kept)}
        same, near = (
            tuple((place[a], place[b]) for a, b in pairs if a in place and b in place) for pairs in self._pairs
        )
        components = self.components[kept]
        torn = np.unique(self.components[lost])
        chains = (np.flatnonzero(components == one).tolist() for one in torn)
        return Related(
            tuple(self.groups[i] for i in kept), same, near + tuple(pair for c in chains for pair in pairwise(c))
        )

    @property
    def _pairs(self) -> tuple[Pairs, Pairs]:
        return self.same, self.near


def relate(
    digests: Sequence[str],
    vectors: NDArray[np.float32],
    thumbnails: NDArray[np.uint8],
    groups: Sequence[str | None],
) -> Related:
    """Of n photos: sha256 in hexadecimal, (n, dim), (n, 32, 32) grey, and the owner's groups."""
    found = near_duplicates(vectors, thumbnails)
    near = tuple((a, b) for a, b in found if digests[a] != digests[b])
    return Related(tuple(groups), tuple(duplicates(digests)), near)
