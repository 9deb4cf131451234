"""Nearest neighbours by cosine, exactly: the one search behind near-duplicates, the knn head, the out-of-distribution
score, and the training photos that are shown beside an answer.

All pairs are compared, by tiles of rows and columns, so that the search takes no more memory for more photos. An index
that is built first (a tree, a graph) would miss some and gain nothing below a million photos. It knows neither files
nor labels.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from whatsit.data.near.rows import BLOCK, Float, Rows, blocks, unit_rows

TILE = 4_000_000  # cosines at once: 16 MB
RUN = 64  # values whose maximum is looked at first

Hide = Callable[[Float, int, int], None]  # (b, w) cosines, changed in place; the first query; the first stored row


class Neighbours(NamedTuple):
    """The nearest stored rows of (b,) queries, in no order."""

    places: NDArray[np.int64]  # (b, k) in the stored rows
    cosines: Float  # (b, k)


def search(
    queries: Rows,
    stored: Rows,
    most: int,
    *,
    unit_queries: bool = False,
    unit_stored: bool = False,
    hide: Hide | None = None,
    at_once: int = BLOCK,
) -> Iterator[Neighbours]:
    """The `most` nearest of each of (n, dim) queries among (m, dim) stored rows, or all m of fewer, block by block.

    unit_queries, unit_stored: whether they are of length 1, so that they are taken as they are; of queries that matters
    to the cosines alone, and not to who is nearest. hide: sets cosines that do not count to -inf or -1. at_once:
    queries of a block. With `most` 1, the first of equals is found.
    """
    count, width = min(most, len(stored)), TILE // at_once
    if not count:
        for start in range(0, len(queries), at_once):
            yield _none(min(at_once, len(queries) - start))
        return
    if not unit_stored:
        lengths = np.concatenate([np.linalg.norm(block, axis=1) for block in blocks(stored)])
        scale = (1 / np.maximum(lengths, np.float32(1e-12))).astype(np.float32)  # (m,)
    for start in range(0, len(queries), at_once):
        rows = queries[start : start + at_once]
        rows = rows if unit_queries else unit_rows(rows)
        found = []
        for first in range(0, len(stored), width):
            tile = rows @ stored[first : first + width].T  # (b, at most width)
            if not unit_stored:
                tile *= scale[first : first + width]
            if hide is not None:
                hide(tile, start, first)
            best = _largest(tile, min(count, tile.shape[1]))
            found.append((best + first, np.take_along_axis(tile, best, axis=1)))
            if len(found) > 1:
                places, cosines = (np.concatenate(both, axis=1) for both in zip(*found, strict=True))
                kept = _largest(cosines, min(count, cosines.shape[1]))
                found = [(np.take_along_axis(places, kept, axis=1), np.take_along_axis(cosines, kept, axis=1))]
        yield Neighbours(*found[0])


def nearest(queries: Rows, stored: Rows, most: int, *, hide: Hide | None = None, at_once: int = BLOCK) -> Neighbours:
    """The same of all queries together, (n, k) each, among stored rows of length 1."""
    found = list(search(queries, stored, most, unit_stored=True, hide=hide, at_once=at_once))
    if not found:
        return _none(0, min(most, len(stored)))
    return Neighbours(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _none(b: int, k: int = 0) -> Neighbours:
    return Neighbours(np.empty((b, k), np.int64), np.empty((b, k), np.float32))


def _largest(values: Float, count: int) -> NDArray[np.int64]:
    """Indices ``(b, count)`` of each row's largest values, unordered.

    They lie in the `count` runs of 64 with the largest maxima, and a maximum costs a tenth of a partition.
    """
    b, n = values.shape
    if count in (0, n):
        return np.broadcast_to(np.arange(count), (b, count))
    if count == 1:
        return np.asarray(values.argmax(axis=1)[:, None])
    if n < 4 * RUN * count:
        return np.argpartition(values, n - count, axis=1)[:, n - count :]
    runs = n // RUN
    maxima = values[:, : runs * RUN].reshape(b, runs, RUN).max(2)
    best = np.argpartition(maxima, runs - count, axis=1)[:, runs - count :]  # (b, count)
    within = (best[:, :, None] * RUN + np.arange(RUN)).reshape(b, -1)
    rest = np.broadcast_to(np.arange(runs * RUN, n), (b, n - runs * RUN))
    within = np.concatenate([within, rest], axis=1)
    some = np.take_along_axis(values, within, axis=1)
    chosen = np.argpartition(some, some.shape[1] - count, axis=1)[:, some.shape[1] - count :]
    return np.take_along_axis(within, chosen, axis=1)
