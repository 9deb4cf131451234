"""Multinomial logistic regression on standardised embeddings, along a path of penalties.

Minimised is  Σᵢ wᵢ · cross-entropy(yᵢ, softmax(W xᵢ + b)) / Σᵢ wᵢ + λ/2 · ‖W‖²,  by L-BFGS (Liu & Nocedal 1989).

What makes it fast is where it is solved. Böhning (1992) bounds the Hessian by ½ (I − 11ᵀ/K) ⊗ XᵀX/n, for any W and
any labels. So the data is turned once into the eigenbasis of XᵀX/n, where that bound is diagonal: dividing each
coordinate by √(½ eigenvalue + λ) makes the problem nearly round, for every λ, and a few dozen steps suffice where
the raw one takes many hundreds. Directions with next to no variance are dropped, so n images never cost more than n
columns.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whatsit.model.heads import LinearHead

Array = NDArray[np.float32]

MAX_STEPS = 300
SEARCH_TOLERANCE = 1e-5  # relative fall of the loss in a step: enough to rank penalties (docs/log.md)
FINAL_TOLERANCE = 1e-8
VARIANCE_KEPT = 0.999  # share; the directions without it cost half of the time and gain nothing (docs/log.md)


@dataclass(frozen=True)
class Standardised:
    """Embeddings in the eigenbasis of their correlations, and the way back."""

    z: Array  # (n, rank)
    eigenvalues: Array  # (rank,) of XᵀX/n
    basis: Array  # (dim, rank)
    mean: Array  # (dim,)
    std: Array  # (dim,); 1 where a column is constant

    @classmethod
    def of(cls, x: Array) -> "Standardised":
        """x: (n, dim) float32 raw embeddings."""
        mean = x.mean(axis=0, dtype=np.float64).astype(np.float32)
        std = x.std(axis=0, dtype=np.float64).astype(np.float32)
        std[std < 1e-6] = 1
        scaled = (x - mean) / std
        eigenvalues, basis = _eigenbasis(scaled)
        return cls(scaled @ basis, eigenvalues, basis, mean, std)

    def head(self, coefficients: Array, intercept: Array) -> LinearHead:
        """(rank, classes), (classes,) in this basis → the same function of raw embeddings."""
        weight = (self.basis @ coefficients) / self.std[:, None]
        return LinearHead(weight.astype(np.float32), (intercept - self.mean @ weight).astype(np.float32))


def _eigenbasis(scaled: Array) -> tuple[Array, Array]:
    """Eigenvalues (rank,) and eigenvectors (dim, rank) of XᵀX/n, by way of XXᵀ/n where that is smaller."""
    n, dim = scaled.shape
    square = (scaled @ scaled.T if n < dim else scaled.T @ scaled) / n
    eigenvalues, vectors = np.linalg.eigh(square.astype(np.float64))
    below = np.cumsum(np.maximum(eigenvalues, 0))  # ascending
    kept = below > (1 - VARIANCE_KEPT) * below[-1]  # none where all images are the same
    eigenvalues, vectors = eigenvalues[kept], vectors[:, kept]
    basis = (scaled.T @ vectors) / np.sqrt(n * eigenvalues) if n < dim else vectors
    return eigenvalues.astype(np.float32), basis.astype(np.float32)


def balanced_weights(labels: NDArray[np.int64], classes: int) -> Array:
    """(n,): every class weighs the same in all, every image 1 on average."""
    counts = np.bincount(labels, minlength=classes)
    weights: Array = (len(labels) / (np.count_nonzero(counts) * counts[labels])).astype(np.float32)
    return weights


@dataclass(frozen=True)
class Solution:
    """Where the path stands at one penalty; the next one starts from here."""

    penalty: float
    coefficients: Array  # (rank, classes)
    intercept: Array  # (classes,)

    def logits(self, z: Array) -> Array:
        """(n, rank) → (n, classes)."""
        out: Array = z @ self.coefficients + self.intercept
        return out


Watch = Callable[[Solution], None]  # shown where a fit stands: at its start, then after each iteration


def fit_path(
    z: Array,
    labels: NDArray[np.int64],
    classes: int,
    eigenvalues: Array,
    penalties: Sequence[float],
    weights: Array | None = None,
    tolerance: float = FINAL_TOLERANCE,
    watch: Watch | None = None,
) -> Iterator[Solution]:
    """One solution a penalty, each started from the one before: order them from strong to weak.

    z: (n, rank) float32 with second moments near `eigenvalues`; labels: (n,) in 0 … classes − 1.
    """
    weights = np.ones(len(z), np.float32) if weights is None else weights
    coefficients, intercept = (
        np.zeros((z.shape[1], classes), np.float32),
        _log_priors(labels, classes, weights),
    )
    for penalty in penalties:
        start = Solution(penalty, coefficients, intercept)
        solution = _minimise(z, labels, eigenvalues, weights / weights.sum(), start, tolerance, watch)
        coefficients, intercept = solution.coefficients, solution.intercept
        yield solution


def _log_priors(labels: NDArray[np.int64], classes: int, weights: Array) -> Array:
    """The best intercept where all coefficients are 0."""
    shares = np.bincount(labels, weights, minlength=classes) / weights.sum()
    logs = np.log(np.maximum(shares, 1e-6))
    centred: Array = (logs - logs.mean()).astype(np.float32)
    return centred


@dataclass(frozen=True)
class Objective:
    """What is minimised, as a function of (rank + 1, classes) flat: coefficients / scale, then the intercept."""

    z: Array  # (n, rank)
    labels: NDArray[np.int64]  # (n,)
    weights: Array  # (n,) that sum to 1
    penalty: float
    scale: Array  # (rank, 1): what makes the problem nearly round

    def __call__(self, flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """The loss and its gradient."""
        theta = flat.reshape(len(self.scale) + 1, -1).astype(np.float32)
        coefficients = theta[:-1] * self.scale
        losses, error = self._cross_entropy(self.z @ coefficients + theta[-1])
        gradient = np.empty(theta.shape)
        gradient[:-1] = (self.z.T @ error + self.penalty * coefficients) * self.scale
        gradient[-1] = error.sum(axis=0)
        loss = self.weights @ losses + self.penalty / 2 * np.vdot(coefficients, coefficients)
        return float(loss), gradient.ravel()

    def solution(self, flat: NDArray[np.float64]) -> Solution:
        """What `flat` stands for."""
        theta = flat.reshape(len(self.scale) + 1, -1)
        return Solution(self.penalty, (theta[:-1] * self.scale).astype(np.float32), theta[-1].astype(np.float32))

    def _cross_entropy(self, logits: Array) -> tuple[Array, Array]:
        """(n,) losses, and the weighted loss's gradient by the logits, (n, classes)."""
        rows = np.arange(len(self.labels))
        logits -= logits.max(axis=1, keepdims=True)
        exponentials = np.exp(logits)
        sums = exponentials.sum(axis=1, keepdims=True)
        losses = np.log(sums[:, 0]) - logits[rows, self.labels]
        error = exponentials / sums
        error[rows, self.labels] -= 1
        error *= self.weights[:, None]
        return losses, error


def _minimise(
    z: Array,
    labels: NDArray[np.int64],
    eigenvalues: Array,
    weights: Array,
    start: Solution,
    tolerance: float,
    watch: Watch | None,
) -> Solution:
    from scipy.optimize import minimize

    scale: Array = (1 / np.sqrt(eigenvalues / 2 + start.penalty)[:, None]).astype(np.float32)  # (rank, 1)
    objective = Objective(z, labels, weights, start.penalty, scale)
    first = np.vstack([start.coefficients / scale, start.intercept]).astype(np.float64)
    options = {"maxiter": MAX_STEPS, "gtol": tolerance / 10, "ftol": tolerance}
    seen = None if watch is None else lambda flat: watch(objective.solution(flat))
    if watch is not None:
        watch(start)
    best = minimize(objective, first.ravel(), jac=True, method="L-BFGS-B", options=options, callback=seen)
    return objective.solution(best.x)
