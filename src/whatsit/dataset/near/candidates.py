"""Which pairs of photos are worth a look: each one's nearest, by vector and by thumbnail."""

import numpy as np
from numpy.typing import NDArray

from whatsit.dataset.near.lenses import BLOCK, Float, Pairs, blocks, unit_rows
from whatsit.dataset.near.rows import Rows, Table

NEAREST_BY_VECTOR = 8  # and by vector: of 200 crops each of flowers and trash, none ranked beyond
NEAREST = 16  # candidates a photo by thumbnail, which tells copies of photos that all look alike
_PROJECTED = 128  # dimensions of a vector that candidates are searched in
_COSINES = 4_000_000  # at once: 16 MB
_SKETCH_STEPS = 2  # power iterations of the randomised search for the main directions


def project(vectors: Rows) -> Rows:
    """``(n, dim)`` of any length → ``(n, at most 128)``: their directions in the set's main directions."""
    if vectors.shape[1] <= _PROJECTED or len(vectors) <= _PROJECTED:
        return vectors
    directions = main_directions(vectors)
    projected = Table(len(vectors), (_PROJECTED,), np.float32)
    for block in blocks(vectors):
        projected.add(unit_rows(block) @ directions)
    return projected


def main_directions(vectors: Rows) -> Float:
    """``(dim, 128)``, orthonormal and nearly the first principal ones of rows taken at length 1, seeded.

    A randomised search in a few passes (Halko et al. 2011), by blocks, so that no second copy of the rows is made.
    """
    sketch = np.random.default_rng(0).standard_normal((vectors.shape[1], _PROJECTED), np.float32)
    for _ in range(_SKETCH_STEPS):
        total = np.zeros_like(sketch)
        for block in blocks(vectors):
            unit = unit_rows(block)
            total += unit.T @ (unit @ sketch)
        sketch = np.asarray(np.linalg.qr(total)[0], np.float32)
    return sketch


def nearest(vectors: Rows, most: int) -> Table:
    """The nearest of each of ``(n, dim)`` by cosine, exactly: ``(n, most) int32``, or all others of fewer.

    By tiles of rows and columns, so that it takes no more memory for more rows.
    """
    n, count = len(vectors), min(most, len(vectors) - 1)
    lengths = np.concatenate([np.linalg.norm(block, axis=1) for block in blocks(vectors)])
    scale = (1 / np.maximum(lengths, np.float32(1e-12))).astype(np.float32)  # (n,)
    width = _COSINES // BLOCK
    found = Table(n, (count,), np.int32)
    for start in range(0, n, BLOCK):
        rows = unit_rows(vectors[start : start + BLOCK])
        own = np.arange(start, start + len(rows))
        cosines, places = np.empty((len(rows), 0), np.float32), np.empty((len(rows), 0), np.int64)
        for first in range(0, n, width):
            tile = rows @ vectors[first : first + width].T  # (b, at most width)
            tile *= scale[first : first + width]
            here = np.flatnonzero((own >= first) & (own < first + width))
            tile[here, own[here] - first] = -np.inf
            best = _largest(tile, min(count, tile.shape[1]))
            cosines = np.concatenate([cosines, np.take_along_axis(tile, best, axis=1)], axis=1)
            places = np.concatenate([places, best + first], axis=1)
            kept = _largest(cosines, min(count, cosines.shape[1]))
            cosines, places = np.take_along_axis(cosines, kept, axis=1), np.take_along_axis(places, kept, axis=1)
        found.add(places)
    return found


def _largest(values: Float, count: int) -> NDArray[np.int64]:
    """Indices ``(b, count)`` of each row's largest values, unordered.

    They lie in the `count` runs of 64 with the largest maxima, and a maximum costs a tenth of a partition.
    """
    b, n = values.shape
    width = 64
    if count == n:
        return np.broadcast_to(np.arange(n), (b, n))
    if n < 4 * width * count:
        return np.argpartition(values, n - count, axis=1)[:, n - count :]
    runs = n // width
    maxima = values[:, : runs * width].reshape(b, runs, width).max(2)
    best = np.argpartition(maxima, runs - count, axis=1)[:, runs - count :]  # (b, count)
    within = (best[:, :, None] * width + np.arange(width)).reshape(b, -1)
    rest = np.broadcast_to(np.arange(runs * width, n), (b, n - runs * width))
    within = np.concatenate([within, rest], axis=1)
    some = np.take_along_axis(values, within, axis=1)
    chosen = np.argpartition(some, some.shape[1] - count, axis=1)[:, some.shape[1] - count :]
    return np.take_along_axis(within, chosen, axis=1)


def pairs_of(rows: NDArray[np.int64], *nearest: Rows) -> Pairs:
    """Some rows, each with each of its nearest, ``i < j``. Over all rows, every pair comes once.

    nearest: of all n rows, ``(n, k)`` each.
    """
    own = _nearest_of(rows, nearest)  # (b, k)
    i, j = np.repeat(rows, own.shape[1]), own.ravel()
    said_back = (_nearest_of(j, nearest) == i[:, None]).any(axis=1)  # then the smaller one says it
    again = (np.tril(own[:, :, None] == own[:, None, :], -1)).any(axis=2).ravel()
    kept = ~again & ((i < j) | ~said_back)
    return np.sort(np.stack([i[kept], j[kept]], axis=1), axis=1)


def _nearest_of(rows: NDArray[np.int64], nearest: tuple[Rows, ...]) -> NDArray[np.int64]:
    return np.concatenate([table[rows] for table in nearest], axis=1).astype(np.int64)
