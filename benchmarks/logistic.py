"""Logistic regression as whatsit fits it, beside plain standardised columns and scikit-learn's: steps and time.

For each set, the whole path of penalties on every round of the choice (five folds, or the set's own valid split), as
`--head logistic` does it but for its early stop, on one thread. `gap`: by how much the penalised loss on the photos
fitted on lies above the optimum, on average over penalties and rounds, and at most; the optimum is from a search with a
tolerance of 1e-11. So that times are comparable, look at those of an equal gap.
"""

import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import scipy.optimize
import sklearn.linear_model  # so that no time is spent on it later
from common import finish, parser, print_table, say
from heads import Learnable, learnable
from numpy.typing import NDArray
from sets import SETS, add_set_options
from threadpoolctl import threadpool_limits

from whatsit.training.calibration import log_loss, log_losses
from whatsit.training.heads import HEAD_TYPES, SEARCH_TOLERANCE, Solution, Standardised, fit_path

Array = NDArray[np.float32]
Labels = NDArray[np.int64]
PENALTIES = HEAD_TYPES["logistic"].grid
EXACT = 1e-11


@dataclass(frozen=True)
class Way:
    """A solver and the columns that it gets."""

    name: str
    rotated: bool  # few photos into the space that they span
    tolerance: float
    library: bool = False  # scikit-learn's LogisticRegression with warm start, whose tolerance is of the gradient

    def space(self, x: Array) -> Standardised:
        space = Standardised.of(x)
        if self.rotated or space.basis is None:
            return space
        return Standardised((x - space.mean) / space.std, None, space.mean, space.std)

    def path(self, z: Array, labels: Labels, classes: int) -> list[Solution]:
        """A solution a penalty."""
        if self.library:
            return list(_scikit_learn(z, labels, self.tolerance))
        return list(fit_path(z, labels, classes, PENALTIES, tolerance=self.tolerance))


class Counted:
    """`scipy.optimize.minimize`, which all of them call: how many steps and evaluations it took in all."""

    def __init__(self) -> None:
        self.iterations = self.evaluations = 0
        self._minimize = scipy.optimize.minimize

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        result = self._minimize(*args, **kwargs)
        self.iterations += result.nit
        self.evaluations += result.nfev
        return result


WAYS = (
    Way("optimum", rotated=True, tolerance=EXACT),
    Way("whatsit", rotated=True, tolerance=SEARCH_TOLERANCE),
    Way("whatsit, standardised columns", rotated=False, tolerance=SEARCH_TOLERANCE),
    Way("scikit-learn, tol 3e-4", rotated=False, tolerance=3e-4, library=True),
    Way("scikit-learn, tol 1e-4", rotated=False, tolerance=1e-4, library=True),
)


def _scikit_learn(z: Array, labels: Labels, tolerance: float) -> Iterator[Solution]:
    """Of two classes it fits one vector, which is twice ours, so that its penalty is half of ours."""
    model = sklearn.linear_model.LogisticRegression(solver="lbfgs", warm_start=True, tol=tolerance, max_iter=2000)
    two = labels.max() == 1
    for penalty in PENALTIES:
        model.C = (2 if two else 1) / (len(z) * penalty)
        model.fit(z, labels)
        coefficients, intercept = model.coef_.T.astype(np.float32), model.intercept_.astype(np.float32)
        if two:
            coefficients = np.hstack([-coefficients, coefficients]) / 2
            intercept = np.array([-intercept[0], intercept[0]]) / 2
        yield Solution(penalty, coefficients, intercept)


@dataclass(frozen=True)
class Measured:
    """A way on a set."""

    columns: int
    iterations: int  # of L-BFGS
    evaluations: int  # of the loss and its gradient
    seconds: float  # of the processor, the change of columns included
    objectives: NDArray[np.float64]  # (rounds, penalties)
    held_out: dict[float, float]  # penalty → log loss
    accuracy: float  # held out, at the best penalty


def measure(way: Way, data: Learnable) -> Measured:
    began = time.process_time()
    space = way.space(data.x)
    spent = time.process_time() - began
    objectives, counted = [], Counted()
    logits: dict[float, list[Array]] = {penalty: [] for penalty in PENALTIES}
    for one in data.rounds:
        began = time.process_time()
        z, labels = space.z[one.train], data.labels[one.train]
        with patch("scipy.optimize.minimize", counted):
            path = way.path(z, labels, data.classes)
        spent += time.process_time() - began
        objectives.append([_objective(solution, z, labels) for solution in path])
        for solution in path:
            logits[solution.penalty].append(solution.logits(space.z[one.held_out]))
    rows = np.concatenate([one.held_out for one in data.rounds])
    together = {penalty: np.concatenate(parts) for penalty, parts in logits.items()}
    losses = {penalty: log_loss(these, data.labels[rows]) for penalty, these in together.items()}
    right = together[min(losses, key=losses.__getitem__)].argmax(axis=1) == data.labels[rows]
    return Measured(
        space.z.shape[1],
        counted.iterations,
        counted.evaluations,
        spent,
        np.array(objectives),
        losses,
        float(right.mean()),
    )


def _objective(solution: Solution, z: Array, labels: Labels) -> float:
    squares = np.square(solution.coefficients, dtype=np.float64).sum()
    return float(log_losses(solution.logits(z), labels).mean() + solution.penalty / 2 * squares)


def rows_of(name: str, data: Learnable) -> Sequence[Sequence[object]]:
    rows, optimum = [], None
    for way in WAYS:
        one = measure(way, data)
        say(f"{name}, {way.name}: {one.seconds:.2f} s")
        optimum = one.objectives if optimum is None else np.minimum(optimum, one.objectives)
        gap = 100 * (one.objectives / optimum - 1)
        best = min(one.held_out, key=one.held_out.__getitem__)
        held_out = f"{one.held_out[best]:.4f}, {one.accuracy:.4f}"
        rows.append(
            [
                name,
                way.name,
                one.columns,
                f"{one.iterations}, {one.evaluations}",
                f"{one.seconds:.2f}",
                f"{gap.mean():.2f}, {gap.max():.1f}",
                f"{best:.3g}",
                held_out,
            ]
        )
    return rows[1:]


def main() -> None:
    started = time.perf_counter()
    options = parser(__doc__)
    add_set_options(options)
    given = options.parse_args()
    rows: list[Sequence[object]] = []
    with tempfile.TemporaryDirectory() as scratch, threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of versions of scikit-learn on what they will rename
        for name in given.sets:
            rows += rows_of(name, learnable(SETS[name], given.data, Path(scratch), given.cache, seed=0))
    header = [
        "set",
        "way",
        "columns",
        "iterations, evaluations",
        "s",
        "gap %: mean, most",
        "best penalty",
        "held out: log loss, accuracy",
    ]
    print_table(header, rows)
    finish(started)


if __name__ == "__main__":
    main()
