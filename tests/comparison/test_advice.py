"""The words are true at every outcome, and plain."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatsit.training.compare.page import apart, time_chart
from whatsit.training.compare.result import advice, duration
from whatsit.training.compare.trial import Trial

from .made_up import made_up, rights, side_by_side

N = 200
NBSP = "\N{NO-BREAK SPACE}"


def said(*trials: Trial) -> str:
    return " ".join(advice(side_by_side(*trials))).replace(NBSP, " ")


def probe(wrong: int, seconds: float = 4.0, log_loss: float = 0.3) -> Trial:
    return made_up("probe", rights(N, range(wrong)), seconds=seconds, log_loss=log_loss)


def test_one_alone() -> None:
    assert said(probe(10)) == (
        "“probe” names 95.0 % of 200 valid photos rightly (95 % interval: 91.0 to 97.3 %). "
        "There is nothing to compare it with."
    )


def test_a_tie_is_called_one() -> None:
    text = said(probe(10), made_up("probe --head svm", rights(N, range(10)), seconds=4, log_loss=0.4))
    assert "as many as “probe --head svm”, and has the smallest log loss of them." in text
    assert "“probe --head svm” may differ from it by chance alone (McNemar's test, p ≥ 0.05)." in text
    assert "Fine-tuning" not in text
    assert "worth" not in text


def test_fine_tuning_that_pays() -> None:
    text = said(probe(40), made_up("finetune --epochs 5", rights(N, range(10)), seconds=400))
    assert "“probe” is worse by more than chance" in text
    assert text.endswith("Fine-tuning pays here: 15.0 points more than “probe”, in 100 times the time (6.7 min).")


def test_fine_tuning_that_may_be_luck_is_not_worth_it() -> None:
    text = said(probe(12), made_up("finetune", rights(N, range(10)), seconds=400))
    assert text.endswith(
        "Fine-tuning is not worth it here: 1.0 points more than “probe”, which may be chance, in 100 times the time "
        "(6.7 min)."
    )
    assert text.count("worth") == 1


def test_fine_tuning_that_does_harm() -> None:
    text = said(probe(10), made_up("finetune", rights(N, range(40)), seconds=400))
    assert "Fine-tuning does harm here: 15.0 points fewer than “probe”" in text


def test_fine_tuning_as_good_is_not_worth_it() -> None:
    text = said(probe(10), made_up("finetune", rights(N, range(10)), seconds=400))
    assert "Fine-tuning is not worth it here: as many right as “probe” in 100 times the time" in text


def test_fine_tuning_in_as_much_time_makes_no_difference() -> None:
    text = said(probe(10), made_up("finetune", rights(N, range(11)), seconds=5))
    assert text.endswith(
        "Fine-tuning makes no difference here: 0.5 points fewer than “probe”, within noise, in about as much time."
    )


def test_the_best_of_each_kind_is_compared() -> None:
    text = said(
        probe(40),
        made_up("probe --head svm", rights(N, range(12)), seconds=4),
        made_up("finetune", rights(N, range(50)), seconds=90),
        made_up("finetune --epochs 50", rights(N, range(11)), seconds=400),
    )
    assert "0.5 points more than “probe --head svm”" in text


def test_a_slow_winner_within_noise_of_a_fast_one() -> None:
    text = said(probe(12), made_up("scratch", rights(N, range(10)), seconds=400))
    assert (
        "“scratch” is not worth its time: “probe” is as good within noise, and was trained in 4.0 s, not 6.7 min."
        in (text)
    )


def test_some_within_noise_and_some_not() -> None:
    text = said(probe(10), made_up("scratch", rights(N, range(80))), made_up("probe --head knn", rights(N, range(12))))
    assert "Within noise of it: “probe --head knn” (McNemar's test, p ≥ 0.05). Worse: “scratch”." in text


def test_a_method_is_known_by_its_options_not_by_its_name() -> None:
    named = made_up("finetune", rights(N, range(10)), seconds=400)
    other = Trial(**{**vars(named), "name": "my best"})
    assert "Fine-tuning" in said(probe(12), other)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0.0 s"), (9.96, "10 s"), (99.4, "99 s"), (99.6, "1.7 min"), (3600, "60 min"), (1e6, "278 h")],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


TRIALS = st.lists(
    st.builds(
        lambda name, hits, seconds, loss: made_up(name, np.array(hits), seconds=seconds, log_loss=loss),
        st.text(max_size=60),
        st.lists(st.booleans(), min_size=8, max_size=8),
        st.floats(0, 1e7),
        st.floats(0, 20),
    ),
    min_size=1,
    max_size=6,
)


@given(TRIALS)
def test_nothing_is_too_odd_to_be_said_and_drawn(trials: list[Trial]) -> None:
    comparison = side_by_side(*trials)
    for sentence in advice(comparison):
        assert sentence.endswith(".")
        assert "nan" not in sentence.replace(comparison.winner.name, "")
    assert str(time_chart(comparison)).count("<circle") == len(trials) + 1


@given(st.lists(st.floats(0, 500), min_size=1, max_size=40), st.floats(1, 60))
def test_points_stand_apart(places: list[float], gap: float) -> None:
    found = apart(places, gap, 0, 500)
    room = min(gap, 500 / max(1, len(places) - 1))
    order = sorted(range(len(places)), key=lambda i: places[i])
    assert all(found[b] - found[a] >= room - 1e-6 for a, b in pairwise(order))
    assert all(-1e-6 <= place <= 500 + 1e-6 for place in found)


def test_points_with_room_stay_where_they_are() -> None:
    assert apart([300, 10, 200], 24, 0, 500) == [300, 10, 200]
    assert apart([100, 100], 24, 0, 500) == [88, 112]
