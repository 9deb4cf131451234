"""McNemar's exact test against SciPy's binomial one."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from whatsit.evaluation.intervals import CHANCE, mcnemar, paired_test

PHOTOS = st.integers(0, 3000)


@given(first=PHOTOS, second=PHOTOS)
def test_it_is_the_exact_binomial_test(first: int, second: int) -> None:
    n = first + second
    expected = binomtest(first, n, 0.5).pvalue if n else 1.0
    assert mcnemar(first, second) == pytest.approx(expected, rel=1e-9, abs=1e-200)


@given(first=PHOTOS, second=PHOTOS)
def test_it_is_symmetric_and_a_probability(first: int, second: int) -> None:
    assert mcnemar(first, second) == mcnemar(second, first)
    assert 0 <= mcnemar(first, second) <= 1


def test_many_photos() -> None:
    assert mcnemar(50_000, 50_400) == pytest.approx(binomtest(50_000, 100_400, 0.5).pvalue, rel=1e-6)


@pytest.mark.parametrize(("first", "second"), [(-1, 2), (2, -1)])
def test_fewer_than_no_photos(first: int, second: int) -> None:
    with pytest.raises(ValueError, match="expected 0 or more"):
        mcnemar(first, second)


RIGHT = st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 9)), min_size=1, max_size=40)


@given(RIGHT)
def test_groups_are_flipped_whole(photos: list[tuple[bool, bool, int]]) -> None:
    """Against all signs, one by one."""
    first, second, groups = (np.array(column) for column in zip(*photos, strict=True))
    gaps = [int(first[groups == g].sum()) - int(second[groups == g].sum()) for g in np.unique(groups)]
    sums = [
        abs(sum(sign * gap for sign, gap in zip(signs, gaps, strict=True)))
        for signs in product((1, -1), repeat=len(gaps))
    ]
    expected = np.mean(np.array(sums) >= abs(sum(gaps)))
    assert paired_test(first, second, groups) == pytest.approx(float(expected))
    assert paired_test(second, first, groups) == pytest.approx(float(expected))


@given(RIGHT)
def test_photos_alone_are_mcnemars(photos: list[tuple[bool, bool, int]]) -> None:
    first, second, _ = (np.array(column) for column in zip(*photos, strict=True))
    p = mcnemar(int((first & ~second).sum()), int((second & ~first).sum()))
    assert paired_test(first, second) == p
    assert paired_test(first, second, np.arange(len(first)) * 3) == p


def test_copies_of_a_photo_are_one_witness() -> None:
    first, second = np.array([True] * 9 + [False]), np.array([False] * 9 + [True])
    copied = paired_test(np.repeat(first, 7), np.repeat(second, 7), np.repeat(np.arange(10), 7))
    assert copied == pytest.approx(mcnemar(9, 1))
    assert paired_test(np.repeat(first, 7), np.repeat(second, 7)) < 1e-10


def test_equally_good_classifiers_are_seldom_told_apart() -> None:
    """20 patients of 30 photos; by chance each classifier does well with other patients. It was 47 in 100 by photos."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 30)
    alarms = np.zeros(2)
    for _ in range(300):
        first, second = ((rng.random((20, 30)) < rng.beta(1.86, 0.33, 20)[:, None]).ravel() for _ in "ab")
        alarms += [paired_test(first, second, groups) < CHANCE, paired_test(first, second) < CHANCE]
    assert alarms[0] / 300 <= 0.08
    assert alarms[1] / 300 > 0.3


def test_many_groups() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 3000, 20_000)
    first, second = rng.random(20_000) < 0.9, rng.random(20_000) < 0.85
    assert paired_test(first, second, groups) < 1e-10
