"""Words of the server are drawn from the model's own figures."""

import doctest

import pytest

from whatsit.serving.protocols import own as words

FIGURES = {
    "n": 1200,
    "accuracy": {"value": 0.9},
    "ece": 0.03,
    "ece_by_chance": 0.04,
    "mean_confidence": 0.91,
}


def test_docstrings() -> None:
    assert doctest.testmod(words) == doctest.TestResults(failed=0, attempted=1)


def test_calibrated_percentages_may_be_read_as_they_stand() -> None:
    assert words.percentages(FIGURES) == (
        "Of all photos for which it says 80 %, about 80 in 100 should be right: on 1,200 photos they were off by 3.0 "
        "points on average, and up to 4.0 would be chance."
    )


@pytest.mark.parametrize(("claimed", "way"), [(0.97, "too sure"), (0.8, "too modest")])
def test_others_may_not(claimed: float, way: str) -> None:
    said = words.percentages({**FIGURES, "ece": 0.1, "mean_confidence": claimed})
    assert said.startswith(
        f"Do not read 80 % as 80 in 100: on 1,200 photos they were off by 10.0 points on average, mostly {way}"
    )
    assert "about 80 in 100 should be right" not in said


@pytest.mark.parametrize("lost", FIGURES)
def test_without_figures_nothing_is_promised(lost: str) -> None:
    """Models of earlier versions do not have them all."""
    figures = {name: value for name, value in FIGURES.items() if name != lost}
    assert words.percentages(figures) == "How often its percentages come true was not measured."
    assert words.percentages({**FIGURES, lost: "damaged"}) == words.percentages({})
