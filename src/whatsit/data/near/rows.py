"""What the search for near-duplicates computes with: tables of rows, lenses for thumbnails, and whitening.

A `Table` holds rows of numbers: in memory while they are few, in a nameless temporary file where they are many. The
search reads rows again and again, by blocks, and never needs them whole. So the file is mapped, and its pages are
handed back to the system whenever enough of them have been touched: they are no memory that others lack.

Lenses are small linear operators on 32 x 32 thumbnails: shrink, blur, and look from another place. Whitening takes what
a set's thumbnails have in common off them, and divides each direction by its spread in the set. The module does not
know which photos are near-duplicates.
"""

import mmap
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from whatsit.errors import DatasetError

Index = slice | NDArray[np.integer[Any]]
IN_MEMORY = 4 << 20  # bytes of a table that stays in memory
TOUCHED = 64 << 20  # bytes of pages, after which they are handed back
PAGE = 4096


class Rows(Protocol):
    """Of n rows, some: as NumPy's arrays have it."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any, /) -> NDArray[Any]: ...


@dataclass(frozen=True)
class Chosen:
    """Some rows of others, without a copy."""

    rows: Rows
    which: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.which), *self.rows.shape[1:])

    def __len__(self) -> int:
        return len(self.which)

    def __getitem__(self, index: Index) -> NDArray[Any]:
        return self.rows[self.which[index]]


def some_rows(rows: Rows, which: NDArray[np.int64]) -> Rows:
    """which: (m,) ascending; where these are all, the rows themselves."""
    return rows if len(which) == len(rows) else Chosen(rows, which)


class Table:
    """Collects up to `most` rows of one shape and type, in order. Read what is there by a slice or by places.

    Raises DatasetError where the temporary file cannot be written.
    """

    def __init__(self, most: int, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        self._row, self._type = shape, np.dtype(dtype)
        self._bytes = prod(shape) * self._type.itemsize  # of a row
        self._count = self._touched = 0
        self._map: mmap.mmap | None = None
        self._file = None
        small = most * self._bytes <= IN_MEMORY
        self._rows: NDArray[Any] = np.empty((most if small else 0, *shape), self._type)
        if not small:
            import tempfile  # which takes a moment, and a server of few photos needs none

            try:
                self._file = tempfile.TemporaryFile(prefix="whatsit-")  # noqa: SIM115 (lives as long as the table)
            except OSError as error:
                raise _no_room(error) from error
            weakref.finalize(self, self._file.close)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self._count, *self._row)

    def __len__(self) -> int:
        return self._count

    def add(self, rows: NDArray[Any]) -> None:
        """rows: (m, …) of the table's shape."""
        if self._file is None:
            self._rows[self._count : self._count + len(rows)] = rows
        else:
            self._map = None  # (mapped anew, with what is new)
            try:
                self._file.write(np.ascontiguousarray(rows, self._type).data)
            except OSError as error:
                raise _no_room(error) from error
        self._count += len(rows)

    def __getitem__(self, index: Index) -> NDArray[Any]:
        """A copy of the rows, where they lie in a file."""
        if self._file is None:
            return self._rows[: self._count][index]
        if not self._count:
            return self._rows[index]
        mapped = self._mapped()
        found = np.array(np.frombuffer(mapped, self._type).reshape(self.shape)[index])
        each = self._bytes if isinstance(index, slice) else max(self._bytes, PAGE)
        self._touched += each * (found.size // max(1, prod(self._row)))
        if self._touched > TOUCHED and hasattr(mapped, "madvise"):
            self._touched = 0
            mapped.madvise(mmap.MADV_DONTNEED)
        return found

    def _mapped(self) -> mmap.mmap:
        if self._map is None:
            assert self._file is not None
            try:
                self._file.flush()
            except OSError as error:
                raise _no_room(error) from error
            self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        return self._map


def _no_room(error: OSError) -> DatasetError:
    import tempfile

    reason = error.strerror or str(error)
    return DatasetError(
        f"{tempfile.gettempdir()}: no room for a temporary file of many photos' thumbnails and vectors ({reason}). "
        "Free some space, or set TMPDIR to a folder on another disk"
    )


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
