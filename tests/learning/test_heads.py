"""The other heads: a support vector machine like scikit-learn's, neighbours as counted by hand."""

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from learning.blobs import blobs
from whatsit.model.heads import LinearHead, NeighbourHead
from whatsit.training.heads import HEAD_TYPES, TrainingData


@pytest.mark.parametrize("balance", [False, True])
@pytest.mark.parametrize("classes", [2, 4])
def test_svm_gives_linear_svcs_margins(classes: int, balance: bool) -> None:
    x, labels = blobs(150, 25, classes)
    x, labels = x[20 * (classes - 1) :], labels[20 * (classes - 1) :]
    data = TrainingData(x, labels, classes, balance)
    head = next(HEAD_TYPES["svm"].fit(data, np.arange(len(x)), (1e-3,), final=True))
    theirs = LinearSVC(C=1e-3, dual="auto", random_state=0, max_iter=5000, class_weight="balanced" if balance else None)
    margins = theirs.fit(data.space.z, labels).decision_function(data.space.z)
    expected = np.stack([-margins, margins], axis=1) if classes == 2 else margins
    assert isinstance(head, LinearHead)
    np.testing.assert_allclose(head.logits(x), expected, atol=0.02)


def test_neighbours_are_counted_by_cosine() -> None:
    x = np.array([[1, 0], [3, 0.1], [0, 2], [0.1, 1], [-1, -1]], np.float32)
    data = TrainingData(x, np.array([0, 0, 1, 1, 2]), 3)
    (head,) = HEAD_TYPES["knn"].fit(data, np.arange(5), (3,), final=True)
    logits = head.logits(np.array([[100, 1], [0, 0.01]], np.float32))
    np.testing.assert_allclose(logits, np.log([[2.5, 1.5, 0.5], [1.5, 2.5, 0.5]]), rtol=1e-5)


def test_balanced_votes_weigh_rare_classes_more() -> None:
    x = np.eye(4, dtype=np.float32)
    data = TrainingData(x, np.array([0, 0, 0, 1]), 2, balance=True)
    (head,) = HEAD_TYPES["knn"].fit(data, np.arange(4), (4,), final=True)
    np.testing.assert_allclose(head.logits(x)[0], np.log([2.5, 2.5]), rtol=1e-6)


def test_no_more_neighbours_than_photos() -> None:
    x, labels = blobs(6, 4, 2)
    heads = list(HEAD_TYPES["knn"].fit(TrainingData(x, labels, 2), np.arange(6), (50, 1), final=True))
    assert [head.k for head in heads if isinstance(head, NeighbourHead)] == [6, 1]
    assert all(np.isfinite(head.logits(x)).all() for head in heads)


def test_many_queries_are_answered_in_blocks() -> None:
    x, labels = blobs(40, 6, 3)
    (head,) = HEAD_TYPES["knn"].fit(TrainingData(x, labels, 3), np.arange(40), (5,), final=True)
    many, _ = blobs(2500, 6, 3, seed=3)
    one_by_one = np.concatenate([head.logits(many[i : i + 1]) for i in (0, 1023, 1024, 2499)])
    np.testing.assert_allclose(head.logits(many)[[0, 1023, 1024, 2499]], one_by_one, rtol=1e-5)
    assert head.logits(many[:0]).shape == (0, 3)


@pytest.mark.parametrize("name", HEAD_TYPES)
def test_a_grid_goes_from_strong_to_weak(name: str) -> None:
    """The path stops early, so it must begin where a head follows its photos the least."""
    head_type = next(one for one in HEAD_TYPES.values() if one.name == name)
    x, labels = blobs(90, 30, 3, apart=0.7)
    heads = list(head_type.fit(TrainingData(x, labels, 3), np.arange(90), head_type.grid, final=False))
    right = [(head.logits(x).argmax(axis=1) == labels).mean() for head in heads]
    assert right[0] < right[-1] > 0.8
    assert np.corrcoef(right, np.arange(len(right)))[0, 1] > 0.5


def test_photos_that_are_far_away_get_finite_logits() -> None:
    x, labels = blobs(60, 10, 3)
    for head_type in HEAD_TYPES.values():
        (head,) = head_type.fit(TrainingData(x, labels, 3), np.arange(60), head_type.grid[-1:], final=True)
        extreme = np.stack([np.zeros(10), np.full(10, 1e4), np.full(10, -1e4)]).astype(np.float32)
        assert np.isfinite(head.logits(extreme)).all()
