"""When to be unsure: a threshold that keeps its promise, and a familiarity that knows its own copies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning.blobs import blobs
from whatsit.data.near.rows import unit_rows
from whatsit.model.heads import MAX_REFERENCES, OutOfDistributionScore
from whatsit.training.calibration import LEAST_ANSWERS, choose_threshold, fit_ood_score, in_turn

LEVELS = st.integers(1, 12).map(lambda n: n / 12)  # few, so that there are ties


@given(st.lists(st.tuples(LEVELS, st.booleans()), min_size=1, max_size=60), st.floats(0, 1))
def test_the_answers_given_are_as_right_as_was_asked(answers: list[tuple[float, bool]], precision: float) -> None:
    top, correct = np.array([p for p, _ in answers]), np.array([right for _, right in answers])
    threshold = choose_threshold(top, correct, precision)
    given_answers = top >= threshold.value
    assert given_answers.any()
    assert threshold.coverage == pytest.approx(given_answers.mean())
    assert threshold.precision == pytest.approx(correct[given_answers].mean())
    if threshold.reached:
        assert threshold.precision >= precision
        lower = [value for value in {0.0, *top} if value < threshold.value]
        assert all(correct[top >= value].mean() < precision for value in lower)
    else:
        enough = [value for value in top if (top >= value).sum() >= min(LEAST_ANSWERS, (len(top) + 1) // 2)]
        assert all(correct[top >= value].mean() < precision for value in enough)


def test_ties_are_answered_together_or_not_at_all() -> None:
    top = np.array([0.9, 0.9, 0.9, 0.6])
    threshold = choose_threshold(top, np.array([True, True, False, True]), 0.95)
    assert not threshold.reached
    assert threshold.coverage in (0.75, 1.0)


def test_where_all_are_right_all_are_answered() -> None:
    threshold = choose_threshold(np.linspace(0.4, 1, 50), np.ones(50, np.bool_), 0.99)
    assert (threshold.value, threshold.precision, threshold.coverage, threshold.reached) == (0, 1, 1, True)


def test_where_it_is_hopeless_the_best_of_twenty_answers_or_more_is_taken() -> None:
    top = np.linspace(1, 0.5, 100)
    correct = np.arange(100) % 2 == 0
    correct[:3] = True  # a lucky start of three
    threshold = choose_threshold(top, correct, 0.99)
    assert not threshold.reached
    assert threshold.coverage >= 0.2
    assert 0.5 <= threshold.precision < 0.65
    assert not choose_threshold(top, np.zeros(100, np.bool_), 0.5).reached


def test_photos_unlike_the_others_get_no_answer_and_do_not_spoil_it() -> None:
    """Ten foreign photos that are surely wrong: the rule refuses them, so the threshold need not."""
    top = np.concatenate([np.full(10, 0.99), np.linspace(0.95, 0.5, 90)])
    correct, familiar = np.arange(100) >= 10, np.arange(100) >= 10
    alone, whole = choose_threshold(top, correct, 0.95), choose_threshold(top, correct, 0.95, familiar)
    assert not alone.reached
    assert (whole.value, whole.precision, whole.coverage, whole.reached) == (0, 1, 0.9, True)
    none = choose_threshold(top, correct, 0.95, np.zeros(100, np.bool_))
    assert (none.value, none.coverage, none.reached) == (1, 0, False)


def test_rounding_parts_no_equal_probabilities() -> None:
    """A head of neighbours gives the same few probabilities again and again; the graph rounds them otherwise."""
    top = np.repeat([0.98, 0.9, 0.6], 40) + np.random.default_rng(0).uniform(-1e-7, 1e-7, 120)
    correct = np.arange(120) < 80
    threshold = choose_threshold(top, correct, 0.99)
    assert threshold.reached
    assert threshold.coverage == pytest.approx(2 / 3)
    assert ((top - 2e-6 >= threshold.value) == correct).all()
    assert ((top + 2e-6 >= threshold.value) == correct).all()


def test_own_copies_do_not_make_a_photo_familiar() -> None:
    """Twenty odd ones that are each there twice: by their copies alone they would be at home."""
    x, labels = blobs(400, 30, 2)
    x /= np.abs(x).max(axis=0)
    rng = np.random.default_rng(0)
    odd = rng.normal(0, 1, (20, 30)).astype(np.float32)
    everything = np.concatenate([x, odd, odd])
    labels = np.concatenate([labels, np.zeros(40, np.int64)])
    alone = np.arange(len(everything))
    copies = np.concatenate([np.arange(400), 400 + np.arange(20), 400 + np.arange(20)])
    assert fit_ood_score(everything, labels, copies).limit < 0.9 * fit_ood_score(everything, labels, alone).limit


def test_the_limit_is_drawn_from_photos_that_the_network_did_not_learn_from() -> None:
    """Those that it did lie twice as close together: by them, most new photos would be unlike."""
    x, labels = blobs(4000, 20, 4, seed=5)
    x /= np.abs(x).max(axis=0)
    centres = np.stack([x[labels == k].mean(axis=0) for k in range(4)])
    x[:2000] = centres[labels[:2000]] + (x[:2000] - centres[labels[:2000]]) / 4
    new, alone = np.arange(2000, 3000), np.arange(3000)
    known = fit_ood_score(x[:3000], labels[:3000], alone, new)
    assert (known.similarity(x[3000:]) >= known.limit).mean() == pytest.approx(0.99, abs=0.012)
    learned = fit_ood_score(x[:2000], labels[:2000], alone[:2000])
    assert (learned.similarity(x[3000:]) >= learned.limit).mean() < 0.9


def test_99_of_100_photos_like_the_training_photos_pass() -> None:
    x, labels = blobs(4000, 20, 4, seed=5)
    x /= np.abs(x).max(axis=0)
    known = fit_ood_score(x[:3000], labels[:3000], np.arange(3000))
    assert (known.similarity(x[3000:]) >= known.limit).mean() == pytest.approx(0.99, abs=0.01)
    foreign = np.random.default_rng(0).normal(0, 1, (500, 20)).astype(np.float32)
    assert (known.similarity(foreign) < known.limit).mean() > 0.5


def test_references_are_spread_over_the_classes() -> None:
    labels = np.concatenate([np.zeros(3000, np.int64), np.ones(40, np.int64), np.full(500, 2)])
    x = np.random.default_rng(0).normal(size=(len(labels), 8)).astype(np.float32)
    x[:, 0] = 0
    x[np.arange(len(x)), 0] = 100 * (labels == 1)
    known = fit_ood_score(x, labels, np.arange(len(x)))
    assert known.references.shape == (MAX_REFERENCES, 8)
    assert known.references.dtype == np.float16
    assert (known.references[:, 0] > 0.9).sum() == 40  # the whole of the small class
    np.testing.assert_array_equal(known.references, unit_rows(x[known.reference_rows]).astype(np.float16))


def test_classes_take_turns() -> None:
    assert in_turn(np.array([2, 0, 0, 0, 2, 1])).tolist() == [0, 1, 5, 2, 4, 3]
    assert in_turn(np.array([], np.int64)).tolist() == []


def test_half_precision_costs_nothing() -> None:
    x, labels = blobs(300, 64, 3)
    known = fit_ood_score(x, labels, np.arange(300))
    np.testing.assert_allclose(known.similarity(x), 1, atol=2e-3)
    np.testing.assert_allclose(np.linalg.norm(known.references.astype(np.float32), axis=1), 1, atol=2e-3)


def test_an_empty_picture_is_like_nothing() -> None:
    known = OutOfDistributionScore(np.eye(3, dtype=np.float16), 0.5, np.arange(3))
    assert known.similarity(np.zeros((1, 3), np.float32))[0] == 0
