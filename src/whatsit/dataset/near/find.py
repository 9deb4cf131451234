"""Find near-duplicates: the same photo again, re-encoded, resized, cropped a little or brightened.

Split apart, such pairs let a classifier be tested on what it has learned by heart. Two steps find them:

1. Candidates: each photo's nearest ones by vector (which sees through a crop) and by thumbnail (which sees
   through compression of photos that all look alike).
2. A check on the 32 x 32 thumbnails: as they are, and after one is laid onto the other (two shifts, two scales).

The check must not pair photos that merely share a layout, such as solar cells, all with the same bars. So
thumbnails are compared *whitened*: less what the set has in common, each way they differ by its rarity in the
set. The bounds were chosen on one half of six sets and reported on the other (`benchmarks/RESULTS.md`), but for
`_SAME_APART` and the prior of the whitening, which were set in sight of both. It knows neither files nor labels, nor
how the vectors came about; mirrored and rotated copies are not looked for.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whatsit.dataset.near.alignment import align, detail, guess, inverse, lay
from whatsit.dataset.near.candidates import NEAREST, NEAREST_BY_VECTOR, nearest, pairs_of, project
from whatsit.dataset.near.lenses import HALF, Float, Pairs, blocks, unit_rows
from whatsit.dataset.near.rows import Rows, Table, some_rows
from whatsit.dataset.near.whitening import Whiten, fit_whitening
from whatsit.machine import blas_threads, cores

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
    by_thumbnail, by_vector = nearest(whitened, NEAREST), nearest(project(vectors), NEAREST_BY_VECTOR)
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
