"""Wilson's interval, the two ranking figures, and the search for wrong labels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from whatsit.evaluation import metrics as mislabelled
from whatsit.evaluation.intervals import wilson
from whatsit.evaluation.metrics import likely_mislabelled
from whatsit.evaluation.ranking import auroc, fpr_at_95_tpr


@given(st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_contains_the_share(counts: tuple[int, int]) -> None:
    successes, n = counts
    low, high = wilson(successes, n)
    assert 0 <= low <= successes / n <= high <= 1
    assert high - low > 0


@pytest.mark.parametrize(("successes", "n"), [(0, 1), (0, 10), (7, 10), (10, 10), (381, 394)])
def test_wilson_is_scipys(successes: int, n: int) -> None:
    expected = stats.binomtest(successes, n).proportion_ci(0.95, method="wilson")
    assert wilson(successes, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_of_nothing_is_everything() -> None:
    assert wilson(0, 0) == (0, 1)
    with pytest.raises(ValueError, match="3 of 2"):
        wilson(3, 2)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_auroc_is_scikit_learns(positives: list[int], negatives: list[int]) -> None:
    labels = [1] * len(positives) + [0] * len(negatives)
    expected = metrics.roc_auc_score(labels, positives + negatives)
    assert auroc(np.array(positives, float), np.array(negatives, float)) == pytest.approx(expected)


def test_fpr_where_95_percent_are_kept() -> None:
    known = np.arange(100.0)  # 95 % are kept from 5 up
    assert fpr_at_95_tpr(known, np.array([4.9, 5.0, 50.0, -1.0])) == 0.5
    assert fpr_at_95_tpr(known, known - 1000) == 0
    assert fpr_at_95_tpr(np.array([1.0]), np.array([0.5, 2.0])) == 0.5


def test_scores_must_be_there() -> None:
    with pytest.raises(ValueError, match="n >= 1"):
        auroc(np.array([]), np.array([1.0]))


def test_planted_wrong_labels_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    right = rng.integers(0, 3, 300)
    logits = rng.normal(size=(300, 3)) + 4 * np.eye(3)[right]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = right.copy()
    planted = np.array([3, 50, 120, 299])
    labels[planted] = (labels[planted] + 1) % 3
    found = likely_mislabelled(labels, p)
    monkeypatch.setattr(mislabelled, "CHUNK", 100)  # probabilities at a time: the same, photo by photo
    assert np.array_equal(likely_mislabelled(labels, p), found)
    assert set(planted) <= set(found[:8].tolist())
    assert len(found) < 20


def test_confident_learning_by_hand() -> None:
    """Thresholds (0.7, 0.59): photos 2 and 4 reach the other class's; without photo 4 it is (0.7, 0.9)."""
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [0.1, 0.9], [0.72, 0.28]])
    truth = np.array([0, 0, 0, 1, 1])
    assert likely_mislabelled(truth, p).tolist() == [4, 2]
    assert likely_mislabelled(truth[:4], p[:4]).tolist() == []
    assert likely_mislabelled(np.array([0, 0]), np.array([[0.9, 0.1], [0.1, 0.9]])).tolist() == []


def test_the_surest_suspicion_comes_first() -> None:
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.25, 0.75], [0.05, 0.95], [0.2, 0.8], [0.4, 0.6]])
    truth = np.array([0, 0, 0, 0, 1, 1])
    assert likely_mislabelled(truth, p).tolist() == [3, 2]


def test_a_classifier_that_knows_nothing_accuses_no_label() -> None:
    rng = np.random.default_rng(0)
    truth, p = rng.integers(0, 50, 400), rng.dirichlet(np.ones(50), 400)
    assert likely_mislabelled(truth, p).tolist() == []
