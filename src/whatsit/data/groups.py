"""Which photos belong together: the one function by which training and evaluation tell.

Copies by their bytes, near-copies by their pictures, photos of a common source by their names and pictures, and the
groups that their owner named. It knows nothing of models and splits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from whatsit.config import GroupByName, NearCopies
from whatsit.data.components import duplicates, group_records
from whatsit.data.dataset import Record
from whatsit.data.near.rows import Rows
from whatsit.data.near.search import near_duplicates
from whatsit.data.sources import Pairs, Sources, find_sources
from whatsit.images.source import split_page, taken_at
from whatsit.notices import notice
from whatsit.text import number

SAME_BYTES, NEAR, SOURCE = "same bytes", "near-copy", "same source by name"
NO_SOURCES = Sources()
TWO_LABELS = "two labels for the same bytes"


def conflicts(labels: Sequence[str], digests: Sequence[str]) -> dict[int, str]:
    """Row → reason, of the photos whose very bytes also stand under another label: no figure on them means anything."""
    first: dict[str, str] = {}
    labels_of: dict[str, set[str]] = {}  # of the few that have several
    for digest, label in zip(digests, labels, strict=True):
        if (other := first.setdefault(digest, label)) != label:
            labels_of.setdefault(digest, {other}).add(label)
    torn = ((row, labels_of[digest]) for row, digest in enumerate(digests) if digest in labels_of)
    return {row: f"{TWO_LABELS}: {' and '.join(sorted(found))}" for row, found in torn}


@dataclass(frozen=True)
class Related:
    """What belongs together among n photos; enough pairs of rows to connect a cluster, not all of them."""

    groups: tuple[str | None, ...]  # (n,) as their owner named them
    same: Pairs = ()  # the same bytes
    near: Pairs = ()  # near-copies: the same photo in other bytes
    sources: Sources = NO_SOURCES  # of one source, by their names
    pages: Pairs = ()  # of one file
    ignored: Pairs = ()  # near-copies that are not kept together, as was asked for

    @cached_property
    def components(self) -> NDArray[np.int64]:
        """(n,), equal for all that belongs together: the independent units."""
        return self._connected((*self.same, *self.near, *self.sources.pairs, *self.pages), self.groups)

    @cached_property
    def copies(self) -> NDArray[np.int64]:
        """(n,), the same without the owner's groups."""
        return self._connected((*self.same, *self.near, *self.sources.pairs))

    @cached_property
    def lookalikes(self) -> NDArray[np.int64]:
        """(n,), equal for copies and near-copies alone."""
        return self._connected((*self.same, *self.near))

    @property
    def near_copy_groups(self) -> int:
        """How many sets of near-copies there are."""
        return int(np.count_nonzero(np.bincount(self._connected(self.near), minlength=1) > 1))

    def _connected(self, pairs: Pairs, groups: Sequence[str | None] | None = None) -> NDArray[np.int64]:
        return group_records(len(self.groups), pairs, groups or [None] * len(self.groups))

    def torn(self, labels: NDArray[np.int64]) -> Pairs:
        """Near-copies under two labels: one of them is likely wrong."""
        return tuple((a, b) for a, b in self.near if labels[a] != labels[b])

    def without(self, lost: NDArray[np.bool_]) -> "Related":
        """Of the photos that stay. Those that only a lost one (n,) connected stay together."""
        kept = ~lost
        same, looks, copies = (rows[kept] for rows in (self._connected(self.same), self.lookalikes, self.copies))
        left = Related(
            tuple(group for group, stays in zip(self.groups, kept.tolist(), strict=True) if stays),
            _stars(same),
            _stars(looks, but=same),
            replace(self.sources, pairs=_stars(copies, but=looks)),
            _stars(self._connected(self.pages)[kept]),
            _stars(self._connected(self.ignored)[kept]),
        )
        bridged = _stars(self.components[kept], but=left.components)  # a copy that was in a group
        return replace(left, near=left.near + bridged)


def _stars(components: NDArray[np.int64], but: NDArray[np.int64] | None = None) -> Pairs:
    """Each row of a component with the first; but those that `but` has in one component already."""
    first: dict[int, int] = {}
    found = ((first.setdefault(component, row), row) for row, component in enumerate(components.tolist()))
    return tuple((a, b) for a, b in found if a != b and (but is None or but[a] != but[b]))


def _by_file(uris: Sequence[str]) -> NDArray[np.int64]:
    """(n,), equal for pages of one file."""
    return np.unique([split_page(uri)[0] for uri in uris], return_inverse=True)[1].astype(np.int64)


def relate(
    records: Sequence[Record],
    labels: NDArray[np.int64],
    digests: Sequence[str],
    vectors: Rows,
    thumbnails: Rows,
    near_copies: NearCopies = "group",
    group_by_name: GroupByName = "auto",
) -> Related:
    """Of n photos: records, (n,) labels, sha256 in hexadecimal, (n, dim) vectors, (n, 32, 32) grey thumbnails."""
    found = near_duplicates(vectors, thumbnails)
    near = tuple((a, b) for a, b in found if digests[a] != digests[b])
    uris, groups = [record.uri for record in records], tuple(record.group for record in records)
    return Related(
        groups=groups,
        same=tuple(duplicates(digests)),
        near=near if near_copies == "group" else (),
        sources=find_sources(uris, labels, vectors, group_by_name, taken_at, groups),
        pages=_stars(_by_file(uris)),
        ignored=near if near_copies == "ignore" else (),
    )


def notice_proposals(related: Related, what: str) -> None:
    """Says before long work what names and looks suggest. what: to type, or to do, to keep each source together."""
    for one in related.sources.proposals:
        notice(
            f"{one.photos:,} photos may be of {number(one.sources, 'source')}, by their names (such as {one.example}) "
            f"and their looks. If so, the figures will be too good. {what}"
        )
