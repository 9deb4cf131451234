"""Small linear operators on 32 x 32 thumbnails: shrink, blur, and see from another place."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatsit.dataset.near.rows import Rows

Float = NDArray[np.float32]
Pairs = NDArray[np.int64]  # (p, 2)
Grey = NDArray[np.uint8] | Float  # (b, 32, 32)

BLOCK = 512  # rows, or pairs, at once
SIDE, HALF = 32, 16  # of a thumbnail, and of what is whitened: finer detail differs between copies


def blocks(rows: Rows) -> Iterator[NDArray[Any]]:
    return (rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK))


def unit_rows(rows: Float) -> Float:
    """Rows of length 1, or 0."""
    unit: Float = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-12))
    return unit


def through(lens: Float, images: Grey) -> Float:
    """A lens ``(m, s)`` for columns and rows of images: ``(p, s, s)`` → ``(p, m, m)``."""
    return np.asarray(lens @ images @ lens.T, np.float32)


def warp(images: list[Float], places: Float) -> tuple[list[Float], Float]:
    """Each of the images ``(p, s, s)`` as seen from its placement, and where that lies inside, 0 or 1."""
    side = images[0].shape[1]
    u = positions(side)
    x, y = (places[:, k : k + 1] + (1 + places[:, k + 1 : k + 2]) * u for k in (0, 2))  # (p, s)
    inside_x, inside_y = ((np.abs(at) <= 1).astype(np.float32) for at in (x, y))
    across, down = interpolation(x, side), interpolation(y, side)  # (p, s, s)
    turned = across.transpose(0, 2, 1)
    seen = [np.asarray(down @ image @ turned, np.float32) for image in images]
    return seen, inside_y[:, :, None] * inside_x[:, None, :]


def interpolation(at: Float, side: int) -> Float:
    """Positions ``(p, m)`` in halves of the image → weights ``(p, m, side)`` of linear interpolation."""
    pixel = np.clip((at + 1) * (side / 2) - 0.5, 0, side - 1)
    weights: Float = np.maximum(0, 1 - np.abs(pixel[:, :, None] - np.arange(side))).astype(np.float32)
    return weights


@cache
def positions(side: int) -> Float:
    """The pixels' centres, from -1 to 1 at the image's edges."""
    return np.asarray((2 * np.arange(side) + 1) / side - 1, np.float32)


@cache
def blur_lens(sigma: float) -> Float:
    """``(32, 32)``: Gaussian blur of a column of pixels, the edge pixel repeated beyond the edge."""
    if sigma == 0:
        return np.eye(SIDE, dtype=np.float32)
    reach = int(4 * sigma + 0.5)
    rows, offsets = np.ogrid[:SIDE, -reach : reach + 1]
    matrix = np.zeros((SIDE, SIDE))
    weights = np.broadcast_to(np.exp(-0.5 * (offsets / sigma) ** 2), (SIDE, 2 * reach + 1))
    np.add.at(matrix, (np.broadcast_to(rows, weights.shape), np.clip(rows + offsets, 0, SIDE - 1)), weights)
    return np.asarray(matrix / matrix.sum(1, keepdims=True), np.float32)


@cache
def shrink_lens(sigma: float) -> Float:
    """``(16, 32)``: blur, then the mean of each two pixels."""
    return np.asarray(np.repeat(np.eye(HALF) / 2, 2, axis=1) @ blur_lens(sigma), np.float32)
