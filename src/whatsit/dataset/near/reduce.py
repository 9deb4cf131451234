"""Vectors of many photos that come one by one, kept small."""

import numpy as np

from whatsit.dataset.near.candidates import main_directions
from whatsit.dataset.near.lenses import Float
from whatsit.dataset.near.rows import Rows, Table

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
