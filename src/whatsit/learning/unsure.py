"""The top probability from which on an answer is given: chosen on held-out photos that are judged by the whole rule."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_ANSWERS = 20  # that a precision is read from, or half of the images where that is less: fewer are right by luck
DIGITS = 5  # of a probability that count; training and the exported graph round differently, by up to some 1e-6


@dataclass(frozen=True)
class Threshold:
    """Answers whose top probability is at least `value` are given; the rest are "unsure"."""

    value: float
    precision: float  # of the answers given, on the images that it was chosen on
    coverage: float  # their share of those images
    reached: bool  # whether the precision asked for was reached


def choose_threshold(
    top: NDArray[np.float64],
    correct: NDArray[np.bool_],
    precision: float,
    familiar: NDArray[np.bool_] | None = None,
) -> Threshold:
    """The lowest threshold whose given answers are right at least `precision` of the time.

    top: (n,) calibrated top probabilities of images that the head did not see; correct: (n,); familiar: (n,) whether an
    image is like those learned from, all by default: the others get no answer, whatever their probability. Where none
    with at least `LEAST_ANSWERS` reaches the precision, the one of those that comes nearest. Probabilities that are
    equal in `DIGITS` digits are answered together, and the threshold lies half a digit below them.
    """
    known = np.ones(len(top), np.bool_) if familiar is None else familiar
    if not known.any():
        return Threshold(1.0, 0.0, 0.0, reached=False)
    rounded, right = np.round(top[known], DIGITS), correct[known]
    order = np.argsort(-rounded, kind="stable")
    running = np.cumsum(right[order]) / np.arange(1, len(order) + 1)  # precision of the surest 1, 2, … n
    last_of_ties = np.append(np.diff(rounded[order]) != 0, True)
    counts = np.flatnonzero(last_of_ties)
    enough = counts[counts + 1 >= min(LEAST_ANSWERS, (len(order) + 1) // 2)]
    good = enough[running[enough] >= precision]
    at = int(good[-1] if good.size else enough[np.argmax(running[enough])])
    everything = at == len(order) - 1 and running[at] >= precision
    value = 0.0 if everything else max(0.0, float(rounded[order[at]]) - 0.5 * 10**-DIGITS)
    return Threshold(value, float(running[at]), (at + 1) / len(top), bool(good.size))
