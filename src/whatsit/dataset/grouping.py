"""Which photos belong together: same bytes, near-duplicates, or the user's groups.

Photos that belong together are one component, and a component is never cut by a split. This file works on
plain arrays: it knows neither files nor how near-duplicates are found.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray


def group_records(n: int, pairs: Iterable[tuple[int, int]], groups: Sequence[str | None]) -> NDArray[np.int64]:
    """Connected components of `n` records under duplicate pairs and equal group names.

    Returns:
        ``(n,) int64``: the component of each record, numbered 0, 1, … in order of first appearance.
    """
    parents = list(range(n))
    for a, b in pairs:
        _join(parents, a, b)
    first: dict[str, int] = {}
    for index, group in enumerate(groups):
        if group is not None:
            _join(parents, first.setdefault(group, index), index)
    roots = np.array([_root(parents, index) for index in range(n)], dtype=np.int64)
    return np.unique(roots, return_inverse=True)[1].astype(np.int64)


def _root(parents: list[int], index: int) -> int:
    """The smallest index of the component (union-find with path halving, Tarjan and van Leeuwen 1984)."""
    while parents[index] != index:
        parents[index] = parents[parents[index]]
        index = parents[index]
    return index


def _join(parents: list[int], a: int, b: int) -> None:
    low, high = sorted((_root(parents, a), _root(parents, b)))
    parents[high] = low


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
