"""The multilayer perceptron: it learns what no linear head can, by gradients that are right, the same for a seed."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import check_grad

from learning.blobs import Array, Labels, blobs, folds_of
from whatsit.model.heads import MLPHead
from whatsit.training import mlp
from whatsit.training.heads import HEAD_TYPES, TrainingData
from whatsit.training.selection import make_folds, select_head


def exclusive_or(n: int, seed: int = 0) -> tuple[Array, Labels]:
    """(n, 20) and (n,): four clouds, of which those on a diagonal are one class. No plane divides the classes."""
    rng = np.random.default_rng(seed)
    corners = np.arange(n) % 4
    x = rng.normal(size=(n, 20)) * 0.5
    x[:, 0] += 2 * (corners % 2) - 1
    x[:, 1] += 2 * (corners // 2) - 1
    return x.astype(np.float32), (corners % 2) ^ (corners // 2)


def test_it_learns_what_no_linear_head_can() -> None:
    x, labels = exclusive_or(600)
    new, truth = exclusive_or(400, seed=1)
    rounds = make_folds(folds_of(600))
    right = {
        name: (
            select_head(TrainingData(x, labels, 2), HEAD_TYPES[name], rounds).head.logits(new).argmax(axis=1) == truth
        ).mean()
        for name in ("logistic", "mlp")
    }
    assert right["logistic"] < 0.6
    assert right["mlp"] > 0.9


def fitted(seed: int, epochs: float = 3, labels: Labels | None = None) -> MLPHead:
    x, given = blobs(120, 30, 3)
    data = TrainingData(x, given if labels is None else labels, 3, seed=seed)
    (head,) = HEAD_TYPES["mlp"].fit(data, np.arange(120), (epochs,), final=True)
    assert isinstance(head, MLPHead)
    return head


def test_a_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    one, two, other = fitted(seed=3), fitted(seed=3), fitted(seed=4)
    assert one.hidden_weight.tobytes() == two.hidden_weight.tobytes()
    assert one.weight.tobytes() == two.weight.tobytes()
    assert one.weight.tobytes() != other.weight.tobytes()


def test_a_head_is_the_same_whether_the_path_stops_before_it_or_not() -> None:
    x, labels = blobs(120, 30, 3)
    path = list(HEAD_TYPES["mlp"].fit(TrainingData(x, labels, 3, seed=3), np.arange(120), (1, 3, 5), final=False))
    assert isinstance(path[1], MLPHead)
    assert path[1].weight.tobytes() == fitted(seed=3).weight.tobytes()


def test_it_begins_at_the_shares_of_the_classes() -> None:
    labels = np.repeat([0, 1, 2], [90, 20, 10])
    x, _ = blobs(120, 30, 3)
    logits = fitted(seed=0, epochs=0, labels=labels).logits(x)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, np.broadcast_to([90 / 120, 20 / 120, 10 / 120], (120, 3)), rtol=1e-4)


class _NothingLeftOut:
    """A generator whose dropout keeps every unit."""

    def random(self, shape: tuple[int, ...], _: type) -> Array:
        return np.ones(shape, np.float32)


@pytest.mark.parametrize("classes", [2, 4])
def test_the_gradients_are_those_of_the_loss(classes: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 6))
    labels, weights = np.arange(30) % classes, rng.uniform(0.5, 2, 30)
    shapes = [(6, 5), (5,), (5, classes), (classes,)]
    sizes = np.cumsum([int(np.prod(shape)) for shape in shapes])
    draw: np.random.Generator = _NothingLeftOut()  # type: ignore[assignment]

    def layers(flat: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        return [part.reshape(shape) for part, shape in zip(np.split(flat, sizes[:-1]), shapes, strict=True)]

    def loss(flat: NDArray[np.float64]) -> float:
        hidden_weight, hidden_bias, weight, bias = layers(flat)
        hidden = np.maximum(x @ hidden_weight + hidden_bias, 0) / (1 - mlp.DROPOUT)  # as units that are kept
        logits = hidden @ weight + bias
        logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return float(-(weights * logs[np.arange(30), labels]).mean())

    def gradient(flat: NDArray[np.float64]) -> NDArray[np.float64]:
        truth = np.eye(classes)[labels]
        parts = mlp.gradients(layers(flat), x, truth, weights, draw)  # type: ignore[arg-type]
        return np.concatenate([part.ravel() for part in parts])

    start = rng.normal(size=sizes[-1])
    assert check_grad(loss, gradient, start) < 1e-4


def test_weights_of_rare_classes_count() -> None:
    """Balanced, a class of few photos is predicted as often as it occurs; else hardly ever."""
    rng = np.random.default_rng(0)
    labels = (np.arange(300) % 10 == 0).astype(np.int64)
    x = (rng.normal(size=(300, 10)) + 0.6 * labels[:, None]).astype(np.float32)
    found = {}
    for balance in (False, True):
        (head,) = HEAD_TYPES["mlp"].fit(TrainingData(x, labels, 2, balance), np.arange(300), (12,), final=True)
        found[balance] = (head.logits(x).argmax(axis=1) == 1)[labels == 1].mean()
    assert found[True] > 0.8
    assert found[False] < found[True] - 0.2


def test_constant_columns_and_equal_photos_are_harmless() -> None:
    x, labels = blobs(40, 12, 2)
    x[:, [0, 5]] = 7
    for given in (x, np.ones_like(x)):
        (head,) = HEAD_TYPES["mlp"].fit(TrainingData(given, labels, 2), np.arange(40), (5,), final=True)
        assert np.isfinite(head.logits(given)).all()
