"""Each figure against scikit-learn's, and what must hold for any predictions."""

import json
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from whatsit.decide import Rule
from whatsit.evaluation.calibration import expected_calibration_error, selective
from whatsit.evaluation.figures import Evaluation
from whatsit.evaluation.metrics import evaluate

from .made_up import Floats, Labels, names, predictions


@pytest.mark.parametrize(("k", "missing"), [(2, None), (5, None), (5, 3), (12, 0)])
def test_figures_are_scikit_learns(k: int, missing: int | None) -> None:
    truth, p = predictions(300, k, missing=missing)
    predicted = p.argmax(axis=1)
    present = np.unique(truth)
    got = evaluate(truth, p, names(k))
    f1 = {"y_true": truth, "y_pred": predicted, "labels": present, "zero_division": 0.0}
    assert got.accuracy.value == pytest.approx(metrics.accuracy_score(truth, predicted))
    recalls = metrics.recall_score(truth, predicted, labels=present, average="macro", zero_division=0.0)
    assert got.balanced_accuracy.value == pytest.approx(recalls)
    assert got.macro_f1.value == pytest.approx(metrics.f1_score(average="macro", **f1))
    assert got.weighted_f1.value == pytest.approx(metrics.f1_score(average="weighted", **f1))
    assert got.log_loss.value == pytest.approx(metrics.log_loss(truth, p, labels=range(k)))
    assert got.brier.value == pytest.approx(((p - np.eye(k)[truth]) ** 2).sum(axis=1).mean())
    np.testing.assert_array_equal(got.confusion, metrics.confusion_matrix(truth, predicted, labels=range(k)))


def test_balanced_accuracy_of_a_full_test_set_is_scikit_learns() -> None:
    truth, p = predictions(300, 4)
    expected = metrics.balanced_accuracy_score(truth, p.argmax(axis=1))
    assert evaluate(truth, p, names(4)).balanced_accuracy.value == pytest.approx(expected)


def test_per_class_figures_are_scikit_learns() -> None:
    truth, p = predictions(200, 6, missing=2)
    scores = metrics.precision_recall_fscore_support(truth, p.argmax(axis=1), labels=range(6), zero_division=0.0)
    got = [(c.precision, c.recall, c.f1, c.support) for c in evaluate(truth, p, names(6)).per_class]
    np.testing.assert_allclose(np.array(got), np.stack(scores, axis=1))


def test_brier_of_two_classes_is_twice_the_binary_score() -> None:
    truth, p = predictions(200, 2)
    expected = 2 * metrics.brier_score_loss(truth, p[:, 1])
    assert evaluate(truth, p, names(2)).brier.value == pytest.approx(expected)


def test_roc_is_scikit_learns_and_ties_count_half() -> None:
    truth, p = predictions(300, 2)
    p = np.round(p, 1)
    got = evaluate(truth, p, names(2))
    assert got.roc_auc is not None
    assert got.roc_curve is not None
    assert got.roc_auc.value == pytest.approx(metrics.roc_auc_score(truth, p[:, 1]))
    assert got.roc_auc.low < got.roc_auc.value < got.roc_auc.high
    false, true, _ = metrics.roc_curve(truth, p[:, 1], drop_intermediate=False)
    np.testing.assert_allclose(got.roc_curve.false_positive_rate, false)
    np.testing.assert_allclose(got.roc_curve.true_positive_rate, true)
    assert got.roc_curve.positive == "class 1"


def test_one_class_alone_has_no_roc() -> None:
    truth, p = predictions(50, 2, missing=1)
    assert evaluate(truth, p, names(2)).roc_auc is None
    truth, p = predictions(50, 3)
    assert evaluate(truth, p, names(3)).roc_curve is None


@st.composite
def drawn(draw: st.DrawFn) -> tuple[Labels, Floats]:
    k = draw(st.integers(2, 6))
    n = draw(st.integers(1, 40))
    truth = draw(st.lists(st.integers(0, k - 1), min_size=n, max_size=n))
    weights = draw(st.lists(st.integers(0, 4), min_size=n * k, max_size=n * k))
    p = np.array(weights, dtype=np.float64).reshape(n, k) + 1e-9
    return np.array(truth, dtype=np.int64), p / p.sum(axis=1, keepdims=True)


@pytest.mark.slow
@settings(max_examples=30)
@given(drawn())
def test_every_figure_is_in_range(made: tuple[Labels, Floats]) -> None:
    truth, p = made
    got = evaluate(truth, p, names(p.shape[1]))
    ranges = [(got.accuracy, 1), (got.balanced_accuracy, 1), (got.macro_f1, 1), (got.weighted_f1, 1)]
    for figure, top in [*ranges, (got.brier, 2), (got.log_loss, 40)]:
        assert 0 <= figure.low <= figure.high <= top
        assert 0 <= figure.value <= top
    assert 0 <= got.ece <= 1
    assert got.confusion.sum() == got.n == sum(b.count for b in got.reliability)
    assert got.coverage[-1].coverage == 1
    assert got.coverage[-1].accuracy == got.accuracy.value
    json.dumps(got.to_dict(), allow_nan=False)


@pytest.mark.slow
@settings(max_examples=20)
@given(drawn(), st.randoms())
def test_the_order_of_the_photos_changes_nothing(made: tuple[Labels, Floats], random: Random) -> None:
    truth, p = made
    order = np.array(random.sample(range(len(truth)), len(truth)))
    classes = names(p.shape[1])
    assert evaluate(truth, p, classes).to_dict() == evaluate(truth[order], p[order], classes).to_dict()


def test_perfect_predictions_score_one() -> None:
    truth = np.arange(30, dtype=np.int64) % 3
    got = evaluate(truth, np.eye(3)[truth], names(3))
    values = [got.accuracy, got.balanced_accuracy, got.macro_f1, got.weighted_f1]
    assert [f.value for f in values] == [1, 1, 1, 1]
    assert (got.log_loss.value, got.brier.value, got.ece) == (0, 0, 0)
    assert got.accuracy.low < 0.9  # 30 photos prove no perfection


def test_intervals_are_seeded_and_contain_their_figure() -> None:
    truth, p = predictions(200, 4)
    one, again, other = (evaluate(truth, p, names(4), seed=s) for s in (0, 0, 1))
    assert one.macro_f1 == again.macro_f1 != other.macro_f1
    for figure in (one.balanced_accuracy, one.macro_f1, one.weighted_f1, one.log_loss, one.brier):
        assert figure.low < figure.value < figure.high


@pytest.mark.slow
def test_the_bootstrap_covers_as_often_as_it_says() -> None:
    """Of 60 samples from one population, about 95 % of the intervals must hold its balanced accuracy."""
    truth, p = predictions(100_000, 3)
    whole = metrics.balanced_accuracy_score(truth, p.argmax(axis=1))
    parts = [evaluate(truth[i::60][:300], p[i::60][:300], names(3)) for i in range(60)]
    held = [e.balanced_accuracy.low <= whole <= e.balanced_accuracy.high for e in parts]
    assert sum(held) >= 51  # 95 % of 60 is 57; below 51 is 1 in 1,000


def test_single_precision_rows_are_taken() -> None:
    truth, p = predictions(500, 7)
    single, double = (evaluate(truth, p.astype(t), names(7)) for t in (np.float32, np.float64))
    assert single.log_loss.value == pytest.approx(double.log_loss.value, abs=1e-6)


def test_calibration_error_by_hand() -> None:
    """Four photos at 0.9 with three right, two at 0.6 with none: (4 * 0.15 + 2 * 0.6) / 6."""
    p = np.array([[0.9, 0.1]] * 4 + [[0.6, 0.4]] * 2)
    truth = np.array([0, 0, 0, 1, 1, 1])
    assert expected_calibration_error(truth, p) == pytest.approx((4 * 0.15 + 2 * 0.6) / 6)
    assert expected_calibration_error(truth, p) == evaluate(truth, p, names(2)).ece


def test_a_calibrated_classifier_stays_within_chance_and_a_boastful_one_does_not() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(3), 1000)
    truth = np.array([rng.choice(3, p=row) for row in p])
    honest = evaluate(truth, p, names(3))
    assert honest.ece <= honest.ece_by_chance < 0.06
    boast = p**4 / (p**4).sum(axis=1, keepdims=True)
    loud = evaluate(truth, boast, names(3))
    assert loud.ece > 2 * loud.ece_by_chance


def test_answering_less_answers_better() -> None:
    truth, p = predictions(1000, 4)
    curve = evaluate(truth, p, names(4)).coverage
    assert len(curve) <= 100
    assert curve[0].accuracy > curve[-1].accuracy
    middle = curve[50]
    same = selective(truth, p, Rule(middle.threshold - 1e-12, -1))  # as sums of rows round
    assert same.accuracy is not None
    assert (same.coverage, same.accuracy.value) == (middle.coverage, middle.accuracy)
    assert selective(truth, p, Rule(1.1, -1)).accuracy is None


def test_photos_unlike_the_training_photos_get_no_answer() -> None:
    """Half are unlike, and all of those are wrong: the curve ends at half, where all answers are right."""
    truth, p = np.zeros(100, np.int64), np.tile([0.9, 0.1], (100, 1))
    p[50:] = [0.001, 0.999]
    similarity = np.repeat([0.8, 0.2], 50)
    evaluation = evaluate(truth, p, names(2), familiar=similarity >= 0.5)
    assert [(point.coverage, point.accuracy) for point in evaluation.coverage] == [(0.5, 1.0)]
    got = selective(truth, p, Rule(0.5, 0.5), similarity)
    assert got.accuracy is not None
    assert (got.coverage, got.accuracy.value, got.answered, got.unlike, got.unsure) == (0.5, 1.0, 50, 50, 50)
    assert evaluation.accuracy.value == 0.5
    order = np.random.default_rng(0).permutation(100)
    again = evaluate(truth[order], p[order], names(2), familiar=(similarity >= 0.5)[order])
    assert again.to_dict() == evaluation.to_dict()
    with pytest.raises(ValueError, match="familiar"):
        evaluate(truth, p, names(2), familiar=np.ones(3, np.bool_))


@pytest.mark.parametrize(
    ("truth", "p", "message"),
    [
        ([0, 1], [[0.5, 0.5]], "shapes"),
        ([], np.zeros((0, 2)), "no predictions"),
        ([2], [[0.5, 0.5]], "labels 2 to 2"),
        ([0], [[0.5, 0.6]], "sum to 1"),
        ([0], [[np.nan, 0.5]], "finite"),
        ([0], [[0.2, 0.3, 0.5]], "2 names for 3 columns"),
    ],
)
def test_what_does_not_fit_is_refused(truth: list[int], p: list[list[float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate(np.array(truth, dtype=np.int64), np.array(p), names(2))


def test_a_thousand_classes(capsys: pytest.CaptureFixture[str]) -> None:
    truth, p = predictions(3000, 1000)
    got: Evaluation = evaluate(truth, p, names(1000))
    assert got.confusion.shape == (1000, 1000)
    assert len(json.dumps(got.to_dict())) < 600_000
    assert capsys.readouterr() == ("", "")
