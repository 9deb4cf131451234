"""Head types that a probe fits on embeddings. Each maps embeddings to logits.

A fitted head is plain arrays, which the exported graph holds as they are. A `HeadType` has one hyper-parameter. Its
grid lists the values to try, from strong to weak regularization. `fit` goes through the grid in that order, so
what the values share is computed once. The module does not choose a value: `selection.py` does.

Multinomial logistic regression is fitted here, on standardised embeddings, along a path of penalties. Minimised is

    Σᵢ wᵢ · cross-entropy(yᵢ, softmax(W xᵢ + b)) / Σᵢ wᵢ + λ/2 · ‖W‖²

by L-BFGS (Liu & Nocedal 1989). It is written by hand because that was measured (benchmarks/RESULTS.md, section 21):
over the whole path, on six photo sets, scikit-learn's LogisticRegression with warm start takes 1.5 times as long if it
stops further from the optimum, and 2.1 times if it stops about as near. Few photos are rotated into the space that they
span, and of two classes only the difference of the logits is computed.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from whatsit.config import HeadName
from whatsit.data.near.rows import unit_rows
from whatsit.model.heads import Head, LinearHead, NeighbourHead

Array = NDArray[np.float32]
MAX_STEPS = 300
SEARCH_TOLERANCE = 1e-5  # relative fall of the loss in a step: enough to rank penalties (docs/log.md)
FINAL_TOLERANCE = 1e-8


@dataclass(frozen=True)
class Standardised:
    """Embeddings whose columns have mean 0 and variance 1, and the way back to raw ones.

    Photos that are fewer than half of the columns are given in an orthonormal basis of the space that they span. That
    is a rotation: every solution stays the same, and each step costs n columns instead of dim.
    """

    z: Array  # (n, columns)
    basis: Array | None  # (dim, columns), orthonormal; None: the columns are the embeddings' own
    mean: Array  # (dim,)
    std: Array  # (dim,); 1 where a column is constant

    @classmethod
    def of(cls, x: Array) -> "Standardised":
        """x: (n, dim) float32 raw embeddings."""
        mean = x.mean(axis=0, dtype=np.float64).astype(np.float32)
        std = x.std(axis=0, dtype=np.float64).astype(np.float32)
        std[std < 1e-6] = 1
        scaled = (x - mean) / std
        if len(x) >= x.shape[1] / 2:
            return cls(scaled, None, mean, std)
        basis, coordinates = np.linalg.qr(scaled.T)
        return cls(np.ascontiguousarray(coordinates.T), basis, mean, std)

    def head(self, coefficients: Array, intercept: Array) -> LinearHead:
        """(columns, classes), (classes,) → the same function of raw embeddings."""
        weight = (coefficients if self.basis is None else self.basis @ coefficients) / self.std[:, None]
        return LinearHead(weight.astype(np.float32), (intercept - self.mean @ weight).astype(np.float32))


def balanced_weights(labels: NDArray[np.int64], classes: int) -> Array:
    """(n,): every class weighs the same in all, every image 1 on average."""
    counts = np.bincount(labels, minlength=classes)
    weights: Array = (len(labels) / (np.count_nonzero(counts) * counts[labels])).astype(np.float32)
    return weights


@dataclass(frozen=True)
class Solution:
    """Where the path stands at one penalty; the next one starts from here."""

    penalty: float
    coefficients: Array  # (columns, classes)
    intercept: Array  # (classes,)

    def logits(self, z: Array) -> Array:
        """(n, columns) → (n, classes)."""
        out: Array = z @ self.coefficients + self.intercept
        return out


def fit_path(
    z: Array,
    labels: NDArray[np.int64],
    classes: int,
    penalties: Sequence[float],
    weights: Array | None = None,
    tolerance: float = FINAL_TOLERANCE,
    on_iteration: Callable[[Solution], None] | None = None,
) -> Iterator[Solution]:
    """One solution a penalty, each started from the one before: order them from strong to weak.

    z: (n, columns) float32; labels: (n,) in 0 … classes − 1.
    on_iteration: hears where a fit stands: at its start, then after each iteration.
    """
    weights = np.ones(len(z), np.float32) if weights is None else weights
    coefficients, intercept = (
        np.zeros((z.shape[1], classes), np.float32),
        _log_priors(labels, classes, weights),
    )
    for penalty in penalties:
        start = Solution(penalty, coefficients, intercept)
        solution = _minimise(z, labels, weights / weights.sum(), start, tolerance, on_iteration)
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
    """What is minimised, as a function of (columns + 1, classes) flat: coefficients, then the intercept."""

    z: Array  # (n, columns)
    labels: NDArray[np.int64]  # (n,)
    weights: Array  # (n,) that sum to 1
    penalty: float

    def __call__(self, flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """The loss and its gradient."""
        now = self.solution(flat)
        losses, error = self._cross_entropy(self._products(now.coefficients) + now.intercept)
        gradient = np.empty((self.z.shape[1] + 1, error.shape[1]))
        gradient[:-1] = self._products_back(error) + self.penalty * now.coefficients
        gradient[-1] = error.sum(axis=0)
        loss = self.weights @ losses + self.penalty / 2 * np.vdot(now.coefficients, now.coefficients)
        return float(loss), gradient.ravel()

    def solution(self, flat: NDArray[np.float64]) -> Solution:
        """What `flat` stands for."""
        theta = flat.reshape(self.z.shape[1] + 1, -1).astype(np.float32)
        return Solution(self.penalty, theta[:-1], theta[-1])

    def _products(self, coefficients: Array) -> Array:
        """z @ coefficients, (n, classes); of two classes less their mean, which softmax ignores."""
        if coefficients.shape[1] != 2:
            out: Array = self.z @ coefficients
            return out
        half = self.z @ ((coefficients[:, 0] - coefficients[:, 1]) / 2)
        return np.stack([half, -half], axis=1)

    def _products_back(self, error: Array) -> Array:
        """zᵀ @ error, (columns, classes); a row's errors sum to 0."""
        if error.shape[1] != 2:
            out: Array = self.z.T @ error
            return out
        first = self.z.T @ error[:, 0]
        return np.stack([first, -first], axis=1)

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
    weights: Array,
    start: Solution,
    tolerance: float,
    on_iteration: Callable[[Solution], None] | None,
) -> Solution:
    from scipy.optimize import minimize

    objective = Objective(z, labels, weights, start.penalty)
    first = np.vstack([start.coefficients, start.intercept]).astype(np.float64)
    options = {"maxiter": MAX_STEPS, "gtol": tolerance / 10, "ftol": tolerance}
    seen = None if on_iteration is None else lambda flat: on_iteration(objective.solution(flat))
    if on_iteration is not None:
        on_iteration(start)
    best = minimize(objective, first.ravel(), jac=True, method="L-BFGS-B", options=options, callback=seen)
    return objective.solution(best.x)


Labels = NDArray[np.int64]
ABSENT_MARGIN = -10.0  # of a class that no photo of a fold's training part shows


@dataclass(frozen=True)
class TrainingData:
    """Embeddings and labels to fit a head on, and whether all classes weigh the same."""

    x: Array  # (n, dim)
    labels: Labels  # (n,)
    classes: int
    balance: bool = False
    seed: int = 0  # of what is drawn at random

    def subset(self, rows: Labels) -> "TrainingData":
        return replace(self, x=self.x[rows], labels=self.labels[rows])

    @cached_property
    def space(self) -> Standardised:
        """Standardised coordinates, made once: all folds share them, as they do not depend on labels."""
        return Standardised.of(self.x)

    @cached_property
    def directions(self) -> Array:
        """(n, dim) of length 1."""
        return unit_rows(self.x)

    def weights(self, rows: Labels) -> Array:
        if self.balance:
            return balanced_weights(self.labels[rows], self.classes)
        return np.ones(len(rows), np.float32)


class FitPath(Protocol):
    """Fits one head for each value of the grid on the given rows; each head is fitted when it is asked for.

    What the values share is computed at once, on the calling thread.
    """

    def __call__(self, data: TrainingData, rows: Labels, grid: Sequence[float], *, final: bool) -> Iterator[Head]: ...


@dataclass(frozen=True)
class HeadType:
    """A kind of head, with the values of its one hyper-parameter from strong to weak regularization."""

    name: HeadName
    parameter_name: str  # what the field calls it
    probabilistic: bool  # whether its logits are log probabilities, up to a constant
    grid: tuple[float, ...]
    fit: FitPath


def _logistic(data: TrainingData, rows: Labels, grid: Sequence[float], *, final: bool) -> Iterator[Head]:
    space = data.space
    path = fit_path(
        space.z[rows],
        data.labels[rows],
        data.classes,
        grid,
        data.weights(rows),
        FINAL_TOLERANCE if final else SEARCH_TOLERANCE,
    )
    return (space.head(solution.coefficients, solution.intercept) for solution in path)


def _mlp(data: TrainingData, rows: Labels, grid: Sequence[float], *, final: bool) -> Iterator[Head]:
    from whatsit.training import mlp

    labels, weights = data.labels[rows], data.weights(rows)
    bias = _log_priors(labels, data.classes, weights)
    epochs = [int(regularization) for regularization in grid]
    return mlp.fit_path(data.x[rows], labels, bias, weights, epochs, data.seed)


def _svm(data: TrainingData, rows: Labels, grid: Sequence[float], *, final: bool) -> Iterator[Head]:
    """Linear, one against the rest (scikit-learn's LinearSVC); its margins serve as logits."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    z, labels, weights = data.space.z[rows], data.labels[rows], data.weights(rows)

    def head(regularization: float) -> Head:
        svm = LinearSVC(C=regularization, dual="auto", random_state=0, max_iter=5000 if final else 1000, tol=1e-3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a near solution ranks and serves as well
            svm.fit(z, labels, sample_weight=weights)
        coefficients = np.zeros((z.shape[1], data.classes), np.float32)
        intercept = np.full(data.classes, ABSENT_MARGIN, np.float32)
        two = len(svm.classes_) == 2
        coefficients[:, svm.classes_] = np.stack([-svm.coef_[0], svm.coef_[0]], axis=1) if two else svm.coef_.T
        intercept[svm.classes_] = [-svm.intercept_[0], svm.intercept_[0]] if two else svm.intercept_
        return data.space.head(coefficients, intercept)

    return map(head, grid)


def _knn(data: TrainingData, rows: Labels, grid: Sequence[float], *, final: bool) -> Iterator[Head]:
    stored = data.directions[rows]
    votes = np.eye(data.classes, dtype=np.float32)[data.labels[rows]] * data.weights(rows)[:, None]
    return (NeighbourHead(stored, votes, min(int(regularization), len(stored))) for regularization in grid)


HEAD_TYPES: dict[HeadName, HeadType] = {
    # On standardised columns and a mean loss, the best penalty was 0.001 to 0.3 on all six sets (docs/log.md).
    "logistic": HeadType(
        "logistic", "penalty", True, tuple(10.0**p for p in (0.5, 0, -0.5, -1, -1.5, -2, -2.5, -3)), _logistic
    ),
    "svm": HeadType("svm", "C", False, tuple(10.0**p for p in (-5, -4.5, -4, -3.5, -3, -2.5, -2)), _svm),
    "mlp": HeadType("mlp", "epochs", True, (1, 2, 3, 5, 8, 12, 18, 27, 40, 60, 90), _mlp),
    "knn": HeadType("knn", "k", True, (50, 30, 20, 10, 5, 3, 1), _knn),
}
