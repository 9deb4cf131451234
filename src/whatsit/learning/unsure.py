"""When to answer "unsure": below which top probability, and beyond which distance from all that was learned."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_ANSWERS = 20  # that a precision is read from, or half of the images where that is less: fewer are right by luck


@dataclass(frozen=True)
class Threshold:
    """Answers whose top probability is at least `value` are given; the rest are "unsure"."""

    value: float
    precision: float  # of the answers given, on the images that it was chosen on
    coverage: float  # their share of those images
    reached: bool  # whether the precision asked for was reached


def choose_threshold(top: NDArray[np.float64], correct: NDArray[np.bool_], precision: float) -> Threshold:
    """The lowest threshold whose given answers are right at least `precision` of the time.

    top: (n,) calibrated top probabilities of images that the head did not see; correct: (n,).
    Where none with at least `LEAST_ANSWERS` reaches the precision, the one of those that comes nearest.
    """
    order = np.argsort(-top, kind="stable")
    running = np.cumsum(correct[order]) / np.arange(1, len(top) + 1)  # precision of the surest 1, 2, … n
    last_of_ties = np.append(np.diff(top[order]) != 0, True)
    counts = np.flatnonzero(last_of_ties)
    enough = counts[counts + 1 >= min(LEAST_ANSWERS, (len(top) + 1) // 2)]
    good = enough[running[enough] >= precision]
    at = int(good[-1] if good.size else enough[np.argmax(running[enough])])
    value = 0.0 if at == len(top) - 1 and running[at] >= precision else float(top[order[at]])
    return Threshold(value, float(running[at]), (at + 1) / len(top), bool(good.size))
