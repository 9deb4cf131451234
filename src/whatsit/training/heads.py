"""Multinomial logistic regression on standardised embeddings, along a path of penalties.

Minimised is  Σᵢ wᵢ · cross-entropy(yᵢ, softmax(W xᵢ + b)) / Σᵢ wᵢ + λ/2 · ‖W‖²,  by L-BFGS (Liu & Nocedal 1989).

What makes it fast is where it is solved. Böhning (1992) bounds the Hessian by ½ (I − 11ᵀ/K) ⊗ XᵀX/n, for any W and
any labels. So the data is turned once into the eigenbasis of XᵀX/n, where that bound is diagonal: dividing each
coordinate by √(½ eigenvalue + λ) makes the problem nearly round, for every λ, and a few dozen steps suffice where
the raw one takes many hundreds. Directions with next to no variance are dropped, so n images never cost more than n
columns.

The three heads: embeddings → logits. What each learned is plain arrays, which the exported graph holds as they are.

A family knows its strengths, the values of its one hyper-parameter from strong to weak regularisation, and fits
the whole path of them at once, so that what they share is computed once.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from whatsit.config import HeadName
from whatsit.model.heads import Head, LinearHead, NeighbourHead, directions

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


Labels = NDArray[np.int64]


ABSENT_MARGIN = -10.0  # of a class that no photo of a fold's training part shows


@dataclass(frozen=True)
class Problem:
    """What to learn from, and whether classes should weigh the same."""

    x: Array  # (n, dim)
    labels: Labels  # (n,)
    classes: int
    balance: bool = False

    def subset(self, rows: Labels) -> "Problem":
        return Problem(self.x[rows], self.labels[rows], self.classes, self.balance)

    @cached_property
    def space(self) -> Standardised:
        """Standardised coordinates, made once: rounds of a search share them, as they know no labels."""
        return Standardised.of(self.x)

    @cached_property
    def directions(self) -> Array:
        """(n, dim) of length 1."""
        return directions(self.x)

    def weights(self, rows: Labels) -> Array:
        if self.balance:
            return balanced_weights(self.labels[rows], self.classes)
        return np.ones(len(rows), np.float32)


class FitPath(Protocol):
    """Fits on some rows of a problem: one head a strength, in that order, each made when asked for.

    What the strengths and other calls share is made at once, on the calling thread.
    """

    def __call__(
        self, problem: Problem, rows: Labels, strengths: Sequence[float], *, final: bool
    ) -> Iterator[Head]: ...


@dataclass(frozen=True)
class Family:
    """A kind of head, with the values of its one hyper-parameter from strong to weak regularisation."""

    name: HeadName
    strength_name: str  # what the field calls it
    probabilistic: bool  # whether its logits are log probabilities, up to a constant
    strengths: tuple[float, ...]
    fit: FitPath


def _logistic(problem: Problem, rows: Labels, strengths: Sequence[float], *, final: bool) -> Iterator[Head]:
    space = problem.space
    path = fit_path(
        space.z[rows],
        problem.labels[rows],
        problem.classes,
        space.eigenvalues,
        strengths,
        problem.weights(rows),
        FINAL_TOLERANCE if final else SEARCH_TOLERANCE,
    )
    return (space.head(solution.coefficients, solution.intercept) for solution in path)


def _svm(problem: Problem, rows: Labels, strengths: Sequence[float], *, final: bool) -> Iterator[Head]:
    """Linear, one against the rest (scikit-learn's LinearSVC); its margins serve as logits."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    z, labels, weights = problem.space.z[rows], problem.labels[rows], problem.weights(rows)

    def head(strength: float) -> Head:
        svm = LinearSVC(C=strength, dual="auto", random_state=0, max_iter=5000 if final else 1000, tol=1e-3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a near solution ranks and serves as well
            svm.fit(z, labels, sample_weight=weights)
        coefficients = np.zeros((z.shape[1], problem.classes), np.float32)
        intercept = np.full(problem.classes, ABSENT_MARGIN, np.float32)
        two = len(svm.classes_) == 2
        coefficients[:, svm.classes_] = np.stack([-svm.coef_[0], svm.coef_[0]], axis=1) if two else svm.coef_.T
        intercept[svm.classes_] = [-svm.intercept_[0], svm.intercept_[0]] if two else svm.intercept_
        return problem.space.head(coefficients, intercept)

    return map(head, strengths)


def _knn(problem: Problem, rows: Labels, strengths: Sequence[float], *, final: bool) -> Iterator[Head]:
    stored = problem.directions[rows]
    votes = np.eye(problem.classes, dtype=np.float32)[problem.labels[rows]] * problem.weights(rows)[:, None]
    return (NeighbourHead(stored, votes, min(int(strength), len(stored))) for strength in strengths)


FAMILIES: dict[HeadName, Family] = {
    # On standardised columns and a mean loss, the best penalty was 0.001 to 0.3 on all six sets (docs/log.md).
    "logistic": Family(
        "logistic", "penalty", True, tuple(10.0**p for p in (0.5, 0, -0.5, -1, -1.5, -2, -2.5, -3)), _logistic
    ),
    "svm": Family("svm", "C", False, tuple(10.0**p for p in (-5, -4.5, -4, -3.5, -3, -2.5, -2)), _svm),
    "knn": Family("knn", "k", True, (50, 30, 20, 10, 5, 3, 1), _knn),
}
