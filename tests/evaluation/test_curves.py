"""The learning curves: every epoch stands where it belongs, whatever the figures."""

import re
from math import nan
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatsit.evaluation.report.curves import POINTED, accuracy_chart, loss_chart
from whatsit.evaluation.report.svg import from_zero, nice_step, to_hundred, whole
from whatsit.training.fitted import Epoch, History

from .made_up import history, history_of


def drawn(chart: str) -> ElementTree.Element:
    return ElementTree.fromstring(chart)


def of_class(chart: str, look: str) -> list[dict[str, str]]:
    return [dict(element.attrib) for element in drawn(chart).iter() if element.get("class") == look]


def ticks(chart: str) -> list[str]:
    return [element.text or "" for element in drawn(chart).iter("text") if element.get("class") == "tick"]


def test_lines_points_and_the_mark() -> None:
    made = history_of([1.5, 1.0, 0.5], [1.0, 0.5, 0.75])
    chart = loss_chart(made)
    (train,), (valid,) = of_class(chart, "curve train"), of_class(chart, "curve valid")
    assert train["d"] == "M52.0 26.0L228.0 108.7L404.0 191.3"  # from 1.5, the top, by thirds
    assert valid["d"] == "M52.0 108.7L228.0 191.3L404.0 150.0"
    assert len(of_class(chart, "dot train")) == 3
    (ring,) = of_class(chart, "ring open")
    assert (ring["cx"], ring["cy"]) == ("228", "191.33")
    assert "epoch 2 kept" in chart
    assert "epoch 2: train 1.00, valid 0.50" in chart
    assert "3 epochs. epoch 1: train 1.50" in chart


def test_ticks_make_sense() -> None:
    assert ticks(loss_chart(history_of([1.5, 1.0, 0.5], [1.0, 0.5, 0.75]))) == ["0.0", "0.5", "1.0", "1.5", *"123"]
    made = history_of([1.0] * 4, [1.0] * 4, [0.4, 0.6, 0.7, 0.8], [0.5, 0.6, 0.7, 0.91])
    assert ticks(accuracy_chart(made)) == ["40", "60", "80", "100", *"1234"]
    assert ticks(accuracy_chart(history_of([0.1], [0.1], 0.995, 0.993)))[:2] == ["99.2", "99.4"]


def test_one_epoch_is_two_points_and_no_line() -> None:
    chart = loss_chart(history(1))
    assert of_class(chart, "curve train") == of_class(chart, "curve valid") == []
    assert len(of_class(chart, "dot train")) == 1
    assert len(of_class(chart, "ring open")) == 1
    assert ticks(chart)[-1] == "1"


def test_many_epochs_are_lines_with_one_point() -> None:
    assert len(of_class(loss_chart(history(POINTED)), "dot train")) == POINTED
    chart = loss_chart(history(200))
    assert of_class(chart, "dot train") == []
    assert len(of_class(chart, "dot")) == 1  # under the ring
    assert ticks(chart)[-5:] == ["1", "50", "100", "150", "200"]


def test_a_figure_that_is_no_number_interrupts_the_line() -> None:
    chart = loss_chart(history_of([1.0] * 5, [1.0, 0.9, nan, 0.8, 0.7]))
    assert len(of_class(chart, "curve valid")) == 2
    assert len(of_class(chart, "curve train")) == 1
    assert "nan" not in chart


def test_one_bad_epoch_does_not_flatten_the_others() -> None:
    chart = loss_chart(history_of([1.0, 0.8, 0.6], [900.0, 0.8, 0.7]))
    assert ticks(chart)[:6] == ["0", "1", "2", "3", "4", "5"]
    assert len(of_class(chart, "dot")) == 2 + 1  # the bad one lies outside; the kept one has its own below the ring
    assert "clip-path" in chart


def test_overfitting_is_never_cut_off() -> None:
    assert ticks(loss_chart(history_of([0.7, 0.1, 0.01], [0.6, 1.5, 3.0])))[3] == "3"


@pytest.mark.parametrize("span", [1e-3, 0.07, 1.0, 1.83, 7.0, 20.0, 199.0, 1e5])
def test_steps_are_nice_and_few(span: float) -> None:
    step = nice_step(span)
    assert 1 <= span / step <= 5
    assert re.fullmatch(r"[125]0*|0\.0*[125]", f"{step:.9f}".rstrip("0").rstrip(".") or "0")


@given(st.floats(1e-3, 1e5), st.floats(0, 0.999))
def test_axes_hold_what_they_show(loss: float, accuracy: float) -> None:
    up, down = from_zero(loss), to_hundred(accuracy)
    assert up[0][0] == 0
    assert up[-1][0] >= loss * (1 - 1e-6)
    assert down[0][0] <= accuracy + 1e-9
    assert down[-1] == (1, down[-1][1])
    for axis in (up, down):
        assert 2 <= len(axis) <= 7
        assert len({said for _, said in axis}) == len(axis)


@given(st.integers(1, 50), st.integers(0, 2000))
def test_epoch_ticks_are_whole_and_few(first: int, more: int) -> None:
    values = [value for value, _ in whole(first, first + more)]
    assert values[0] == first
    assert values == sorted(set(values))
    assert values[-1] <= first + more
    assert len(values) <= 8


LOSSES, ACCURACIES = st.floats() | st.floats(0, 3), st.floats(0, 1) | st.just(nan)


@given(st.lists(st.tuples(LOSSES, ACCURACIES, LOSSES, ACCURACIES), min_size=1, max_size=12), st.integers(0, 13))
def test_any_figures_can_be_drawn(figures: list[tuple[float, float, float, float]], best: int) -> None:
    epochs = tuple(Epoch(i, *four, 0.1, 1.0, 1.0) for i, four in enumerate(figures, start=1))
    for chart in (loss_chart, accuracy_chart):
        svg = chart(History(epochs, best, "stopped", False))
        for element in drawn(svg).iter("circle"):
            assert 26 <= float(element.attrib["cy"]) <= 26 + 248
        assert not re.search("nan|inf", svg)
