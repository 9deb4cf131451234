"""What training leaves in a saved model: the head, and the references of the out-of-distribution score."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from whatsit.data.near.neighbours import nearest, search

Array = NDArray[np.float32]

MAX_REFERENCES = 1000  # 2.5 MB in a model folder; more gained nothing measurable
AT_ONCE = 1024  # photos whose neighbours are searched together


def _none() -> Array:
    return np.empty(0, np.float32)


@dataclass(frozen=True)
class OutOfDistributionScore:
    """How similar a photo is to the training photos (the references), and the limit below which it is unlike them."""

    references: NDArray[np.float16]  # (m, dim) of length 1
    limit: float
    reference_rows: NDArray[np.int64]  # (m,) which of the training photos the references are
    # (n,) similarity of each training photo to the references that are not its copies
    train_similarity: NDArray[np.float32] = field(default_factory=_none)

    def similarity(self, x: Array) -> Array:
        """(n, dim) → (n,) cosine to the nearest reference."""
        references = self.references.astype(np.float32)
        return nearest(x, references, 1, at_once=AT_ONCE).cosines[:, 0]


@dataclass(frozen=True)
class LinearHead:
    """logits = x @ weight + bias, on raw (not standardised) embeddings."""

    weight: Array  # (dim, classes)
    bias: Array  # (classes,)

    def logits(self, x: Array) -> Array:
        """(n, dim) → (n, classes)."""
        out: Array = x @ self.weight + self.bias
        return out


@dataclass(frozen=True)
class MLPHead:
    """logits = max(0, x @ hidden_weight + hidden_bias) @ weight + bias, on raw embeddings."""

    hidden_weight: Array  # (dim, hidden)
    hidden_bias: Array  # (hidden,)
    weight: Array  # (hidden, classes)
    bias: Array  # (classes,)

    def logits(self, x: Array) -> Array:
        """(n, dim) → (n, classes)."""
        hidden = np.maximum(x @ self.hidden_weight + self.hidden_bias, 0)
        out: Array = hidden @ self.weight + self.bias
        return out


class Head(Protocol):
    """What fitting learned: raw embeddings (n, dim) → logits (n, classes)."""

    def logits(self, x: Array) -> Array: ...


@dataclass(frozen=True)
class NeighbourHead:
    """k nearest neighbours by cosine; the logit is the log of a class's smoothed share of the votes."""

    directions: Array  # (n_train, dim), of length 1
    votes: Array  # (n_train, classes), one-hot times the weight of the image
    k: int
    smoothing: float = 0.5  # added to every class's votes (Krichevsky & Trofimov 1981), so that no logit is −∞

    def logits(self, x: Array) -> Array:
        """(n, dim) → (n, classes)."""
        found = search(x, self.directions, self.k, unit_queries=True, unit_stored=True, at_once=AT_ONCE)
        votes = [self.votes[neighbours.places].sum(axis=1) for neighbours in found]  # (b, classes) each
        none = np.empty((0, self.votes.shape[1]), np.float32)
        out: Array = np.log(np.concatenate([none, *votes]) + np.float32(self.smoothing))
        return out
