"""A multilayer perceptron on embeddings: one hidden layer with ReLU and dropout, trained by Adam in NumPy.

It can learn what no linear head can, such as a class of two unlike kinds of photos. It needs no PyTorch: the forward
pass is two matrix products, and the gradients are three more.

One training gives the whole grid. Its values are numbers of epochs: the more epochs, the weaker the regularization. The
weights after 12 epochs continue from those after 8.

This module knows nothing of folds, temperatures or files.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whatsit.model.heads import MLPHead

Array = NDArray[np.float32]

# Chosen by held-out log loss on photos to learn from of four sets (benchmarks/RESULTS.md, section 21).
HIDDEN = 128  # units; 256 gained 0.004 nats and took twice as long
DROPOUT = 0.5  # share of the hidden units that a step leaves out (Srivastava et al. 2014)
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 10.0  # decoupled, times the learning rate a step (Loshchilov & Hutter 2019); trainings are short
BATCH = 128  # photos a step, or fewer:
LEAST_STEPS = 4  # an epoch, however few the photos are
FIRST_MOMENT, SECOND_MOMENT, EPSILON = 0.9, 0.999, 1e-8  # Adam's (Kingma & Ba 2015)
AVERAGED = 8  # snapshots an epoch, whose running mean is the head: single steps of a constant rate are noisy


@dataclass(frozen=True)
class Scale:
    """Embeddings → inputs of the hidden layer: centred, each column by the root of its standard deviation.

    That is half-way between raw columns, which did best with few photos, and standardised ones, which did with many.
    """

    mean: Array  # (dim,)
    divisor: Array  # (dim,)

    @classmethod
    def of(cls, x: Array) -> "Scale":
        """x: (n, dim), of photos to learn from."""
        mean = x.mean(axis=0, dtype=np.float64)
        std = x.std(axis=0, dtype=np.float64)
        std[std < 1e-6] = 1
        overall = np.sqrt(max(((x - mean) ** 2 / std).mean(), 1e-12))  # so that inputs have a mean square of 1
        return cls(mean.astype(np.float32), (np.sqrt(std) * overall).astype(np.float32))

    def inputs(self, x: Array) -> Array:
        """(n, dim) → (n, dim)."""
        out: Array = (x - self.mean) / self.divisor
        return out

    def head(self, hidden: Array, hidden_bias: Array, weight: Array, bias: Array) -> MLPHead:
        """Layers on inputs → the same function of raw embeddings."""
        raw = hidden / self.divisor[:, None]
        return MLPHead(raw, hidden_bias - self.mean @ raw, weight.copy(), bias.copy())


class Adam:
    """Adam with decoupled weight decay, on arrays that it changes in place; and their running mean."""

    def __init__(self, arrays: Sequence[Array], averaged_every: int) -> None:
        self._arrays = arrays
        self._first = [np.zeros_like(array) for array in arrays]
        self._second = [np.zeros_like(array) for array in arrays]
        self._spare = [np.empty_like(array) for array in arrays]
        self.mean = [array.copy() for array in arrays]
        self._averaged_every = averaged_every
        self._steps = 0

    def step(self, gradients: Sequence[Array]) -> None:
        """One step. Matrices decay, biases do not."""
        self._steps += 1
        unbiased = np.sqrt(1 - SECOND_MOMENT**self._steps)
        rate = np.float32(LEARNING_RATE * unbiased / (1 - FIRST_MOMENT**self._steps))
        epsilon = np.float32(EPSILON * unbiased)
        for array, gradient, first, second, spare in zip(
            self._arrays, gradients, self._first, self._second, self._spare, strict=True
        ):
            first *= np.float32(FIRST_MOMENT)
            first += np.multiply(gradient, np.float32(1 - FIRST_MOMENT), out=spare)
            second *= np.float32(SECOND_MOMENT)
            np.multiply(gradient, gradient, out=spare)
            spare *= np.float32(1 - SECOND_MOMENT)
            second += spare
            np.sqrt(second, out=spare)
            spare += epsilon
            np.divide(first, spare, out=spare)
            spare *= rate
            if array.ndim == 2:
                array *= np.float32(1 - LEARNING_RATE * WEIGHT_DECAY)
            array -= spare
        if self._steps % self._averaged_every == 0:
            share = np.float32(1 / min(self._steps // self._averaged_every, AVERAGED))
            for mean, array, spare in zip(self.mean, self._arrays, self._spare, strict=True):
                np.subtract(array, mean, out=spare)
                spare *= share
                mean += spare


def fit_path(
    x: Array,
    labels: NDArray[np.int64],
    bias: Array,
    weights: Array,
    epochs: Sequence[int],
    seed: int,
) -> Iterator[MLPHead]:
    """One head a number of epochs, in ascending order, each made when asked for.

    x: (n, dim) float32 raw embeddings; labels: (n,) in 0 … classes − 1; bias: (classes,) of the output to begin with,
    the logs of the classes' shares; weights: (n,) of each photo, 1 on average. The same seed gives the same heads.
    """
    rng = np.random.default_rng(seed)
    scale = Scale.of(x)
    inputs = scale.inputs(x)
    truth = np.eye(len(bias), dtype=np.float32)[labels]  # (n, classes)
    layers = _drawn(rng, x.shape[1], bias)
    steps = min(len(x), max(LEAST_STEPS, round(len(x) / BATCH)))
    adam = Adam(layers, averaged_every=max(1, steps // AVERAGED))
    done = 0
    for until in epochs:
        for _ in range(done, int(until)):
            for rows in np.array_split(rng.permutation(len(x)), steps):
                adam.step(gradients(layers, inputs[rows], truth[rows], weights[rows], rng))
        done = int(until)
        yield scale.head(*adam.mean)


def _drawn(rng: np.random.Generator, dim: int, bias: Array) -> list[Array]:
    """Hidden weights by He et al. 2015; an output that says the classes' shares of every photo."""
    hidden = rng.standard_normal((dim, HIDDEN), np.float32) * np.float32(np.sqrt(2 / dim))
    return [hidden, np.zeros(HIDDEN, np.float32), np.zeros((HIDDEN, len(bias)), np.float32), bias.copy()]


def gradients(
    layers: Sequence[Array], x: Array, truth: Array, weights: Array, rng: np.random.Generator
) -> tuple[Array, ...]:
    """Of the mean weighted cross-entropy of a batch, by each of the layers, with a draw of dropout."""
    hidden_weight, hidden_bias, weight, bias = layers
    hidden: Array = x @ hidden_weight + hidden_bias  # (batch, hidden)
    kept = (hidden > 0) & (rng.random(hidden.shape, np.float32) >= DROPOUT)
    passed: Array = kept.astype(np.float32) / np.float32(1 - DROPOUT)  # what a unit's value is multiplied by
    hidden *= passed
    logits = hidden @ weight + bias  # (batch, classes)
    logits -= logits.max(axis=1, keepdims=True)
    error: Array = np.exp(logits)
    error /= error.sum(axis=1, keepdims=True)
    error -= truth
    error *= weights[:, None] / np.float32(len(x))
    below: Array = (error @ weight.T) * passed
    return x.T @ below, below.sum(axis=0), hidden.T @ error, error.sum(axis=0)
