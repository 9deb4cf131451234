"""McNemar's exact test against SciPy's binomial one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from whatsit.evaluation.mcnemar import mcnemar

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
