"""Temperature scaling: it finds the temperature, never harms, and never changes an answer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from whatsit.training.calibration import calibrated_losses, fit_temperature, log_loss, log_softmax, softmax


@pytest.mark.parametrize("temperature", [0.2, 1, 3, 8])
def test_it_finds_a_known_temperature(temperature: float) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, 4)).astype(np.float32)
    drawn = (softmax(logits).cumsum(axis=1) < rng.uniform(size=(20_000, 1))).sum(axis=1)
    assert fit_temperature(logits * np.float32(temperature), drawn) == pytest.approx(temperature, rel=0.05)


Answers = tuple[NDArray[np.float32], NDArray[np.int64]]  # logits (n, classes), labels (n,)


@st.composite
def answers(draw: st.DrawFn) -> Answers:
    n, classes = draw(st.integers(1, 30)), draw(st.integers(2, 6))
    numbers = st.floats(-30, 30, width=32)
    logits = draw(arrays(np.float32, (n, classes), elements=numbers))
    return logits, draw(arrays(np.int64, n, elements=st.integers(0, classes - 1)))


def doubted_loss(logits: NDArray[np.float32], labels: NDArray[np.int64], temperature: float) -> float:
    """The log loss where a label is right with probability (n + 1) / (n + 2), else any other one."""
    n, classes = logits.shape
    targets = np.full((n, classes), 1 / (n + 2) / (classes - 1))
    targets[np.arange(n), labels] = (n + 1) / (n + 2)
    return float(-(targets * log_softmax(logits, temperature)).sum(axis=1).mean())


@given(answers())
def test_no_other_temperature_is_better(given_answers: Answers) -> None:
    logits, labels = given_answers
    temperature = fit_temperature(logits, labels)
    assert 0.04 < temperature < 21
    least = doubted_loss(logits, labels, temperature)
    assert all(least <= doubted_loss(logits, labels, other) + 1e-6 for other in (0.1, 0.5, 1, 2, 10))


@pytest.mark.parametrize("n", [1, 8, 300])
def test_a_few_images_all_right_make_it_no_surer_than_they_warrant(n: int) -> None:
    """Laplace's rule of succession: after n successes of n, one more has the probability (n + 1) / (n + 2)."""
    logits = np.tile(np.array([[7, 0]], np.float32), (n, 1))
    labels = np.zeros(n, np.int64)
    assert softmax(logits, fit_temperature(logits, labels))[0, 0] == pytest.approx((n + 1) / (n + 2), abs=1e-4)


def test_with_many_images_it_lowers_the_log_loss() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, (2000, 5)).astype(np.float32)
    drawn = (softmax(logits).cumsum(axis=1) < rng.uniform(size=(2000, 1))).sum(axis=1)
    for factor in (0.3, 1, 4):
        scaled = logits * np.float32(factor)
        assert log_loss(scaled, drawn, fit_temperature(scaled, drawn)) <= log_loss(scaled, drawn) + 1e-4


@given(answers(), st.floats(0.05, 20))
def test_it_never_changes_an_answer(given_answers: Answers, temperature: float) -> None:
    logits, _ = given_answers
    cooled = softmax(logits, temperature)
    np.testing.assert_allclose(cooled.sum(axis=1), 1)
    best = np.take_along_axis(cooled, logits.argmax(axis=1)[:, None], axis=1)[:, 0]
    np.testing.assert_array_equal(best, cooled.max(axis=1))


def test_logits_of_any_size_are_safe() -> None:
    logits = np.array([[1e30, 0], [-1e30, 1e30]], np.float32)
    np.testing.assert_array_equal(softmax(logits), [[1, 0], [0, 1]])
    assert np.isfinite(log_softmax(logits)).all()


def test_log_loss_by_hand() -> None:
    logits = np.log(np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]], np.float32))
    assert log_loss(logits, np.array([0, 1])) == pytest.approx(-(np.log(0.5) + np.log(0.1)) / 2, rel=1e-6)


def test_the_calibrated_loss_does_not_hang_on_the_scale_of_logits() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(200, 3)).astype(np.float32), rng.integers(0, 3, 200)
    logits[np.arange(200), labels] += 1
    losses = [calibrated_losses(logits * scale, labels).mean() for scale in (0.5, 1.0, 4.0)]
    assert losses == pytest.approx([losses[0]] * 3, abs=1e-4)
    assert losses[0] <= log_loss(logits, labels) + 1e-6
    assert np.isnan(calibrated_losses(logits * np.nan, labels)).all()
