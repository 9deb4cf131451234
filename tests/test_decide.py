"""When an answer is unsure: one rule of two limits, for one photo or many, with its reason."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatsit import decide as module
from whatsit.decide import BOTH, IN_WORDS, PROBABILITY, REASONS, UNLIKE, Rule, decide

RULE = Rule(threshold=0.7, similarity=0.6)


@pytest.mark.parametrize(
    ("probability", "similarity", "reason"),
    [
        (0.7, 0.6, ""),  # at the limits it answers
        (np.nextafter(0.7, 0), 0.9, PROBABILITY),
        (0.99, np.nextafter(0.6, 0), UNLIKE),
        (0.2, 0.1, BOTH),
        (np.nan, 0.9, PROBABILITY),
        (0.99, np.nan, UNLIKE),
    ],
)
def test_each_limit_is_a_reason_of_its_own(probability: float, similarity: float, reason: str) -> None:
    verdict = decide(probability, similarity, RULE)
    assert str(verdict.reasons) == reason
    assert bool(verdict.unsure) is (reason != "")
    assert reason == "" or reason in IN_WORDS


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(-1, 1)), max_size=30), st.floats(0, 1), st.floats(-1, 1))
def test_many_photos_are_decided_as_each_alone(
    photos: list[tuple[float, float]], threshold: float, similarity: float
) -> None:
    rule = Rule(threshold, similarity)
    many = decide([p for p, _ in photos], [s for _, s in photos], rule)
    assert many.reasons.tolist() == [str(decide(p, s, rule).reasons) for p, s in photos]
    assert many.unsure.tolist() == [p < threshold or s < similarity for p, s in photos]
    assert set(many.reasons.tolist()) <= set(REASONS)


def test_docstring() -> None:
    assert doctest.testmod(module) == doctest.TestResults(failed=0, attempted=1)
