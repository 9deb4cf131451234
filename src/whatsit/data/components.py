"""Which photos belong together: same bytes, near-duplicates, or the user's groups.

Photos that belong together are one component, and a component is never cut by a split. This file works on
plain arrays: it knows neither files nor how near-duplicates are found.

The table of components that splits and folds deal from: one key, one class, one size, one place in line.

A component's place is a hash of the seed and of its key, so it depends on neither the order of the records
nor on what else is in the data set: adding photos moves none that were there.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def group_records(n: int, pairs: Iterable[tuple[int, int]], groups: Sequence[str | None]) -> NDArray[np.int64]:
    """Connected components of `n` records under duplicate pairs and equal group names.

    Returns:
        ``(n,) int64``: the component of each record, numbered 0, 1, … in order of first appearance.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first: dict[str, int] = {}
    named = [(first.setdefault(group, index), index) for index, group in enumerate(groups) if group is not None]
    a, b = np.array([*pairs, *named], np.int64).reshape(-1, 2).T  # (edges,) each
    graph = coo_array((np.ones(len(a), np.bool_), (a, b)), shape=(n, n))
    found: NDArray[np.int64] = connected_components(graph, directed=False)[1].astype(np.int64)  # begins at record 0
    return found


def duplicates(digests: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of records with the same bytes: each later one with the first of its kind.

    >>> duplicates(["aa", "bb", "aa", "aa"])
    [(0, 2), (0, 3)]
    """
    first: dict[str, int] = {}
    pairs = ((first.setdefault(digest, index), index) for index, digest in enumerate(digests))
    return [(a, b) for a, b in pairs if a != b]


def distinct_by_class(labels: NDArray[np.int64], components: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """``(classes,)``: in how many components each class occurs.

    >>> distinct_by_class(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]), 3).tolist()
    [2, 1, 0]
    """
    pairs = np.unique(np.stack([labels, components]), axis=1)
    return np.bincount(pairs[0], minlength=classes)


@dataclass(frozen=True)
class Components:
    """What one needs to know of `m` components of `n` records.

    Attributes:
        of_record: ``(n,) int64``, the component of each record.
        label: ``(m,) int64``, the majority's label; the smaller one on a tie.
        size: ``(m,) int64``, records in the component.
        place: ``(m,) float64`` in [0, 1], uniform: the hash of seed and key.
    """

    of_record: NDArray[np.int64]
    label: NDArray[np.int64]
    size: NDArray[np.int64]
    place: NDArray[np.float64]

    def by_class(self) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Each class that has components, ascending, with their ids in order of place."""
        order = np.lexsort((np.arange(len(self.label)), self.place, self.label))
        classes, starts = np.unique(self.label[order], return_index=True)
        for label, start, end in zip(classes.tolist(), starts, [*starts[1:], len(order)], strict=False):
            yield label, order[start:end]

    def counts(self, labels: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
        """``(m, classes) int64``: how many records of each class every component holds; labels: ``(n,) int64``."""
        m = len(self.label)
        return np.bincount(self.of_record * classes + labels, minlength=m * classes).reshape(m, classes)


def describe(
    labels: NDArray[np.int64],
    digests: Sequence[str],
    components: NDArray[np.int64],
    groups: Sequence[str | None],
    seed: int,
) -> Components:
    """Sum up components given as one id a record. Those that share a key become one.

    The key is the smallest of the user's group names in the component, else the smallest sha256.
    """
    keys = _keys(digests, components, groups)
    names, of_record = np.unique([keys[c] for c in components.tolist()], return_inverse=True)
    return Components(
        of_record=of_record.astype(np.int64),
        label=_majority(labels, of_record, len(names)),
        size=np.bincount(of_record, minlength=len(names)),
        place=np.array([_place(seed, name) for name in names.tolist()], dtype=np.float64),
    )


def _keys(digests: Sequence[str], components: NDArray[np.int64], groups: Sequence[str | None]) -> dict[int, str]:
    """Component → key. ``"group:"`` sorts before ``"sha256:"``, so that a group's name wins."""
    keys: dict[int, str] = {}
    for component, digest, group in zip(components.tolist(), digests, groups, strict=True):
        key = f"sha256:{digest}" if group is None else f"group:{group}"
        keys[component] = min(key, keys.get(component, key))
    return keys


def _majority(labels: NDArray[np.int64], of_record: NDArray[np.int64], m: int) -> NDArray[np.int64]:
    """``(m,) int64``: the most frequent label of each component, the smaller one on a tie."""
    width = int(labels.max(initial=0)) + 1
    codes, counts = np.unique(of_record * width + labels, return_counts=True)  # one a (component, label)
    owner, label = codes // width, codes % width
    winner_last = np.lexsort((-label, counts))  # of two writes below, the later one stays
    majority = np.zeros(m, dtype=np.int64)
    majority[owner[winner_last]] = label[winner_last]
    return majority


def _place(seed: int, key: str) -> float:
    """A uniform number in [0, 1] that depends on seed and key alone."""
    digest = hashlib.sha256(f"{seed}:{key}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
