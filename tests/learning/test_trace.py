"""The course of a fit: it starts at the shares of the classes, falls, and ends where the fitted head stands."""

import numpy as np
import pytest

from learning.blobs import blobs, folds_of
from whatsit.training.calibration import log_loss
from whatsit.training.heads import HEAD_TYPES, TrainingData
from whatsit.training.selection import make_folds, trace

SHAPES = {"n > dim": (400, 30, 3), "n < dim": (80, 200, 4), "two classes": (150, 40, 2)}


@pytest.mark.parametrize("balance", [False, True])
@pytest.mark.parametrize("regularization", [1.0, 0.003])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_ends_where_the_fitted_head_stands(shape: str, regularization: float, balance: bool) -> None:
    n, dim, classes = SHAPES[shape]
    x, labels = blobs(n, dim, classes)
    data = TrainingData(x, labels, classes, balance)
    one = make_folds(folds_of(n))[0]
    (head,) = HEAD_TYPES["logistic"].fit(data, one.train, (regularization,), final=True)
    last = trace(data, regularization, one)[-1]
    for rows, loss, accuracy in (
        (one.train, last.train_loss, last.train_accuracy),
        (one.held_out, last.valid_loss, last.valid_accuracy),
    ):
        logits = head.logits(x[rows])
        assert loss == pytest.approx(log_loss(logits, labels[rows]), abs=1e-4)
        assert accuracy == pytest.approx((logits.argmax(axis=1) == labels[rows]).mean(), abs=1 / len(rows))


def test_it_starts_at_the_shares_of_the_classes_and_falls() -> None:
    x, labels = blobs(200, 30, 4)
    one = make_folds(folds_of(200))[0]
    steps = trace(TrainingData(x, labels, 4), 0.03, one)
    assert [step.iteration for step in steps] == list(range(len(steps)))
    assert len(steps) > 5
    shares = np.bincount(labels[one.train]) / len(one.train)
    assert steps[0].train_loss == pytest.approx(float(-(shares * np.log(shares)).sum()), abs=1e-5)
    losses = [step.train_loss for step in steps]
    assert losses[-1] < losses[0] - 0.1
    assert losses[-1] <= min(losses) + 0.01  # the penalty's part may still fall while the loss's does not
    assert steps[-1].train_accuracy > 0.8


@pytest.mark.parametrize("head", ["mlp", "svm", "knn"])
def test_other_heads_have_no_course(head: str) -> None:
    x, labels = blobs(60, 10, 3)
    head_type = next(head_type for head_type in HEAD_TYPES.values() if head_type.name == head)
    assert trace(TrainingData(x, labels, 3), 1.0, make_folds(folds_of(60))[0], head_type.name) == []
