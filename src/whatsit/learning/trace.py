"""The course of a head's fit, iteration by iteration: what TensorBoard's curves of the probe are drawn from.

The fit is made again, alone and from the start, on a round's fit rows; its held-out rows are what "valid" means. So it
costs a fit and two passes over the rows an iteration, and the ordinary path pays nothing. Logistic regression alone
has a course worth a look: LinearSVC passes over the duals within compiled code and reports no step, and the nearest
neighbours are only stored.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whatsit.learning.calibration import log_loss
from whatsit.learning.heads import Problem
from whatsit.learning.logistic import Array, Solution, fit_path
from whatsit.learning.names import HeadName
from whatsit.learning.selection import Round
from whatsit.machine import blas_threads


@dataclass(frozen=True)
class Step:
    """Where a fit stands. Losses are mean cross-entropies in nats, without penalty, class weights or temperature."""

    iteration: int  # of L-BFGS; 0 is the start, the shares of the classes for every photo
    train_loss: float
    train_accuracy: float
    valid_loss: float
    valid_accuracy: float


def trace(problem: Problem, strength: float, one: Round, head: HeadName = "logistic") -> list[Step]:
    """The steps to the head of `strength` that is fitted on `one.fit`, judged on `one.held_out` as well.

    The last step is where the fitted head stands. Empty for a head that is not logistic regression.
    """
    if head != "logistic":
        return []
    with blas_threads(problem.x.size * problem.classes):
        return _trace(problem, strength, one)


def _trace(problem: Problem, strength: float, one: Round) -> list[Step]:
    space, steps = problem.space, list[Step]()
    train, valid = ((space.z[rows], problem.labels[rows]) for rows in (one.fit, one.held_out))

    def watch(solution: Solution) -> None:
        steps.append(Step(len(steps), *_judged(solution, *train), *_judged(solution, *valid)))

    weights = problem.weights(one.fit)
    for _ in fit_path(*train, problem.classes, space.eigenvalues, (strength,), weights, watch=watch):
        pass
    return steps


def _judged(solution: Solution, z: Array, labels: NDArray[np.int64]) -> tuple[float, float]:
    """Log loss and accuracy."""
    logits = solution.logits(z)  # (n, classes)
    return log_loss(logits, labels), float((logits.argmax(axis=1) == labels).mean())
