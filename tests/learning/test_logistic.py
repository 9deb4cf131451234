"""Logistic regression finds the optimum: the same as scikit-learn's, by a gradient that is right."""

import warnings

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import check_grad
from sklearn.linear_model import LogisticRegression

from learning.blobs import Array, blobs
from whatsit.model.heads import LinearHead
from whatsit.training.calibration import softmax
from whatsit.training.heads import (
    HEAD_TYPES,
    Objective,
    Solution,
    Standardised,
    TrainingData,
    balanced_weights,
    fit_path,
)

SHAPES = {"n > dim": (400, 30, 3), "n < dim": (60, 200, 4), "two classes": (150, 40, 2), "many classes": (300, 20, 12)}


def scikit_learn(z: Array, labels: NDArray[np.int64], penalty: float, balance: bool) -> NDArray[np.float64]:
    """Its probabilities at the same optimum: C = 1 / (n λ). Of two classes it fits one vector, which is twice ours,
    so that its penalty is half of ours."""
    c = (2 if labels.max() == 1 else 1) / (len(labels) * penalty)
    model = LogisticRegression(C=c, max_iter=10_000, tol=1e-8, class_weight="balanced" if balance else None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        model.fit(z.astype(np.float64), labels)
    probabilities: NDArray[np.float64] = model.predict_proba(z.astype(np.float64))
    return probabilities


def solve(space: Standardised, labels: NDArray[np.int64], *penalties: float, balance: bool = False) -> Solution:
    classes = int(labels.max()) + 1
    weights = balanced_weights(labels, classes) if balance else None
    return list(fit_path(space.z, labels, classes, penalties, weights))[-1]


@pytest.mark.parametrize("balance", [False, True])
@pytest.mark.parametrize("penalty", [1, 0.03])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_equals_scikit_learns(shape: str, penalty: float, balance: bool) -> None:
    x, labels = blobs(*SHAPES[shape])
    if balance:
        kept = np.flatnonzero((labels > 0) | (np.arange(len(labels)) % 3 == 0))
        x, labels = x[kept], labels[kept]
    space = Standardised.of(x)
    ours = softmax(solve(space, labels, penalty, balance=balance).logits(space.z))
    np.testing.assert_allclose(ours, scikit_learn(space.z, labels, penalty, balance), atol=2e-3)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_gradient_is_that_of_the_loss(classes: int) -> None:
    x, labels = blobs(50, 8, classes)
    space = Standardised.of(x)
    weights = balanced_weights(labels, classes) / np.float32(50)
    objective = Objective(space.z, labels, weights, 0.1)
    theta = np.random.default_rng(0).normal(size=(space.z.shape[1] + 1) * classes)
    error = check_grad(lambda t: objective(t)[0], lambda t: objective(t)[1], theta, epsilon=1e-2)
    assert error < 0.02 * np.linalg.norm(objective(theta)[1])


def test_a_warm_start_does_not_change_the_answer() -> None:
    x, labels = blobs(200, 60, 4)
    space = Standardised.of(x)
    alone = solve(space, labels, 0.01)
    at_the_end = solve(space, labels, 3, 1, 0.3, 0.1, 0.03, 0.01)
    np.testing.assert_allclose(softmax(alone.logits(space.z)), softmax(at_the_end.logits(space.z)), atol=3e-3)


def test_a_class_that_a_fold_lacks_gets_next_to_no_probability() -> None:
    x, labels = blobs(120, 20, 3)
    data = TrainingData(x, labels, 3)
    rows = np.flatnonzero(labels != 2)
    for name in ("logistic", "mlp", "svm", "knn"):
        head_type = HEAD_TYPES[name]
        (head,) = head_type.fit(data, rows, head_type.grid[:1], final=True)
        probabilities = softmax(head.logits(x))
        assert np.isfinite(probabilities).all()
        assert set(probabilities.argmax(axis=1)) <= {0, 1}


def test_balanced_weights_are_scikit_learns() -> None:
    from sklearn.utils.class_weight import compute_sample_weight

    labels = np.array([0] * 50 + [1] * 5 + [3] * 20)
    np.testing.assert_allclose(balanced_weights(labels, 4), compute_sample_weight("balanced", labels), rtol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_head_answers_alike_on_raw_and_on_standardised_embeddings(shape: str) -> None:
    x, labels = blobs(*SHAPES[shape])
    space = Standardised.of(x)
    solution = solve(space, labels, 0.1)
    head = space.head(solution.coefficients, solution.intercept)
    assert isinstance(head, LinearHead)
    np.testing.assert_allclose(head.logits(x), solution.logits(space.z), atol=5e-3)


def test_few_photos_are_rotated_and_nothing_is_lost() -> None:
    for n, dim in ((300, 40), (40, 60), (40, 300)):
        x, _ = blobs(n, dim, 3)
        space = Standardised.of(x)
        scaled = (x - x.mean(axis=0)) / x.std(axis=0)
        if space.basis is None:
            assert n >= dim / 2
            np.testing.assert_allclose(space.z, scaled, atol=1e-3)
            continue
        assert space.z.shape == (n, n)
        np.testing.assert_allclose(space.basis.T @ space.basis, np.eye(n), atol=1e-4)
        np.testing.assert_allclose(space.z @ space.basis.T, scaled, atol=1e-3)


def test_constant_columns_are_harmless() -> None:
    x, labels = blobs(100, 20, 3)
    x[:, [0, 7]] = 5
    head = next(HEAD_TYPES["logistic"].fit(TrainingData(x, labels, 3), np.arange(100), (0.1,), final=True))
    assert isinstance(head, LinearHead)
    np.testing.assert_allclose(head.weight[[0, 7]], 0, atol=1e-6)
    shifted = x.copy()
    shifted[:, 0] = 5.01
    np.testing.assert_allclose(head.logits(shifted), head.logits(x), atol=1e-4)


def test_equal_embeddings_leave_the_shares_of_the_classes() -> None:
    x, labels = np.ones((8, 5), np.float32), np.array([0, 0, 0, 0, 0, 0, 1, 1])
    head = next(HEAD_TYPES["logistic"].fit(TrainingData(x, labels, 2), np.arange(8), (0.1,), final=True))
    np.testing.assert_allclose(softmax(head.logits(x))[0], [0.75, 0.25], atol=1e-3)
