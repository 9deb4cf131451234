"""Lay one thumbnail onto another: where one photo is a crop of the other.

A placement is (shift x, stretch x, shift y, stretch y), in halves of the image: where in `one` each pixel of
`two` lies. It is guessed on a grid, then mended by Gauss-Newton on brightness (Lucas & Kanade 1981).
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from whatsit.data.near.rows import (
    HALF,
    SIDE,
    Float,
    blur_lens,
    interpolation,
    positions,
    shrink_lens,
    through,
    unit_rows,
    warp,
)

_CUTS = (0.0, 0.07)  # what the guess tries to cut off each of the four sides, of 1
_GUESS_FITS = 0.85  # correlation of the best guess, below which a pair is given up
_LEVELS = ((HALF, 1.5, 4), (SIDE, 0.7, 3))  # side, blur in thumbnail pixels, steps
_FURTHEST = 0.25  # a crop of 10 % off every side is a stretch of 0.2


def guess(one: Float, two: Float) -> tuple[NDArray[np.int64], NDArray[np.bool_], Float]:
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
    cut = through(lens, grey).reshape(len(grey), 4, 8, 4, 8)  # (p, y cuts, y, x cuts, x)
    rows = cut.transpose(0, 1, 3, 2, 4).reshape(-1, 64)
    return unit_rows(rows - rows.mean(1, keepdims=True)).reshape(len(grey), len(places), 64)


@cache
def _cuts() -> tuple[Float, Float]:
    """A lens that blurs 32 pixels and sees 8 of them, in 4 ways; and the 16 placements ``(16, 4)``."""
    one_way = np.array([(a - b, -a - b) for a in _CUTS for b in _CUTS], np.float32)  # shift, stretch
    at = one_way[:, :1] + (1 + one_way[:, 1:]) * positions(8)  # (4, 8)
    lens = interpolation(at.reshape(1, -1), SIDE)[0] @ blur_lens(2.0)
    places = np.array([(*x, *y) for y in one_way for x in one_way], np.float32)
    return lens, places


def align(one: Float, two: Float, places: Float) -> Float:
    """The placements ``(p, 4)`` mended, of `two` in `one`, both ``(p, 32, 32)``."""
    for side, blur, steps in _LEVELS:
        lens = shrink_lens(blur) if side == HALF else blur_lens(blur)
        a, b = through(lens, one), through(lens, two)
        for _ in range(steps):
            places = _step(a, b, places)
    return places


def inverse(places: Float) -> Float:
    """Where `one` lies in `two`."""
    shift, stretch = places[:, 0::2], places[:, 1::2]
    inverse: Float = np.stack([-shift / (1 + stretch), 1 / (1 + stretch) - 1], axis=2).reshape(len(places), 4)
    return inverse


def _step(a: Float, b: Float, places: Float) -> Float:
    """One Gauss-Newton step over gain, offset and placement; ``a``, ``b`` are ``(p, s, s)``."""
    p, side, _ = a.shape
    u = positions(side)
    slope_x, slope_y = (np.asarray(np.gradient(a, 2 / side, axis=axis), np.float32) for axis in (2, 1))
    (moved, dx, dy), mask = warp([a, slope_x, slope_y], places)
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


def detail(one: Float, two: Float, places: Float) -> Float:
    """Correlation ``(p,)`` of what is finer than about three pixels, where they overlap."""
    soft, wide = blur_lens(0.5), blur_lens(1.5)
    (moved,), mask = warp([through(soft, one)], places)
    fine = (x - through(wide, x) for x in (moved, through(soft, two)))
    a, b = ((x - _mean(x, mask)) * mask for x in fine)
    lengths = (a * a).sum((1, 2)) * (b * b).sum((1, 2))
    correlation: Float = (a * b).sum((1, 2)) / np.sqrt(lengths + np.float32(1e-3))
    return correlation


def lay(one: Float, two: Float, places: Float) -> Float:
    """`one` laid onto `two` in its brightness; where `one` has nothing, `two` itself. All ``(p, 32, 32)``."""
    (moved,), mask = warp([one], places)
    centred, _, gain = _matched(moved, two, mask)
    laid: Float = np.where(mask > 0, gain * centred + _mean(two, mask), two)
    return laid
