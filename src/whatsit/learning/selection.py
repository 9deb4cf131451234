"""Chooses a head's strength on images that it was not fitted on, then fits it on all of them.

Held-out logits are the currency: they choose the strength (by log loss), and later the temperature, the threshold
of "unsure" and the likely mislabelled photos are all drawn from them. No image is judged by a head that saw it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whatsit.learning.calibration import fit_temperature, log_loss
from whatsit.learning.heads import Family, Head, Problem

Rows = NDArray[np.int64]


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
    held_out_logits: NDArray[np.float32]  # (m, classes), of heads that did not see the row
    losses: dict[float, float]  # strength → log loss on the held-out rows, before calibration


def held_out_logits(
    problem: Problem, family: Family, strengths: Sequence[float], rounds: Sequence[Round]
) -> NDArray[np.float32]:
    """(strengths, m, classes): for each strength, the logits of the rounds' held-out rows, one after another."""
    by_round = [
        np.stack([h.logits(problem.x[r.held_out]) for h in family.fit(problem.subset(r.fit), strengths, False)])
        for r in rounds
    ]
    return np.concatenate(by_round, axis=1)


def choose(problem: Problem, family: Family, rounds: Sequence[Round]) -> Chosen:
    """The strength of least held-out log loss at its own best temperature; the head refitted on all rows."""
    rows = np.concatenate([r.held_out for r in rounds])
    labels = problem.labels[rows]
    logits = held_out_logits(problem, family, family.strengths, rounds)
    temperatures = [fit_temperature(some, labels) for some in logits]
    losses = [log_loss(some, labels, t) for some, t in zip(logits, temperatures, strict=True)]
    best = int(np.argmin(losses))
    strength = family.strengths[best]
    *_, head = family.fit(problem, family.strengths[: best + 1], True)
    return Chosen(
        head, strength, temperatures[best], rows, logits[best], dict(zip(family.strengths, losses, strict=True))
    )
