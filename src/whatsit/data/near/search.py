"""Finds near-duplicates: the same photo again, re-encoded, resized, cropped a little or brightened.

Split apart, such pairs would let a classifier be tested on what it has learned by heart. Two steps find them:

1. Candidates: the nearest neighbours of each photo, by vector (which tolerates a crop) and by thumbnail (which tells
   photos apart that all look alike to the network).
2. A check on the 32 x 32 thumbnails: as they are, and after one is laid onto the other (two shifts, two scales).

The check must not pair photos that merely share a layout, such as solar cells, all with the same bars. So thumbnails
are compared *whitened*: less the set's mean, each direction divided by its spread in the set. The bounds were chosen on
one half of six sets and reported on the other (`benchmarks/RESULTS.md`), but for `_SAME_APART` and the prior of the
whitening, which were set with a view of both. `Reduced` keeps the vectors of many photos small as they come one by one.

The module knows neither files nor labels, nor how the vectors were made. It does not look for mirrored and rotated
copies.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whatsit.data.near.alignment import align, detail, guess, inverse, lay
from whatsit.data.near.neighbours import search
from whatsit.data.near.rows import (
    HALF,
    Float,
    Pairs,
    Rows,
    Table,
    Whiten,
    blocks,
    fit_whitening,
    some_rows,
    unit_rows,
)
from whatsit.machine import blas_threads, cores

NEAREST_BY_VECTOR = 8  # and by vector: of 200 crops each of flowers and trash, none ranked beyond
NEAREST = 16  # candidates a photo by thumbnail, which tells copies of photos that all look alike
_PROJECTED = 128  # dimensions of a vector that candidates are searched in
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


def _nearest_others(vectors: Rows, most: int) -> Table:
    """The nearest of each of ``(n, dim)`` among the others: ``(n, most) int32``, or all others of fewer."""

    def hide_itself(cosines: Float, start: int, first: int) -> None:
        own = np.arange(max(start, first), min(start + cosines.shape[0], first + cosines.shape[1]))
        cosines[own - start, own - first] = -np.inf

    count = min(most, len(vectors) - 1)
    found = Table(len(vectors), (count,), np.int32)
    for neighbours in search(vectors, vectors, count, hide=hide_itself):
        found.add(neighbours.places)
    return found


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


FIRST = 1024  # photos whose vectors are kept whole until their main directions are known
KEPT = 128  # directions, as the search for candidates takes


class Reduced:
    """Collects up to `most` vectors of `dim` numbers; beyond the first 1,024, their 128 main directions alone.

    Cosines in these directions rank photos as the whole vectors do; copies are told by their thumbnails.
    """

    def __init__(self, most: int, dim: int) -> None:
        self._whole: Float = np.empty((min(most, FIRST), dim), np.float32)
        self._reduced = Table(most if most > FIRST else 0, (min(KEPT, dim),), np.float32)
        self._directions: Float | None = None
        self._count = 0

    def add(self, vector: Float) -> None:
        """vector: ``(dim,)``."""
        if self._directions is None and self._count == FIRST:
            self._directions = self._reduce()
        if self._directions is None:
            self._whole[self._count] = vector
        else:
            self._reduced.add((vector @ self._directions)[None])
        self._count += 1

    def rows(self) -> Rows:
        """``(n, dim)``, or ``(n, 128)`` of many."""
        return self._whole[: self._count] if self._directions is None else self._reduced

    def reduced(self, vectors: Float) -> Float:
        """Other vectors ``(m, dim)`` in the same directions."""
        return vectors if self._directions is None else np.asarray(vectors @ self._directions, np.float32)

    def _reduce(self) -> Float:
        """``(dim, 128)``; fewer than so many numbers stay as they are."""
        dim = self._whole.shape[1]
        directions = np.eye(dim, dtype=np.float32) if dim <= KEPT else main_directions(self._whole)
        self._reduced.add(self._whole @ directions)
        self._whole = np.empty((0, dim), np.float32)
        return directions


_SAME = 0.77  # the least whitened cosine of two thumbnails as they lie, if they have much to be told by
_SAME_APART = 0.60  # and the least one of what sets them apart from their nearest
_SAME_LAID = 0.85  # and of one laid onto the other, which is free to fit; then also:
_SAME_DETAIL = 0.80  # the least correlation of fine detail,
_SAME_VECTOR = 0.60  # and the least cosine of the vectors
_SAME_BLAND = 0.96  # the whitened cosine that is always enough, however little there is to be told by
_BLAND = 8.0  # squared whitened length at which the first two bounds have doubled
_ROWS = 64  # whose pairs are looked at together
_LEAST_CONTRAST = 3.0  # standard deviation in grey levels; a flatter thumbnail tells nothing


def near_duplicates(vectors: Rows, thumbnails: Rows) -> list[tuple[int, int]]:
    """Pairs of near-duplicates among `n` photos. Beside the pairs it holds a few numbers a photo in memory.

    Args:
        vectors: ``(n, dim) float32``, the photos' embeddings.
        thumbnails: ``(n, 32, 32) uint8``, the whole photos squashed, in grey.

    Returns:
        ``(i, j)`` with ``i < j``, sorted: enough to connect a cluster, not all pairs of a large one.
    """
    telling = np.flatnonzero(_contrast(thumbnails) >= _LEAST_CONTRAST)
    if len(telling) < 2:
        return []
    vectors, thumbnails = some_rows(vectors, telling), some_rows(thumbnails, telling)
    whiten = fit_whitening(thumbnails)
    whitened = _whitened(whiten, thumbnails)
    by_thumbnail = _nearest_others(whitened, NEAREST)
    by_vector = _nearest_others(project(vectors), NEAREST_BY_VECTOR)
    photos = _Photos(vectors, thumbnails, whitened, by_thumbnail)

    def found(start: int) -> Pairs:
        """Of some rows, the pairs that show the same photo."""
        rows = np.arange(start, min(start + _ROWS, len(telling)))
        parts = [block[_same_photo(block, photos, whiten)] for block in blocks(pairs_of(rows, by_thumbnail, by_vector))]
        return np.concatenate([np.empty((0, 2), np.int64), *parts])

    with blas_threads(0), ThreadPoolExecutor(cores()) as pool:
        pairs = np.concatenate(list(pool.map(found, range(0, len(telling), _ROWS))))
    return [(i, j) for i, j in telling[pairs[np.lexsort(pairs.T[::-1])]].tolist()]


@dataclass(frozen=True)
class _Photos:
    """What is known of `n` photos."""

    vectors: Rows  # (n, dim)
    thumbnails: Rows  # (n, 32, 32) uint8
    whitened: Rows  # (n, 256)
    by_thumbnail: Rows  # (n, k), those that look most like it


def _contrast(thumbnails: Rows) -> Float:
    """``(n,)`` grey levels."""
    parts = [block.astype(np.float32).std((1, 2)) for block in blocks(thumbnails)]
    return np.concatenate([*parts, np.empty(0, np.float32)])


def _same_photo(pairs: Pairs, photos: _Photos, whiten: Whiten) -> NDArray[np.bool_]:
    """Which pairs show the same photo, ``(p,)``: as they lie, or one laid onto the other."""
    i, j = pairs.T
    same = _agree(photos.whitened[i], photos.whitened[j], _SAME)
    agreeing = np.flatnonzero(same)
    same[agreeing] = _stand_out(pairs[agreeing], photos)
    alike = _cosine(photos.vectors[i], photos.vectors[j]) >= _SAME_VECTOR
    rest = np.flatnonzero(~same & alike)
    same[rest] = _same_when_laid(pairs[rest], photos, whiten)
    return same


def _stand_out(pairs: Pairs, photos: _Photos) -> NDArray[np.bool_]:
    """Whether the two agree in more than a rare kind's common look, such as that of a tenth of all cells."""
    i, j = pairs.T
    one: Float = photos.whitened[i]
    two: Float = photos.whitened[j]
    usual = (_usual(i, photos) + _usual(j, photos)) / np.float32(2)
    out: NDArray[np.bool_] = _cosine(one - usual, two - usual) >= _SAME_APART
    return out | (_cosine(one, two) >= _SAME_BLAND)  # (a large cluster of copies has little else in common)


def _usual(rows: NDArray[np.int64], photos: _Photos) -> Float:
    """What those that look most like each of ``(p,)`` photos have in common, ``(p, 256)``.

    The sum of each one's nearest over 16, so that a few are outweighed by the set's mean, which is 0.
    """
    return np.asarray(photos.whitened[photos.by_thumbnail[rows]].sum(1) / np.float32(NEAREST), np.float32)


def _whitened(whiten: Whiten, thumbnails: Rows) -> Table:
    """``(n, 256)``"""
    rows = Table(len(thumbnails), (HALF**2,), np.float32)
    for block in blocks(thumbnails):
        rows.add(whiten(block))
    return rows


def _cosine(one: Float, two: Float) -> Float:
    return np.asarray(np.einsum("pd,pd->p", unit_rows(one), unit_rows(two)))


def _same_when_laid(pairs: Pairs, photos: _Photos, whiten: Whiten) -> NDArray[np.bool_]:
    same = np.zeros(len(pairs), np.bool_)
    fits, turned, places = guess(*(photos.thumbnails[side].astype(np.float32) for side in pairs.T))
    i, j = np.where(turned[:, None], pairs[fits, ::-1], pairs[fits]).T  # j lies within i
    one, two = (photos.thumbnails[side].astype(np.float32) for side in (i, j))
    places = align(one, two, places)
    onto_two = _agree(whiten(lay(one, two, places)), photos.whitened[j], _SAME_LAID)
    onto_one = _agree(whiten(lay(two, one, inverse(places))), photos.whitened[i], _SAME_LAID)
    same[fits] = (onto_two | onto_one) & (detail(one, two, places) >= _SAME_DETAIL)
    return same


def _agree(one: Float, two: Float, least: float) -> NDArray[np.bool_]:
    """Whether whitened thumbnails ``(p, 256)`` agree by cosine: by `least`, and more the blander they are.

    Chance makes any two of short length agree, since they differ from the set's mean in a few ways only.
    """
    products = np.einsum("pd,pd->p", one, two)
    energy = np.sqrt(np.einsum("pd,pd->p", one, one) * np.einsum("pd,pd->p", two, two))
    agree: NDArray[np.bool_] = products >= np.minimum(_SAME_BLAND * energy, least * (energy + _BLAND))
    return agree
