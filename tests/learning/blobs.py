"""Embeddings drawn from a seed: classes as overlapping clouds, columns of very unlike scales, as networks give."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Labels = NDArray[np.int64]


def blobs(n: int, dim: int, classes: int, *, apart: float = 1.0, seed: int = 0) -> tuple[Array, Labels]:
    """(n, dim) and (n,): `apart` is the distance of the class means, in standard deviations a column."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    centres = rng.normal(0, apart / np.sqrt(2), (classes, dim))
    scale, shift = 10.0 ** rng.uniform(-2, 2, dim), rng.normal(0, 3, dim)
    x = (centres[labels] + rng.normal(size=(n, dim)) + shift) * scale
    return x.astype(np.float32), labels


def folds_of(n: int, k: int = 4, seed: int = 1) -> Labels:
    return np.random.default_rng(seed).permutation(np.arange(n) % k)
