"""The three heads: embeddings → logits. What each learned is plain arrays, which the exported graph holds as they are.

A family knows its strengths, the values of its one hyper-parameter from strong to weak regularisation, and fits
the whole path of them at once, so that what they share is computed once.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from whatsit.learning.logistic import (
    FINAL_TOLERANCE,
    SEARCH_TOLERANCE,
    Standardised,
    balanced_weights,
    fit_path,
)
from whatsit.learning.names import HeadName
from whatsit.model.heads import Head, NeighbourHead, directions

Array = NDArray[np.float32]
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
