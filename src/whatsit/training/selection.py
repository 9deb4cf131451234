"""Selects the regularization of a head by its log loss on held-out photos, then fits the head on all photos.

The held-out logits choose the regularization. Later the temperature, the threshold of "unsure" and the likely
mislabelled photos are computed from them, too. No photo is evaluated by a head that was fitted on it.

`trace` repeats one fit and records the losses at each iteration, for TensorBoard. It costs one more fit, and it is only
called where TensorBoard is on. Only logistic regression has a course to show: LinearSVC reports no steps, and the
nearest neighbours are only stored.

The module does not know how the folds are drawn: `splits.py` does that.
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
from whatsit.training.heads import HeadType, Solution, TrainingData, fit_path

Rows = NDArray[np.int64]
Array = NDArray[np.float32]
PATIENCE = 2  # values in a row without a better loss, after which weaker ones are not tried


@dataclass(frozen=True)
class Fold:
    """The rows to fit on, and the held-out rows to evaluate on."""

    train: Rows
    held_out: Rows


def make_folds(folds: NDArray[np.int64]) -> list[Fold]:
    """(n,) fold numbers → one `Fold` for each."""
    return [Fold(np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in np.unique(folds)]


@dataclass(frozen=True)
class SelectedHead:
    """The head fitted on every row, and how it was chosen."""

    head: Head
    regularization: float
    temperature: float
    held_out_rows: Rows  # (m,)
    held_out_logits: Array  # (m, classes), of heads that did not see the row
    losses: dict[float, float]  # regularization → log loss on the held-out rows, before calibration


def held_out_logits(data: TrainingData, head_type: HeadType, regularization: float, cv: Sequence[Fold]) -> Array:
    """(m, classes): the logits of the folds' held-out rows at one regularization, one fold after another."""
    one = replace(head_type, grid=(regularization,))
    with blas_threads(data.x.size * data.classes):
        return _held_out(data, next(_paths(data, one, cv)), cv)


def _held_out(data: TrainingData, heads: Sequence[Head], cv: Sequence[Fold]) -> Array:
    return np.concatenate([h.logits(data.x[fold.held_out]) for h, fold in zip(heads, cv, strict=True)])


def select_head(data: TrainingData, head_type: HeadType, cv: Sequence[Fold]) -> SelectedHead:
    """The regularization of least held-out log loss, its temperature, and the head refitted on all rows.

    Logits that are log probabilities are ranked as they are: at their own best temperatures, weaker penalties won that
    did worse on new photos (docs/log.md). Margins mean nothing without a temperature, so each gets its own.
    """
    with blas_threads(data.x.size * data.classes):
        return _select_head(data, head_type, cv)


def _select_head(data: TrainingData, head_type: HeadType, cv: Sequence[Fold]) -> SelectedHead:
    rows = np.concatenate([fold.held_out for fold in cv])
    labels = data.labels[rows]
    losses: dict[float, float] = {}
    best: tuple[float, Array] | None = None  # regularization, logits
    since_best = 0
    for regularization, heads in zip(head_type.grid, _paths(data, head_type, cv), strict=False):
        logits = _held_out(data, heads, cv)
        losses[regularization] = log_loss(
            logits, labels, 1.0 if head_type.probabilistic else fit_temperature(logits, labels)
        )
        since_best += 1
        if losses[regularization] == min(losses.values()):
            best, since_best = (regularization, logits), 0
        if since_best == PATIENCE:
            break
    if best is None:
        raise ValueError(f"{head_type.name}: no values to choose from")
    regularization, logits = best
    (head,) = head_type.fit(data, np.arange(len(data.labels)), (regularization,), final=True)
    return SelectedHead(head, regularization, fit_temperature(logits, labels), rows, logits, losses)


def _paths(data: TrainingData, head_type: HeadType, cv: Sequence[Fold]) -> Iterator[list[Head]]:
    """For each regularization the heads of all folds; several folds share the cores."""
    paths = [head_type.fit(data, fold.train, head_type.grid, final=False) for fold in cv]
    if len(paths) == 1:
        yield from ([head] for head in paths[0])
        return
    with ThreadPoolExecutor(cores()) as pool:
        for _ in head_type.grid:
            yield list(pool.map(next, paths))


@dataclass(frozen=True)
class Step:
    """One iteration. Losses are mean cross-entropies in nats, without penalty, class weights or temperature."""

    iteration: int  # of L-BFGS; 0 is the start, the shares of the classes for every photo
    train_loss: float
    train_accuracy: float
    valid_loss: float
    valid_accuracy: float


def trace(data: TrainingData, regularization: float, one: Fold, head: HeadName = "logistic") -> list[Step]:
    """The steps to the head of `regularization` that is fitted on `one.train`, evaluated on `one.held_out` as well.

    The last step is where the fitted head stands. Empty for a head that is not logistic regression.
    """
    if head != "logistic":
        return []
    with blas_threads(data.x.size * data.classes):
        return _trace(data, regularization, one)


def _trace(data: TrainingData, regularization: float, one: Fold) -> list[Step]:
    space, steps = data.space, list[Step]()
    train, valid = ((space.z[rows], data.labels[rows]) for rows in (one.train, one.held_out))

    def note(solution: Solution) -> None:
        steps.append(Step(len(steps), *_loss_and_accuracy(solution, *train), *_loss_and_accuracy(solution, *valid)))

    weights = data.weights(one.train)
    for _ in fit_path(*train, data.classes, (regularization,), weights, on_iteration=note):
        pass
    return steps


def _loss_and_accuracy(solution: Solution, z: Array, labels: NDArray[np.int64]) -> tuple[float, float]:
    """Log loss and accuracy."""
    logits = solution.logits(z)  # (n, classes)
    return log_loss(logits, labels), float((logits.argmax(axis=1) == labels).mean())
