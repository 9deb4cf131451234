"""Whitening: thumbnails less what a set has in common, each way they differ by its rarity in the set."""

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from whatsit.dataset.near.lenses import HALF, Float, Grey, blocks, shrink_lens, through
from whatsit.dataset.near.rows import Rows

Whiten = Callable[[Grey], Float]  # (b, 32, 32) → (b, 256)

_PRIOR_IMAGES = 100.0  # as many images as the prior counts for, beside the set's own
_NOISE = 0.01  # variance of copying, of each coefficient, where an image's pixels have a variance of 1


def fit_whitening(thumbnails: Rows) -> Whiten:
    """Learn from a set how its thumbnails differ. Returns ``(b, 32, 32)`` grey levels → ``(b, 256)``.

    Mean and covariance are those of the set with 100 imagined images, so that a small set has a covariance as
    well. The whitening is PCA's, with the noise of copying as its floor.
    """
    total, moment = np.zeros(HALF**2), np.zeros((HALF**2, HALF**2))
    for block in blocks(thumbnails):
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
    transform = _cosines() @ shrink_lens(0.0)  # (16, 32)
    rows = through(transform, grey).reshape(len(grey), HALF**2)
    rows[:, 0] = 0
    length = np.sqrt((rows * rows).sum(1, keepdims=True) + np.float32(4 * HALF**2))  # (of a contrast of 2 more)
    return np.asarray(rows * (HALF / length), np.float32)


@cache
def _cosines() -> Float:
    """The orthonormal cosine transform of 16 values."""
    k, x = np.ogrid[:HALF, :HALF]
    rows = np.cos(np.pi * k * (2 * x + 1) / (2 * HALF)) * np.sqrt(2 / HALF)
    rows[0] /= np.sqrt(2)
    return np.asarray(rows, np.float32)


def _prior_spectrum() -> NDArray[np.float64]:
    """Variances ``(256,)`` of the coefficients, as 1 / frequency, with pixels of variance 1.

    Natural images have 1 / f² (Field 1987). Whitening by that weighs fine detail so much that of ten photos'
    crops a fifth was missed.
    """
    k = np.arange(HALF, dtype=np.float64)
    power = 1 / np.maximum(np.hypot(k[:, None], k), 1).ravel()
    power[0] = 0
    return np.asarray(power * (HALF**2 / power.sum()))
