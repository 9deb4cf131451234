"""Which pairs of photos are worth a look: each one's nearest, by vector and by thumbnail."""

import numpy as np
from numpy.typing import NDArray

from whatsit.dataset.near.lenses import BLOCK, Float, Pairs, blocks, unit_rows

NEAREST_BY_VECTOR = 8  # and by vector: of 200 crops each of flowers and trash, none ranked beyond
NEAREST = 16  # candidates a photo by thumbnail, which tells copies of photos that all look alike
_PROJECTED = 128  # dimensions of a vector that candidates are searched in
_COSINES = 4_000_000  # at once: 16 MB
_FEWEST_ROWS = 64  # at once, below which the product of matrices is slow
_SKETCH_STEPS = 2  # power iterations of the randomised search for the main directions


def project(vectors: Float) -> Float:
    """``(n, dim)`` of any length → ``(n, at most 128)``: their directions in the set's main directions."""
    if vectors.shape[1] <= _PROJECTED or len(vectors) <= _PROJECTED:
        return vectors
    directions = main_directions(vectors)
    return np.concatenate([unit_rows(block) @ directions for block in blocks(vectors)])


def main_directions(vectors: Float) -> Float:
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


def nearest(vectors: Float, most: int) -> NDArray[np.int64]:
    """The nearest of each of ``(n, dim)`` by cosine, exactly: ``(n, most)``, or all others of fewer."""
    n, count = len(vectors), min(most, len(vectors) - 1)
    lengths = np.concatenate([np.linalg.norm(block, axis=1) for block in blocks(vectors)])
    scale = (1 / np.maximum(lengths, np.float32(1e-12))).astype(np.float32)  # (n,)
    found = []
    step = min(BLOCK, max(_FEWEST_ROWS, _COSINES // n))
    for start in range(0, n, step):
        cosines = unit_rows(vectors[start : start + step]) @ vectors.T  # (step, n)
        cosines *= scale
        rows = np.arange(len(cosines))
        cosines[rows, start + rows] = -np.inf
        found.append(_largest(cosines, count))
    return np.concatenate(found)


def _largest(values: Float, count: int) -> NDArray[np.int64]:
    """Indices ``(b, count)`` of each row's largest values, unordered.

    They lie in the `count` runs of 64 with the largest maxima, and a maximum costs a tenth of a partition.
    """
    b, n = values.shape
    width = 64
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


def unique(*nearest: NDArray[np.int64]) -> Pairs:
    """Each row of ``(n, k)`` with each of its nearest: every pair once, ``i < j``, sorted."""
    n = len(nearest[0])
    rows = np.arange(n)[:, None]
    codes = np.unique(
        np.concatenate([(np.minimum(rows, others) * n + np.maximum(rows, others)).ravel() for others in nearest])
    )
    return np.stack([codes // n, codes % n], axis=1)
