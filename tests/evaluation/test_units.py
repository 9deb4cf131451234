"""Photos that belong together: every interval counts units, and holds the truth as often as it says."""

import json
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatsit.decide import Rule
from whatsit.evaluation.calibration import selective
from whatsit.evaluation.figures import Evaluation, Figure
from whatsit.evaluation.intervals import share_interval, wilson
from whatsit.evaluation.metrics import evaluate

from .made_up import Floats, Labels, names, predictions

ALL = Rule(threshold=0.5, similarity=-1.0)


def shares(e: Evaluation) -> list[Figure]:
    return [e.accuracy, e.balanced_accuracy, e.macro_f1, e.weighted_f1, *([e.roc_auc] if e.roc_auc else [])]


def patients(rng: np.random.Generator, n: int, photos: int, spread: float) -> tuple[Labels, Floats, Labels]:
    """Labels of two classes, probabilities and patients; each patient has an accuracy of its own, 0.85 in the mean."""
    a = 0.85 * 0.15 / spread**2 - 1
    right = rng.random((n, photos)) < rng.beta(0.85 * a, 0.15 * a, n)[:, None]
    truth = np.tile(np.arange(photos, dtype=np.int64) % 2, n)
    said = np.where(right.ravel(), truth, 1 - truth)
    return truth, np.eye(2)[said] * 0.8 + 0.1, np.repeat(np.arange(n, dtype=np.int64), photos)


def test_groups_of_one_photo_change_no_digit() -> None:
    truth, p = predictions(200, 3)
    groups = np.random.default_rng(0).permutation(200) * 7 - 300
    assert evaluate(truth, p, names(3), groups=groups).to_dict() == evaluate(truth, p, names(3)).to_dict()
    assert selective(truth, p, ALL, groups=groups) == selective(truth, p, ALL)


def test_units_are_counted() -> None:
    truth, p = predictions(10, 2)
    alone, grouped = evaluate(truth, p, names(2)), evaluate(truth, p, names(2), groups=np.array([5] * 7 + [1, 2, 9]))
    assert (alone.units, alone.single_units) == (10, 10)
    assert (grouped.units, grouped.single_units) == (4, 3)


def test_copies_tell_nothing_new() -> None:
    """Each photo five times over: the interval of accuracy and recall is that of the photos."""
    truth, p = predictions(120, 3)
    once, copied = (
        evaluate(truth, p, names(3)),
        evaluate(np.repeat(truth, 5), np.repeat(p, 5, axis=0), names(3), groups=np.repeat(np.arange(120), 5)),
    )
    assert copied.accuracy.value == once.accuracy.value
    assert (copied.accuracy.low, copied.accuracy.high) == pytest.approx((once.accuracy.low, once.accuracy.high))
    for a, b in zip(copied.per_class, once.per_class, strict=True):
        assert (a.recall_low, a.recall_high) == pytest.approx((b.recall_low, b.recall_high))
    for few, many in zip(shares(once), shares(copied), strict=True):
        assert many.high - many.low == pytest.approx(few.high - few.low, rel=0.2)
    for few, many in ((once.log_loss, copied.log_loss), (once.brier, copied.brier)):
        assert many.high - many.low == pytest.approx(few.high - few.low, rel=0.2)
    assert once.ece_by_chance == pytest.approx(copied.ece_by_chance, rel=0.3)


@pytest.mark.parametrize(("n", "photos", "spread"), [(10, 60, 0.2), (20, 30, 0.2), (20, 30, 0.1), (5, 40, 0.15)])
def test_the_interval_holds_the_truth_as_often_as_it_says(n: int, photos: int, spread: float) -> None:
    """Where photos were counted, it was 30 to 70 in 100."""
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        truth, p, groups = patients(rng, n, photos, spread)
        low, high = share_interval(p.argmax(axis=1) == truth, groups)
        held += low <= 0.85 <= high
    assert held >= 360


@pytest.mark.slow
def test_the_bootstrapped_figures_hold_the_truth_too() -> None:
    rng = np.random.default_rng(2)
    made = [patients(rng, 10, 24, 0.2) for _ in range(60)]
    figures = [evaluate(truth, p, names(2), groups=groups) for truth, p, groups in made]
    loss = -0.85 * np.log(0.9) - 0.15 * np.log(0.1)
    brier = 0.85 * 0.02 + 0.15 * 1.62
    held = np.zeros(4)
    for e in figures:
        pairs = ((e.balanced_accuracy, 0.85), (e.log_loss, loss), (e.brier, brier), (e.macro_f1, 0.85))
        held += [figure.low <= true <= figure.high for figure, true in pairs]
    assert held.min() >= 51  # 95 % of 60 is 57


def test_few_patients_prove_no_perfection() -> None:
    truth = np.arange(600, dtype=np.int64) % 3
    e = evaluate(truth, np.eye(3)[truth], names(3), groups=np.arange(600) // 60)
    assert (e.accuracy.low, e.accuracy.high) == pytest.approx(wilson(10, 10))
    for figure in (e.balanced_accuracy, e.macro_f1, e.weighted_f1):
        assert figure.value == figure.high == 1
        assert figure.low < 0.75
    assert all(c.recall_low < 0.75 for c in e.per_class)
    assert e.log_loss.high > 0


def test_a_single_mistake_does_not_narrow_the_interval() -> None:
    right = np.ones(600, bool)
    groups = np.arange(600) // 60
    perfect = share_interval(right, groups)
    right[7] = False
    assert share_interval(right, groups)[0] == pytest.approx(perfect[0], abs=0.01)


def test_one_unit_tells_nothing_of_others() -> None:
    truth, p = predictions(50, 2)
    e = evaluate(truth, p, names(2), groups=np.zeros(50, np.int64))
    assert all((figure.low, figure.high) == (0, 1) for figure in shares(e))
    assert all((c.recall_low, c.recall_high) == (0, 1) for c in e.per_class)
    assert (e.brier.low, e.brier.high) == (0, 2)
    assert e.log_loss.low == 0
    assert e.log_loss.high > 36
    assert e.ece <= e.ece_by_chance <= 1


def test_a_class_of_one_patient_widens_the_mean_over_classes() -> None:
    """100 patients show the first class, one the second: nobody knows how others of the second would be."""
    truth = np.array([0] * 100 + [1] * 60)
    said = truth.copy()
    said[[3, 30, 60, 99, 110, 120]] = 1 - said[[3, 30, 60, 99, 110, 120]]
    e = evaluate(truth, np.eye(2)[said] * 0.8 + 0.1, names(2), groups=np.array([*range(100), *[100] * 60]))
    assert e.balanced_accuracy.high - e.balanced_accuracy.low > 0.4
    assert (e.per_class[1].recall_low, e.per_class[1].recall_high) == (0, 1)
    assert (e.per_class[0].recall_low, e.per_class[0].recall_high) == wilson(96, 100)


def test_a_few_copies_among_many_photos_change_little() -> None:
    truth, p = predictions(400, 3)
    groups = np.arange(400)
    groups[:10] = groups[10:20]
    few, many = evaluate(truth, p, names(3), groups=groups), evaluate(truth, p, names(3))
    for a, b in zip(shares(few), shares(many), strict=True):
        assert a.high - a.low == pytest.approx(b.high - b.low, rel=0.12)
    assert few.ece_by_chance == pytest.approx(many.ece_by_chance, rel=0.1)


def test_the_surest_photos_and_the_bins_count_units() -> None:
    rng = np.random.default_rng(3)
    truth, p, groups = patients(rng, 10, 60, 0.2)
    alone, grouped = evaluate(truth, p, names(2)), evaluate(truth, p, names(2), groups=groups)
    assert grouped.coverage[-1].low == grouped.accuracy.low < alone.accuracy.low
    assert grouped.reliability[0].low == grouped.accuracy.low
    answered = selective(truth, p, ALL, groups=groups).accuracy
    assert answered is not None
    assert answered == grouped.accuracy


@st.composite
def drawn(draw: st.DrawFn) -> tuple[Labels, Floats, Labels]:
    k, n = draw(st.integers(2, 4)), draw(st.integers(1, 40))
    truth = draw(st.lists(st.integers(0, k - 1), min_size=n, max_size=n))
    groups = draw(st.lists(st.integers(-3, 6), min_size=n, max_size=n))
    weights = np.array(draw(st.lists(st.integers(0, 4), min_size=n * k, max_size=n * k)), float).reshape(n, k) + 1e-9
    return np.array(truth, np.int64), weights / weights.sum(axis=1, keepdims=True), np.array(groups, np.int64)


@pytest.mark.slow
@settings(max_examples=30)
@given(drawn(), st.randoms())
def test_intervals_contain_their_figure_and_stay_in_range(made: tuple[Labels, Floats, Labels], random: Random) -> None:
    truth, p, groups = made
    e = evaluate(truth, p, names(p.shape[1]), groups=groups)
    for figure, top in [*((f, 1) for f in shares(e)), (e.brier, 2), (e.log_loss, 40)]:
        assert 0 <= figure.low <= figure.high <= top
        if e.units < e.n:
            assert figure.low <= figure.value <= figure.high
    for c in e.per_class:
        assert 0 <= c.recall_low <= c.recall <= c.recall_high <= 1
    shown = [(c.low, c.accuracy, c.high) for c in e.coverage] + [(b.low, b.accuracy, b.high) for b in e.reliability]
    assert all(0 <= low <= value <= high <= 1 for low, value, high in shown)
    assert 0 <= e.ece_by_chance <= 1
    json.dumps(e.to_dict(), allow_nan=False)
    order = np.array(random.sample(range(len(truth)), len(truth)))
    assert evaluate(truth[order], p[order], names(p.shape[1]), groups=groups[order]).to_dict() == e.to_dict()


@pytest.mark.parametrize("groups", [np.zeros(3, np.int64), np.zeros((2, 1), np.int64), np.array([0.0, 1.0])])
def test_groups_that_do_not_fit_are_refused(groups: Labels) -> None:
    truth, p = predictions(2, 2)
    with pytest.raises(ValueError, match="groups: got"):
        evaluate(truth, p, names(2), groups=groups)
