"""Who wins, who is as good within noise, and what the numbers of a pair are."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from whatsit.training.compare.result import Comparison

from .made_up import made_up, rights, side_by_side


def test_most_right_wins() -> None:
    comparison = side_by_side(made_up("probe", rights(50, range(9))), made_up("finetune", rights(50, range(3))))
    assert comparison.winner.name == "finetune"
    assert comparison.photos == 50


def test_of_equals_the_smaller_log_loss_wins_and_then_the_first() -> None:
    right = rights(50, range(5))
    trials = [made_up(name, right, log_loss=loss) for name, loss in (("a", 0.5), ("b", 0.2), ("c", 0.2))]
    assert side_by_side(*trials).winner.name == "b"


def test_a_pair_counts_what_one_alone_has_right() -> None:
    comparison = side_by_side(made_up("a", rights(40, (0, 1, 2))), made_up("b", rights(40, (2, 3))))
    (pair,) = comparison.pairs
    assert (pair.first, pair.second, pair.only_first, pair.only_second) == ("a", "b", 1, 2)
    assert pair.p_value == 1
    assert pair.by_chance


def test_noise_ends_where_six_photos_are_one_sided() -> None:
    """The exact test's p of 0 : 5 is 0.0625, of 0 : 6 is 0.03125."""
    for wrong, noise in ((5, True), (6, False)):
        comparison = side_by_side(made_up("probe", rights(100, range(wrong))), made_up("scratch", rights(100)))
        assert comparison.pairs[0].by_chance is noise
        assert [t.name for t in comparison.as_good] == (["probe"] if noise else [])


def test_photos_of_one_group_are_one_witness() -> None:
    """0 : 6 photos are no noise; where they are of two patients, they are."""
    units = np.arange(100) // 3
    alone, grouped = (
        side_by_side(made_up("probe", rights(100, range(6)), units=of), made_up("scratch", rights(100), units=of))
        for of in (None, units)
    )
    assert (alone.test, grouped.test) == ("McNemar's test", "McNemar's test over groups")
    assert (alone.pairs[0].by_chance, grouped.pairs[0].by_chance) == (False, True)
    assert (alone.to_dict()["units"], grouped.to_dict()["units"]) == (100, 34)
    assert grouped.trials[0].accuracy.low < alone.trials[0].accuracy.low


def test_the_cheapest_is_as_good_as_the_winner() -> None:
    comparison = side_by_side(
        made_up("probe", rights(100, range(2)), seconds=5),
        made_up("probe --head knn", rights(100, range(30)), seconds=1),
        made_up("finetune", rights(100), seconds=100),
    )
    assert comparison.cheapest.name == "probe"
    assert side_by_side(comparison.trials[2]).cheapest.name == "finetune"


def test_all_pairs_are_there_once() -> None:
    comparison = Comparison(tuple(made_up(name, rights(9)) for name in "abcd"))
    assert [pair.first + pair.second for pair in comparison.pairs] == ["ab", "ac", "ad", "bc", "bd", "cd"]
    assert comparison.to_dict()["winner"] == "a"


@given(st.lists(st.lists(st.booleans(), min_size=12, max_size=12), min_size=1, max_size=5))
def test_the_winner_is_never_beaten_by_more_than_chance(rows: list[list[bool]]) -> None:
    trials = [made_up(str(i), rights(12, tuple(k for k in range(12) if not row[k]))) for i, row in enumerate(rows)]
    comparison = side_by_side(*trials)
    won = comparison.winner
    assert all(trial.accuracy.value <= won.accuracy.value for trial in trials)
    for pair in comparison.pairs:
        beaten = pair.only_first < pair.only_second if pair.first == won.name else pair.only_second < pair.only_first
        assert not (won.name in (pair.first, pair.second) and beaten)
