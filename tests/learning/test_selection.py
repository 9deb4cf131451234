"""The strength is chosen on photos that the head did not see; the same twice, byte for byte."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from learning.blobs import Array, Labels, blobs, folds_of
from whatsit.model.heads import Head, LinearHead, MLPHead, NeighbourHead
from whatsit.training.calibration import log_loss
from whatsit.training.heads import FAMILIES, Family, Problem
from whatsit.training.selection import PATIENCE, Chosen, Round, choose, fold_rounds, held_out_logits


class Sharp:
    """Right about the label, which it finds in column 0, for the share of photos that it is told."""

    def __init__(self, right: float, classes: int) -> None:
        self.right = right
        self.classes = classes

    def logits(self, x: Array) -> Array:
        wrong = x[:, 1] > self.right
        label = (x[:, 0].astype(np.int64) + wrong) % self.classes
        return (4 * np.eye(self.classes)[label]).astype(np.float32)


def scripted(right: Sequence[float]) -> tuple[Family, list[float]]:
    """A family whose heads are as good as written here; also the strengths that were tried."""
    tried: list[float] = []

    def fit(problem: Problem, rows: Labels, strengths: Sequence[float], *, final: bool) -> Iterator[Head]:
        for strength in strengths:
            if not final:
                tried.append(strength)
            yield Sharp(right[int(strength)], problem.classes)

    return replace(FAMILIES["logistic"], strengths=tuple(range(len(right))), fit=fit), tried


def scripted_problem() -> tuple[Problem, list[Round]]:
    labels = np.arange(60) % 3
    x = np.stack([labels, np.linspace(0, 1, 60)], axis=1).astype(np.float32)
    return Problem(x, labels, 3), [Round(np.arange(30), np.arange(60))]


def test_the_least_loss_wins() -> None:
    problem, rounds = scripted_problem()
    family, _ = scripted([0.3, 0.6, 0.9, 0.7, 0.8])
    chosen = choose(problem, family, rounds)
    assert chosen.strength == 2
    assert chosen.losses[2] == min(chosen.losses.values())
    assert isinstance(chosen.head, Sharp)
    assert chosen.head.right == 0.9


def test_weaker_ones_are_tried_no_more_after_a_few_without_gain() -> None:
    problem, rounds = scripted_problem()
    family, tried = scripted([0.5, 0.9, 0.6, 0.6, 0.6, 1.0])
    chosen = choose(problem, family, rounds)
    assert chosen.strength == 1
    assert max(tried) == 1 + PATIENCE
    assert list(chosen.losses) == [0, 1, 2, 3]


def test_a_gain_within_the_patience_goes_on() -> None:
    problem, rounds = scripted_problem()
    family, _ = scripted([0.5, 0.9, 0.6, 0.95, 0.6, 0.6, 1.0])
    assert choose(problem, family, rounds).strength == 3


def test_a_family_without_strengths_is_refused() -> None:
    problem, rounds = scripted_problem()
    with pytest.raises(ValueError, match="no strengths"):
        choose(problem, replace(FAMILIES["logistic"], strengths=()), rounds)


def test_every_row_is_held_out_once_and_never_fitted_on_then() -> None:
    folds = folds_of(50)
    rounds = fold_rounds(folds)
    assert len(rounds) == 4
    assert sorted(np.concatenate([r.held_out for r in rounds])) == list(range(50))
    assert all(not set(r.fit) & set(r.held_out) and len(r.fit) + len(r.held_out) == 50 for r in rounds)


def some_problem() -> tuple[Problem, list[Round]]:
    x, labels = blobs(160, 40, 3, apart=0.8)
    return Problem(x, labels, 3), fold_rounds(folds_of(160))


@pytest.mark.parametrize("name", FAMILIES)
def test_held_out_logits_belong_to_the_rows_said(name: str) -> None:
    family = next(one for one in FAMILIES.values() if one.name == name)
    problem, rounds = some_problem()
    chosen = choose(problem, family, rounds)
    labels = problem.labels[chosen.held_out_rows]
    ranked_at = 1.0 if family.probabilistic else chosen.temperature
    assert log_loss(chosen.held_out_logits, labels, ranked_at) == pytest.approx(chosen.losses[chosen.strength])
    assert log_loss(chosen.held_out_logits, labels, chosen.temperature) < np.log(3)
    again = held_out_logits(problem, family, chosen.strength, rounds)
    agree = (again.argmax(axis=1) == chosen.held_out_logits.argmax(axis=1)).mean()
    assert agree > 0.95


def arrays(chosen: Chosen) -> list[NDArray[np.generic]]:
    head = chosen.head
    if isinstance(head, LinearHead):
        return [head.weight, head.bias, chosen.held_out_logits]
    if isinstance(head, MLPHead):
        return [head.hidden_weight, head.hidden_bias, head.weight, head.bias, chosen.held_out_logits]
    assert isinstance(head, NeighbourHead)
    return [head.directions, head.votes, chosen.held_out_logits]


@pytest.mark.parametrize("name", FAMILIES)
def test_twice_the_same_byte_for_byte(name: str) -> None:
    family = next(one for one in FAMILIES.values() if one.name == name)
    one, two = (choose(*some_problem()[:1], family, some_problem()[1]) for _ in range(2))
    assert (one.strength, one.temperature, one.losses) == (two.strength, two.temperature, two.losses)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(arrays(one), arrays(two), strict=True))


def test_one_round_or_several_give_a_head_of_all_rows() -> None:
    problem, rounds = some_problem()
    single = choose(problem, FAMILIES["knn"], rounds[:1])
    assert isinstance(single.head, NeighbourHead)
    assert len(single.head.directions) == 160
    assert len(single.held_out_rows) == 40


def test_learning_from_a_subset_is_learning_from_its_rows_alone() -> None:
    problem, _ = some_problem()
    rows = np.arange(0, 160, 2)
    part = problem.subset(rows)
    np.testing.assert_array_equal(part.x, problem.x[rows])
    assert part.space.z.shape[0] == 80
