"""Chooses a head's strength on images that it was not fitted on, then fits it on all of them.

Held-out logits are the currency: they choose the strength (by log loss), and later the temperature, the threshold
of "unsure" and the likely mislabelled photos are all drawn from them. No image is judged by a head that saw it.

The course of a head's fit, iteration by iteration: what TensorBoard's curves of the probe are drawn from.

The fit is made again, alone and from the start, on a round's fit rows; its held-out rows are what "valid" means. So it
costs a fit and two passes over the rows an iteration, and the ordinary path pays nothing. Logistic regression alone
has a course worth a look: LinearSVC passes over the duals within compiled code and reports no step, and the nearest
neighbours are only stored.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from whatsit.config import HeadName
from whatsit.machine import blas_threads, cores
from whatsit.model.heads import Head
from whatsit.training.calibration import fit_temperature, log_loss
from whatsit.training.heads import Family, Problem, Solution, fit_path

Rows = NDArray[np.int64]


Array = NDArray[np.float32]


PATIENCE = 2  # strengths in a row without a better loss, after which weaker ones are not tried


@dataclass(frozen=True)
class Round:
    """One fit and the rows it is judged on."""

    fit: Rows
    held_out: Rows


def fold_rounds(folds: NDArray[np.int64]) -> list[Round]:
    """(n,) fold numbers → one round a fold."""
    return [Round(np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in np.unique(folds)]


@dataclass(frozen=True)
class Chosen:
    """The head fitted on every row, and how it was chosen."""

    head: Head
    strength: float
    temperature: float
    held_out_rows: Rows  # (m,)
    held_out_logits: Array  # (m, classes), of heads that did not see the row
    losses: dict[float, float]  # strength → log loss on the held-out rows, before calibration


def held_out_logits(problem: Problem, family: Family, strength: float, rounds: Sequence[Round]) -> Array:
    """(m, classes): the logits of the rounds' held-out rows at one strength, one round after another."""
    one = replace(family, strengths=(strength,))
    with blas_threads(problem.x.size * problem.classes):
        return _held_out(problem, next(_paths(problem, one, rounds)), rounds)


def _held_out(problem: Problem, heads: Sequence[Head], rounds: Sequence[Round]) -> Array:
    return np.concatenate([h.logits(problem.x[r.held_out]) for h, r in zip(heads, rounds, strict=True)])


def choose(problem: Problem, family: Family, rounds: Sequence[Round]) -> Chosen:
    """The strength of least held-out log loss, its temperature, and the head refitted on all rows.

    Logits that are log probabilities are ranked as they are: at their own best temperatures, weaker penalties won that
    did worse on new photos (docs/log.md). Margins mean nothing without a temperature, so each gets its own.
    """
    with blas_threads(problem.x.size * problem.classes):
        return _choose(problem, family, rounds)


def _choose(problem: Problem, family: Family, rounds: Sequence[Round]) -> Chosen:
    rows = np.concatenate([r.held_out for r in rounds])
    labels = problem.labels[rows]
    losses: dict[float, float] = {}
    best: tuple[float, Array] | None = None  # strength, logits
    since_best = 0
    for strength, heads in zip(family.strengths, _paths(problem, family, rounds), strict=False):
        logits = _held_out(problem, heads, rounds)
        losses[strength] = log_loss(logits, labels, 1.0 if family.probabilistic else fit_temperature(logits, labels))
        since_best += 1
        if losses[strength] == min(losses.values()):
            best, since_best = (strength, logits), 0
        if since_best == PATIENCE:
            break
    if best is None:
        raise ValueError(f"{family.name}: no strengths to choose from")
    strength, logits = best
    (head,) = family.fit(problem, np.arange(len(problem.labels)), (strength,), final=True)
    return Chosen(head, strength, fit_temperature(logits, labels), rows, logits, losses)


def _paths(problem: Problem, family: Family, rounds: Sequence[Round]) -> Iterator[list[Head]]:
    """For each strength the heads of all rounds; several rounds share the cores."""
    paths = [family.fit(problem, r.fit, family.strengths, final=False) for r in rounds]
    if len(paths) == 1:
        yield from ([head] for head in paths[0])
        return
    with ThreadPoolExecutor(cores()) as pool:
        for _ in family.strengths:
            yield list(pool.map(next, paths))


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
    for _ in fit_path(*train, problem.classes, (strength,), weights, watch=watch):
        pass
    return steps


def _judged(solution: Solution, z: Array, labels: NDArray[np.int64]) -> tuple[float, float]:
    """Log loss and accuracy."""
    logits = solution.logits(z)  # (n, classes)
    return log_loss(logits, labels), float((logits.argmax(axis=1) == labels).mean())
