"""The regularization is chosen on photos that the head did not see; the same twice, byte for byte."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from learning.blobs import Array, Labels, blobs, folds_of
from whatsit.model.heads import Head, LinearHead, MLPHead, NeighbourHead
from whatsit.training.calibration import log_loss
from whatsit.training.heads import HEAD_TYPES, HeadType, TrainingData
from whatsit.training.selection import PATIENCE, Fold, SelectedHead, held_out_logits, make_folds, select_head


class Sharp:
    """Right about the label, which it finds in column 0, for the share of photos that it is told."""

    def __init__(self, right: float, classes: int) -> None:
        self.right = right
        self.classes = classes

    def logits(self, x: Array) -> Array:
        wrong = x[:, 1] > self.right
        label = (x[:, 0].astype(np.int64) + wrong) % self.classes
        return (4 * np.eye(self.classes)[label]).astype(np.float32)


def scripted(right: Sequence[float]) -> tuple[HeadType, list[float]]:
    """A head type whose heads are as good as written here; also the values that were tried."""
    tried: list[float] = []

    def fit(data: TrainingData, rows: Labels, grid: Sequence[float], *, final: bool) -> Iterator[Head]:
        for regularization in grid:
            if not final:
                tried.append(regularization)
            yield Sharp(right[int(regularization)], data.classes)

    return replace(HEAD_TYPES["logistic"], grid=tuple(range(len(right))), fit=fit), tried


def scripted_data() -> tuple[TrainingData, list[Fold]]:
    labels = np.arange(60) % 3
    x = np.stack([labels, np.linspace(0, 1, 60)], axis=1).astype(np.float32)
    return TrainingData(x, labels, 3), [Fold(np.arange(30), np.arange(60))]


def test_the_least_loss_wins() -> None:
    data, rounds = scripted_data()
    head_type, _ = scripted([0.3, 0.6, 0.9, 0.7, 0.8])
    selected = select_head(data, head_type, rounds)
    assert selected.regularization == 2
    assert selected.losses[2] == min(selected.losses.values())
    assert isinstance(selected.head, Sharp)
    assert selected.head.right == 0.9


def test_weaker_ones_are_tried_no_more_after_a_few_without_gain() -> None:
    data, rounds = scripted_data()
    head_type, tried = scripted([0.5, 0.9, 0.6, 0.6, 0.6, 1.0])
    selected = select_head(data, head_type, rounds)
    assert selected.regularization == 1
    assert max(tried) == 1 + PATIENCE
    assert list(selected.losses) == [0, 1, 2, 3]


def test_a_gain_within_the_patience_goes_on() -> None:
    data, rounds = scripted_data()
    head_type, _ = scripted([0.5, 0.9, 0.6, 0.95, 0.6, 0.6, 1.0])
    assert select_head(data, head_type, rounds).regularization == 3


def test_a_head_type_without_values_is_refused() -> None:
    data, rounds = scripted_data()
    with pytest.raises(ValueError, match="no values"):
        select_head(data, replace(HEAD_TYPES["logistic"], grid=()), rounds)


def test_every_row_is_held_out_once_and_never_fitted_on_then() -> None:
    folds = folds_of(50)
    rounds = make_folds(folds)
    assert len(rounds) == 4
    assert sorted(np.concatenate([r.held_out for r in rounds])) == list(range(50))
    assert all(not set(r.train) & set(r.held_out) and len(r.train) + len(r.held_out) == 50 for r in rounds)


def some_data() -> tuple[TrainingData, list[Fold]]:
    x, labels = blobs(160, 40, 3, apart=0.8)
    return TrainingData(x, labels, 3), make_folds(folds_of(160))


@pytest.mark.parametrize("name", HEAD_TYPES)
def test_held_out_logits_belong_to_the_rows_said(name: str) -> None:
    head_type = next(one for one in HEAD_TYPES.values() if one.name == name)
    data, rounds = some_data()
    selected = select_head(data, head_type, rounds)
    labels = data.labels[selected.held_out_rows]
    ranked_at = 1.0 if head_type.probabilistic else selected.temperature
    assert log_loss(selected.held_out_logits, labels, ranked_at) == pytest.approx(
        selected.losses[selected.regularization]
    )
    assert log_loss(selected.held_out_logits, labels, selected.temperature) < np.log(3)
    again = held_out_logits(data, head_type, selected.regularization, rounds)
    agree = (again.argmax(axis=1) == selected.held_out_logits.argmax(axis=1)).mean()
    assert agree > 0.95


def arrays(selected: SelectedHead) -> list[NDArray[np.generic]]:
    head = selected.head
    if isinstance(head, LinearHead):
        return [head.weight, head.bias, selected.held_out_logits]
    if isinstance(head, MLPHead):
        return [head.hidden_weight, head.hidden_bias, head.weight, head.bias, selected.held_out_logits]
    assert isinstance(head, NeighbourHead)
    return [head.directions, head.votes, selected.held_out_logits]


@pytest.mark.parametrize("name", HEAD_TYPES)
def test_twice_the_same_byte_for_byte(name: str) -> None:
    head_type = next(one for one in HEAD_TYPES.values() if one.name == name)
    one, two = (select_head(*some_data()[:1], head_type, some_data()[1]) for _ in range(2))
    assert (one.regularization, one.temperature, one.losses) == (two.regularization, two.temperature, two.losses)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(arrays(one), arrays(two), strict=True))


def test_one_round_or_several_give_a_head_of_all_rows() -> None:
    data, rounds = some_data()
    single = select_head(data, HEAD_TYPES["knn"], rounds[:1])
    assert isinstance(single.head, NeighbourHead)
    assert len(single.head.directions) == 160
    assert len(single.held_out_rows) == 40


def test_learning_from_a_subset_is_learning_from_its_rows_alone() -> None:
    data, _ = some_data()
    rows = np.arange(0, 160, 2)
    part = data.subset(rows)
    np.testing.assert_array_equal(part.x, data.x[rows])
    assert part.space.z.shape[0] == 80
