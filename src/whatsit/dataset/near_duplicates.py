"""Find near-duplicates: the same photo again, re-encoded, resized, cropped a little or brightened.

Split apart, such pairs let a classifier be tested on what it has learned by heart. Two steps find them:

1. Candidates: each photo's nearest ones by vector (which sees through a crop) and by thumbnail (which sees
   through compression of photos that all look alike).
2. A check on the 32 x 32 thumbnails: as they are, and after one is laid onto the other (two shifts, two scales).

The check must not pair photos that merely share a layout, such as solar cells, all with the same bars. So
thumbnails are compared *whitened*: less what the set has in common, each way they differ by its rarity in the
set. Every figure here was chosen on one half of six sets and reported on the other (`benchmarks/`). It knows
neither files nor labels, nor how the vectors came about; mirrored and rotated copies are not looked for.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Pairs = NDArray[np.int64]  # (p, 2)
Grey = NDArray[np.uint8] | Float  # (b, 32, 32)
Whiten = Callable[[Grey], Float]  # (b, 32, 32) → (b, 256)

_SAME = 0.77  # the least whitened cosine of two thumbnails as they lie, if they have much to be told by
_SAME_APART = 0.60  # and the least one of what sets them apart from their nearest
_SAME_LAID = 0.85  # and of one laid onto the other, which is free to fit; then also:
_SAME_DETAIL = 0.80  # the least correlation of fine detail,
_SAME_VECTOR = 0.60  # and the least cosine of the vectors
_SAME_BLAND = 0.96  # the whitened cosine that is always enough, however little there is to be told by
_BLAND = 8.0  # squared whitened length at which the first two bounds have doubled
_NEAREST = 16  # candidates a photo, by vector and by thumbnail
_PROJECTED = 128  # dimensions of a vector that candidates are searched in
_LEAST_CONTRAST = 3.0  # standard deviation in grey levels; a flatter thumbnail tells nothing
_PRIOR_IMAGES = 100.0  # as many images as the prior counts for, beside the set's own
_NOISE = 0.01  # variance of copying, of each coefficient, where an image's pixels have a variance of 1
_BLOCK = 512  # rows, or pairs, at once: 0.2 GB of cosines where n is 100,000

_SIDE, _HALF = 32, 16  # of a thumbnail, and of what is whitened: finer detail differs between copies


def near_duplicates(vectors: Float, thumbnails: NDArray[np.uint8]) -> list[tuple[int, int]]:
    """Pairs of near-duplicates among `n` photos.

    Args:
        vectors: ``(n, dim) float32``, the photos' embeddings.
        thumbnails: ``(n, 32, 32) uint8``, the whole photos squashed, in grey.

    Returns:
        ``(i, j)`` with ``i < j``, sorted: enough to connect a cluster, not all pairs of a large one.
    """
    telling = np.flatnonzero(_contrast(thumbnails) >= _LEAST_CONTRAST)
    if len(telling) < 2:
        return []
    thumbnails = thumbnails[telling]
    whiten = _fit_whitening(thumbnails)
    unit, whitened = _unit(vectors[telling]), np.concatenate(list(map(whiten, _blocks(thumbnails))))
    by_thumbnail = _nearest(_unit(whitened))  # (n, k)
    pairs = _unique(_nearest(_project(unit)), by_thumbnail)
    photos = _Photos(unit, thumbnails, whitened, _usual(whitened, by_thumbnail))
    same = np.concatenate([_same_photo(block, photos, whiten) for block in _blocks(pairs)])
    return [(i, j) for i, j in telling[pairs[same]].tolist()]


@dataclass(frozen=True)
class _Photos:
    """What is known of `n` photos."""

    vectors: Float  # (n, dim), of length 1
    thumbnails: NDArray[np.uint8]  # (n, 32, 32)
    whitened: Float  # (n, 256)
    usual: Float  # (n, 256), what those that look most like it have in common


def _blocks(rows: NDArray) -> Iterator[NDArray]:  # type: ignore[type-arg]
    return (rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK))


def _contrast(thumbnails: NDArray[np.uint8]) -> Float:
    """``(n,)`` grey levels."""
    parts = [block.astype(np.float32).std((1, 2)) for block in _blocks(thumbnails)]
    return np.concatenate([*parts, np.empty(0, np.float32)])


def _unit(rows: Float) -> Float:
    """Rows of length 1, or 0."""
    unit: Float = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-12))
    return unit


def _through(lens: Float, images: Grey) -> Float:
    """A lens ``(m, s)`` for columns and rows of images: ``(p, s, s)`` → ``(p, m, m)``."""
    return np.asarray(lens @ images @ lens.T, np.float32)


# --- candidates ---


def _project(unit: Float) -> Float:
    """``(n, dim)`` → ``(n, at most 128)``, again of length 1: the set's main directions."""
    if unit.shape[1] <= _PROJECTED or len(unit) <= unit.shape[1]:  # a small set's search is quick as it is
        return unit
    _, directions = np.linalg.eigh(unit.T @ unit)  # ascending
    return _unit(unit @ directions[:, -_PROJECTED:])


def _nearest(unit: Float) -> NDArray[np.int64]:
    """The 16 nearest of each row by cosine, exactly: ``(n, 16)``, or all others of fewer."""
    n, count = len(unit), min(_NEAREST, len(unit) - 1)
    found = []
    for start in range(0, n, _BLOCK):
        cosines = unit[start : start + _BLOCK] @ unit.T  # (512, n)
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


def _unique(*nearest: NDArray[np.int64]) -> Pairs:
    """Each row of ``(n, k)`` with each of its nearest: every pair once, ``i < j``, sorted."""
    n = len(nearest[0])
    rows = np.arange(n)[:, None]
    codes = np.unique([np.minimum(rows, others) * n + np.maximum(rows, others) for others in nearest])
    return np.stack([codes // n, codes % n], axis=1)


# --- the check ---


def _same_photo(pairs: Pairs, photos: _Photos, whiten: Whiten) -> NDArray[np.bool_]:
    """Which pairs show the same photo, ``(p,)``: as they lie, or one laid onto the other."""
    i, j = pairs.T
    same = _agree(photos.whitened[i], photos.whitened[j], _SAME) & _stand_out(pairs, photos)
    alike = np.einsum("pd,pd->p", photos.vectors[i], photos.vectors[j]) >= _SAME_VECTOR
    rest = np.flatnonzero(~same & alike)
    same[rest] = _same_when_laid(pairs[rest], photos, whiten)
    return same


def _stand_out(pairs: Pairs, photos: _Photos) -> NDArray[np.bool_]:
    """Whether the two agree in more than a rare kind's common look, such as that of a tenth of all cells."""
    one, two = (photos.whitened[side] for side in pairs.T)
    usual = (photos.usual[pairs[:, 0]] + photos.usual[pairs[:, 1]]) / 2
    out: NDArray[np.bool_] = _cosine(one - usual, two - usual) >= _SAME_APART
    return out | (_cosine(one, two) >= _SAME_BLAND)  # (a large cluster of copies has little else in common)


def _usual(whitened: Float, nearest: NDArray[np.int64]) -> Float:
    """The sum of each one's nearest over 16, so that a few are outweighed by the set's mean, which is 0."""
    return np.concatenate([whitened[rows].sum(1) / np.float32(_NEAREST) for rows in _blocks(nearest)])


def _cosine(one: Float, two: Float) -> Float:
    return np.asarray(np.einsum("pd,pd->p", _unit(one), _unit(two)))


def _same_when_laid(pairs: Pairs, photos: _Photos, whiten: Whiten) -> NDArray[np.bool_]:
    same = np.zeros(len(pairs), np.bool_)
    fits, turned, places = _guess(*(photos.thumbnails[side].astype(np.float32) for side in pairs.T))
    i, j = np.where(turned[:, None], pairs[fits, ::-1], pairs[fits]).T  # j lies within i
    one, two = (photos.thumbnails[side].astype(np.float32) for side in (i, j))
    places = _align(one, two, places)
    onto_two = _agree(whiten(_lay(one, two, places)), photos.whitened[j], _SAME_LAID)
    onto_one = _agree(whiten(_lay(two, one, _inverse(places))), photos.whitened[i], _SAME_LAID)
    same[fits] = (onto_two | onto_one) & (_detail(one, two, places) >= _SAME_DETAIL)
    return same


def _agree(one: Float, two: Float, least: float) -> NDArray[np.bool_]:
    """Whether whitened thumbnails ``(p, 256)`` agree by cosine: by `least`, and more the blander they are.

    Chance makes any two of short length agree, since they differ from the set's mean in a few ways only.
    """
    products = np.einsum("pd,pd->p", one, two)
    energy = np.sqrt(np.einsum("pd,pd->p", one, one) * np.einsum("pd,pd->p", two, two))
    agree: NDArray[np.bool_] = products >= np.minimum(_SAME_BLAND * energy, least * (energy + _BLAND))
    return agree


def _fit_whitening(thumbnails: NDArray[np.uint8]) -> Whiten:
    """Learn from a set how its thumbnails differ. Returns ``(b, 32, 32)`` grey levels → ``(b, 256)``.

    Mean and covariance are those of the set with 100 imagined images, so that a small set has a covariance as
    well. The whitening is PCA's, with the noise of copying as its floor.
    """
    total, moment = np.zeros(_HALF**2), np.zeros((_HALF**2, _HALF**2))
    for block in _blocks(thumbnails):
        rows = _coefficients(block)
        total += rows.sum(0)
        moment += rows.T @ rows
    weight = len(thumbnails) + _PRIOR_IMAGES
    mean = total / weight
    covariance = (moment + _PRIOR_IMAGES * np.diag(_prior_spectrum())) / weight - np.outer(mean, mean)
    variances, directions = np.linalg.eigh(covariance)
    unmix = (directions / np.sqrt(np.maximum(variances, 0) + _NOISE)).astype(np.float32)
    centre = mean.astype(np.float32)
    return lambda grey: np.asarray((_coefficients(grey) - centre) @ unmix)


def _coefficients(grey: Grey) -> Float:
    """``(b, 32, 32)`` → ``(b, 256)``: cosine transform at half the size, of mean 0 and pixels of variance 1."""
    transform = _cosines() @ _shrink(0.0)  # (16, 32)
    rows = _through(transform, grey).reshape(len(grey), _HALF**2)
    rows[:, 0] = 0
    length = np.sqrt((rows * rows).sum(1, keepdims=True) + np.float32(4 * _HALF**2))  # (of a contrast of 2 more)
    return np.asarray(rows * (_HALF / length), np.float32)


@cache
def _cosines() -> Float:
    """The orthonormal cosine transform of 16 values."""
    k, x = np.ogrid[:_HALF, :_HALF]
    rows = np.cos(np.pi * k * (2 * x + 1) / (2 * _HALF)) * np.sqrt(2 / _HALF)
    rows[0] /= np.sqrt(2)
    return np.asarray(rows, np.float32)


def _prior_spectrum() -> NDArray[np.float64]:
    """Variances ``(256,)`` of the coefficients, as 1 / frequency, with pixels of variance 1.

    Natural images have 1 / f² (Field 1987). Whitening by that weighs fine detail so much that of ten photos'
    crops a fifth was missed.
    """
    k = np.arange(_HALF, dtype=np.float64)
    power = 1 / np.maximum(np.hypot(k[:, None], k), 1).ravel()
    power[0] = 0
    return np.asarray(power * (_HALF**2 / power.sum()))


# --- alignment ---
# A placement is (shift x, stretch x, shift y, stretch y), in halves of the image: where in `one` each pixel of
# `two` lies. It is guessed on a grid, then mended by Gauss-Newton on brightness (Lucas & Kanade 1981).

_CUTS = (0.0, 0.07)  # what the guess tries to cut off each of the four sides, of 1
_GUESS_FITS = 0.85  # correlation of the best guess, below which a pair is given up
_LEVELS = ((_HALF, 1.5, 4), (_SIDE, 0.7, 3))  # side, blur in thumbnail pixels, steps
_FURTHEST = 0.25  # a crop of 10 % off every side is a stretch of 0.2


def _guess(one: Float, two: Float) -> tuple[NDArray[np.int64], NDArray[np.bool_], Float]:
    """Try to find each image of ``(p, 32, 32)`` in the other, cut by 0 or 7 % at each side.

    Returns:
        For the pairs that may fit, ``(f,)``: which they are, whether `one` lies in `two` rather than `two` in
        `one`, and the placement ``(f, 4)``.
    """
    views = [_views(one), _views(two)]  # (p, 16, 64), the first of the 16 uncut
    found = [np.einsum("pkd,pd->pk", views[k], views[1 - k][:, 0]) for k in (0, 1)]
    best = [correlations.max(1) for correlations in found]
    fits = np.flatnonzero(np.maximum(*best) >= _GUESS_FITS)
    turned = best[1][fits] > best[0][fits]
    which = np.where(turned, found[1][fits].argmax(1), found[0][fits].argmax(1))
    return fits, turned, _cuts()[1][which]


def _views(grey: Float) -> Float:
    """``(p, 32, 32)`` → ``(p, 16, 64)``: cut in 16 ways, at 8 x 8 pixels, each of mean 0 and length 1."""
    lens, places = _cuts()
    cut = _through(lens, grey).reshape(len(grey), 4, 8, 4, 8)  # (p, y cuts, y, x cuts, x)
    rows = cut.transpose(0, 1, 3, 2, 4).reshape(-1, 64)
    return _unit(rows - rows.mean(1, keepdims=True)).reshape(len(grey), len(places), 64)


@cache
def _cuts() -> tuple[Float, Float]:
    """A lens that blurs 32 pixels and sees 8 of them, in 4 ways; and the 16 placements ``(16, 4)``."""
    one_way = np.array([(a - b, -a - b) for a in _CUTS for b in _CUTS], np.float32)  # shift, stretch
    at = one_way[:, :1] + (1 + one_way[:, 1:]) * _positions(8)  # (4, 8)
    lens = _interpolation(at.reshape(1, -1), _SIDE)[0] @ _blur(2.0)
    places = np.array([(*x, *y) for y in one_way for x in one_way], np.float32)
    return lens, places


def _align(one: Float, two: Float, places: Float) -> Float:
    """The placements ``(p, 4)`` mended, of `two` in `one`, both ``(p, 32, 32)``."""
    for side, blur, steps in _LEVELS:
        lens = _shrink(blur) if side == _HALF else _blur(blur)
        a, b = _through(lens, one), _through(lens, two)
        for _ in range(steps):
            places = _step(a, b, places)
    return places


def _inverse(places: Float) -> Float:
    """Where `one` lies in `two`."""
    shift, stretch = places[:, 0::2], places[:, 1::2]
    inverse: Float = np.stack([-shift / (1 + stretch), 1 / (1 + stretch) - 1], axis=2).reshape(len(places), 4)
    return inverse


def _step(a: Float, b: Float, places: Float) -> Float:
    """One Gauss-Newton step over gain, offset and placement; ``a``, ``b`` are ``(p, s, s)``."""
    p, side, _ = a.shape
    u = _positions(side)
    slope_x, slope_y = (np.asarray(np.gradient(a, 2 / side, axis=axis), np.float32) for axis in (2, 1))
    (moved, dx, dy), mask = _warp([a, slope_x, slope_y], places)
    moved, target, gain = _matched(moved, b, mask)
    columns = [moved, mask, dx * gain, dx * gain * u, dy * gain, dy * gain * u[:, None]]
    jacobian = np.stack([(c * mask).reshape(p, side * side) for c in columns], axis=1)  # (p, 6, s²)
    residual = (target - gain * moved).reshape(p, side * side, 1)
    normal = jacobian @ jacobian.transpose(0, 2, 1)
    diagonal = np.einsum("pii->pi", normal)
    diagonal += diagonal * 1e-3 + diagonal.mean(1, keepdims=True) * 1e-4 + 1e-3  # (damped, and never singular)
    change = np.linalg.solve(normal, jacobian @ residual)[:, 2:, 0]
    moved_on: Float = np.clip(places + np.clip(change, -0.1, 0.1), -_FURTHEST, _FURTHEST)
    return moved_on


def _matched(moved: Float, b: Float, mask: Float) -> tuple[Float, Float, Float]:
    """Both of mean 0 where they overlap, and the gain ``(p, 1, 1)`` from the first to the second."""
    moved, target = (moved - _mean(moved, mask)) * mask, (b - _mean(b, mask)) * mask
    gain = (moved * target).sum((1, 2)) / ((moved * moved).sum((1, 2)) + np.float32(1e-3))
    return moved, target, np.clip(gain, 0.3, 3)[:, None, None]


def _mean(x: Float, mask: Float) -> Float:
    mean: Float = (x * mask).sum((1, 2), keepdims=True) / (mask.sum((1, 2), keepdims=True) + np.float32(1e-6))
    return mean


def _detail(one: Float, two: Float, places: Float) -> Float:
    """Correlation ``(p,)`` of what is finer than about three pixels, where they overlap."""
    soft, wide = _blur(0.5), _blur(1.5)
    (moved,), mask = _warp([_through(soft, one)], places)
    fine = (x - _through(wide, x) for x in (moved, _through(soft, two)))
    a, b = ((x - _mean(x, mask)) * mask for x in fine)
    lengths = (a * a).sum((1, 2)) * (b * b).sum((1, 2))
    correlation: Float = (a * b).sum((1, 2)) / np.sqrt(lengths + np.float32(1e-3))
    return correlation


def _lay(one: Float, two: Float, places: Float) -> Float:
    """`one` laid onto `two` in its brightness; where `one` has nothing, `two` itself. All ``(p, 32, 32)``."""
    (moved,), mask = _warp([one], places)
    centred, _, gain = _matched(moved, two, mask)
    laid: Float = np.where(mask > 0, gain * centred + _mean(two, mask), two)
    return laid


def _warp(images: list[Float], places: Float) -> tuple[list[Float], Float]:
    """Each of the images ``(p, s, s)`` as seen from its placement, and where that lies inside, 0 or 1."""
    side = images[0].shape[1]
    u = _positions(side)
    x, y = (places[:, k : k + 1] + (1 + places[:, k + 1 : k + 2]) * u for k in (0, 2))  # (p, s)
    inside_x, inside_y = ((np.abs(at) <= 1).astype(np.float32) for at in (x, y))
    across, down = _interpolation(x, side), _interpolation(y, side)  # (p, s, s)
    turned = across.transpose(0, 2, 1)
    seen = [np.asarray(down @ image @ turned, np.float32) for image in images]
    return seen, inside_y[:, :, None] * inside_x[:, None, :]


def _interpolation(at: Float, side: int) -> Float:
    """Positions ``(p, m)`` in halves of the image → weights ``(p, m, side)`` of linear interpolation."""
    pixel = np.clip((at + 1) * (side / 2) - 0.5, 0, side - 1)
    weights: Float = np.maximum(0, 1 - np.abs(pixel[:, :, None] - np.arange(side))).astype(np.float32)
    return weights


@cache
def _positions(side: int) -> Float:
    """The pixels' centres, from -1 to 1 at the image's edges."""
    return np.asarray((2 * np.arange(side) + 1) / side - 1, np.float32)


@cache
def _blur(sigma: float) -> Float:
    """``(32, 32)``: Gaussian blur of a column of pixels, the edge pixel repeated beyond the edge."""
    if sigma == 0:
        return np.eye(_SIDE, dtype=np.float32)
    reach = int(4 * sigma + 0.5)
    rows, offsets = np.ogrid[:_SIDE, -reach : reach + 1]
    matrix = np.zeros((_SIDE, _SIDE))
    weights = np.broadcast_to(np.exp(-0.5 * (offsets / sigma) ** 2), (_SIDE, 2 * reach + 1))
    np.add.at(matrix, (np.broadcast_to(rows, weights.shape), np.clip(rows + offsets, 0, _SIDE - 1)), weights)
    return np.asarray(matrix / matrix.sum(1, keepdims=True), np.float32)


@cache
def _shrink(sigma: float) -> Float:
    """``(16, 32)``: blur, then the mean of each two pixels."""
    return np.asarray(np.repeat(np.eye(_HALF) / 2, 2, axis=1) @ _blur(sigma), np.float32)
