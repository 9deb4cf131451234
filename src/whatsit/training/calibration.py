"""Calibration of a fitted head on held-out photos: temperature, threshold of "unsure", and out-of-distribution score.

- Temperature scaling (Guo et al. 2017): one number that makes the probabilities match the share of right answers.
- The threshold: the lowest top probability at which an answer is given.
- The out-of-distribution score: the cosine similarity to the nearest of up to a thousand training photos. A head
  divides all of space among its classes, so its probability can be high for a picture of something else. The distance
  to the nearest training embedding shows that (Sun et al. 2022). On five sets it found foreign photos far better than
  the top probability did (benchmarks/RESULTS.md).

The module does not decide about a new photo: `whatsit/decide.py` does.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whatsit.data.near.neighbours import nearest
from whatsit.data.near.rows import unit_rows
from whatsit.model.heads import AT_ONCE, MAX_REFERENCES, OutOfDistributionScore

Array = NDArray[np.float32]
LOG_TEMPERATURE_BOUNDS = (-3.0, 3.0)  # from 0.05 to 20


def log_softmax(logits: Array, temperature: float = 1.0) -> NDArray[np.float64]:
    """(n, classes) → log probabilities (n, classes) of logits / temperature."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    out: NDArray[np.float64] = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    return out


def softmax(logits: Array, temperature: float = 1.0) -> NDArray[np.float64]:
    """(n, classes) → probabilities (n, classes)."""
    return np.exp(log_softmax(logits, temperature))


def log_losses(logits: Array, labels: NDArray[np.int64], temperature: float = 1.0) -> NDArray[np.float64]:
    """(n,): the negative log probability of each label, in nats."""
    out: NDArray[np.float64] = -log_softmax(logits, temperature)[np.arange(len(labels)), labels]
    return out


def log_loss(logits: Array, labels: NDArray[np.int64], temperature: float = 1.0) -> float:
    """Mean negative log probability of the given labels, in nats."""
    return float(log_losses(logits, labels, temperature).mean())


def fit_temperature(logits: Array, labels: NDArray[np.int64]) -> float:
    """The temperature of least log loss, on images that the head was not fitted on.

    Labels count as right with probability (n + 1) / (n + 2) only (Laplace's rule of succession, as in Platt 1999):
    else a few images, all of them right, would ask for a temperature of 0 and a probability of 1 for ever after.
    """
    from scipy.optimize import minimize_scalar

    n, classes = logits.shape
    doubt = classes / (classes - 1) / (n + 2)  # spread evenly over all classes, so 1 / (n + 2) on the wrong ones
    rows = np.arange(n)

    def loss(log_t: float) -> float:
        logs = log_softmax(logits, float(np.exp(log_t)))
        return float(-((1 - doubt) * logs[rows, labels] + doubt * logs.mean(axis=1)).mean())

    best = minimize_scalar(loss, bounds=LOG_TEMPERATURE_BOUNDS, method="bounded")
    return float(np.exp(best.x))


def calibrated_losses(logits: Array, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n,): log losses at the temperature that these very images ask for; all nan where a logit is no number."""
    if not np.isfinite(logits).all():
        return np.full(len(labels), np.nan)
    return log_losses(logits, labels, fit_temperature(logits, labels))


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
    image is like the training images, all by default: the others get no answer, whatever their probability. Where none
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


KEPT = 0.99  # share of photos like the training photos that pass
ROUNDING = 1e-4  # by which the graph's cosines may differ from those here; copies of one picture are to pass


def fit_ood_score(
    x: Array,
    labels: NDArray[np.int64],
    components: NDArray[np.int64],
    new: NDArray[np.int64] | None = None,
) -> OutOfDistributionScore:
    """References spread evenly over the classes; the limit from photos compared to others than their own copies.

    x: (n, dim) training embeddings; labels: (n,); components: (n,), equal for copies and groups; new: rows that the
    network which made the embeddings was not trained on, where it was trained on the others. A network that is trained
    for long draws the photos of a class together (Papyan, Han & Donoho 2020), and new photos less: so the limit lets
    99 % of those pass, too, where there are some.
    """
    rows = np.sort(in_turn(labels)[:MAX_REFERENCES])
    references, of_references = unit_rows(x[rows]).astype(np.float16), components[rows]

    def hide_copies(cosines: Array, start: int, first: int) -> None:
        mine, its = components[start : start + len(cosines)], of_references[first : first + cosines.shape[1]]
        cosines[mine[:, None] == its] = -1

    found = nearest(x, references.astype(np.float32), 1, hide=hide_copies, at_once=AT_ONCE)
    similarity = found.cosines[:, 0]
    similarities = [similarity] if new is None else [similarity, similarity[new]]
    limit = min(float(np.quantile(one, 1 - KEPT)) for one in similarities) - ROUNDING
    return OutOfDistributionScore(references, limit, rows, similarity)


def in_turn(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) all rows: the first of every class, the second of every class, and so on."""
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], labels[order])
    turn = np.empty(len(labels), np.int64)
    turn[order] = np.arange(len(labels)) - starts
    return np.argsort(turn, kind="stable")
