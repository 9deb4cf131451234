"""No photo is judged by a head, strength or temperature that its own label had a part in."""

from dataclasses import replace

import numpy as np
import pytest

from whatsit.config import HeadName, Split, TrainOptions
from whatsit.data.groups import Related
from whatsit.training.calibration import fit_ood_score
from whatsit.training.experiment import TrainingSet
from whatsit.training.fitted import threshold_of
from whatsit.training.splits import make_splits
from whatsit.training.test_results import evaluate_test

from .made import experiment_of, make_photos, predictions_of

HEADS: list[HeadName] = ["logistic", "mlp", "svm", "knn"]


def relabelled(photos: TrainingSet, rows: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> TrainingSet:
    labels = photos.labels.copy()
    labels[rows] = 1 - labels[rows]
    return replace(photos, labels=labels)


@pytest.mark.parametrize("head", HEADS)
def test_in_cross_validation_every_photo_is_judged_once(head: HeadName) -> None:
    photos, options = make_photos([20, 25, 30], spread=1.5), TrainOptions(head=head)
    predictions = predictions_of(photos, options)
    assert predictions.test_probabilities.shape == predictions.test_probabilities_raw.shape == (75, 3)
    assert np.array_equal(predictions.out_of_sample, predictions.test_probabilities)
    assert predictions.test_probabilities.sum(axis=1) == pytest.approx(1)
    assert np.mean(predictions.test_probabilities.argmax(axis=1) == photos.labels) > 0.5


@pytest.mark.parametrize("head", HEADS)
def test_labels_of_a_fold_do_not_reach_its_own_judgement(head: HeadName) -> None:
    """Flip the labels of one fold: what is said of its photos stays as it was, to the last bit; others' changes."""
    photos, options = make_photos([20, 20], spread=1.5), TrainOptions(head=head)
    splits = make_splits(photos, options)
    assert splits.folds is not None
    fold = np.flatnonzero(splits.folds == 2)
    before, after = predictions_of(photos, options, splits), predictions_of(relabelled(photos, fold), options, splits)
    assert np.array_equal(after.test_probabilities[fold], before.test_probabilities[fold])
    assert np.array_equal(after.test_probabilities_raw[fold], before.test_probabilities_raw[fold])
    others = np.setdiff1d(np.arange(40), fold)
    assert not np.allclose(after.test_probabilities[others], before.test_probabilities[others])


def given(n: int) -> TrainingSet:
    each: list[Split | None] = [*["train"] * (n - 8), *["valid"] * 4, *["test"] * 4]  # type: ignore[list-item]
    return make_photos([n, n], splits=[*each, *each], spread=1.5)


def test_in_cross_validation_similarity_is_to_photos_of_other_folds() -> None:
    """Whatever its own fold looks like, what is said of a photo does not change."""
    photos, options = make_photos([20, 20], spread=1.5), TrainOptions()
    splits = make_splits(photos, options)
    assert splits.folds is not None
    mine = np.flatnonzero(splits.folds == 2)
    x = photos.x.copy()
    x[mine[1:]] = -x[mine[1:]]
    before, after = predictions_of(photos, options, splits), predictions_of(replace(photos, x=x), options, splits)
    first = [one.similarity[mine[0]] - one.rule.similarity for one in (before, after)]
    assert first[0] == pytest.approx(first[1], abs=1e-6)
    others = np.flatnonzero(splits.folds != 2)
    expected = fit_ood_score(photos.x[others], photos.labels[others], photos.components[others])
    margin = expected.similarity(photos.x[mine]) - expected.limit
    np.testing.assert_allclose(before.similarity[mine] - before.rule.similarity, margin, atol=1e-6)


def test_so_many_photos_are_unlike_in_cross_validation_as_new_ones_are() -> None:
    """1 in 100, though fewer references lie further away."""
    photos, options = make_photos([250, 250], spread=1.2), TrainOptions(test=0.0)
    splits = make_splits(photos, options)
    assert splits.folds is not None
    unlike = predictions_of(photos, options, splits).verdict(splits.test).unlike
    assert unlike.mean() == pytest.approx(0.01, abs=0.01)


def test_figures_threshold_and_answers_are_by_the_whole_rule() -> None:
    """A tenth of the photos is of something else: they are no answers, neither in the threshold nor in the figures."""
    photos, options = make_photos([200, 200], spread=1.2), TrainOptions(test=0.0)
    rng = np.random.default_rng(3)
    x, odd = photos.x.copy(), np.arange(0, 400, 10)
    x[odd] = 9 * rng.normal(0, 1, (len(odd), x.shape[1]))
    photos = replace(photos, x=x)
    splits = make_splits(photos, options)
    predictions = predictions_of(photos, options, splits)
    predictions = replace(predictions, ood_score=replace(predictions.ood_score, limit=0.75))
    verdict, result = predictions.verdict(splits.test), evaluate_test(predictions)
    assert verdict.unlike[odd].mean() > 0.9
    assert result.answered.unlike == verdict.unlike.sum()
    assert result.answered.answered == (~verdict.unsure).sum()
    assert result.evaluation.coverage[-1].coverage == pytest.approx(1 - verdict.unlike.mean())
    threshold = threshold_of(predictions.fitted, 0.9, predictions.ood_score)
    assert threshold.coverage <= 1 - (predictions.ood_score.train_similarity < 0.75).mean()


def test_labels_of_test_reach_nothing() -> None:
    photos, options = given(24), TrainOptions()
    splits = make_splits(photos, options)
    before, after = (
        predictions_of(photos, options, splits),
        predictions_of(relabelled(photos, splits.test), options, splits),
    )
    assert np.array_equal(after.test_probabilities, before.test_probabilities)
    assert after.fitted.facts == before.fitted.facts
    assert after.threshold == before.threshold


@pytest.mark.parametrize("head", HEADS)
def test_photos_learned_from_are_judged_out_of_sample_too(head: HeadName) -> None:
    """The likely mislabelled are drawn from it: its own label must not make a photo look right."""
    photos, options = given(24), TrainOptions(head=head)
    splits = make_splits(photos, options)
    wrong = np.array([3])
    predictions = predictions_of(relabelled(photos, wrong), options, splits)
    assert not np.isnan(predictions.out_of_sample).any()
    assert np.array_equal(predictions.out_of_sample[splits.test], predictions.test_probabilities)
    assert predictions.out_of_sample[3].argmax() == 0  # what it shows, not what its label now says


def test_every_fifth_photo_of_a_class_is_judged_by_heads_that_know_the_class() -> None:
    """Components are numbered as they come; folds by that number would hold a whole class out at once."""
    n = 60
    splits: list[Split | None] = ["test" if i >= 50 else "valid" if i >= 40 else "train" for i in range(n)]
    photos = make_photos([12, 48], spread=0.3)
    order = np.argsort([i * 5 if k == 0 else i + 0.5 for i, k in enumerate(photos.labels)], kind="stable")
    records = [photos.dataset.records[i] for i in order]
    records = [replace(record, split=split) for record, split in zip(records, splits, strict=True)]
    mixed = replace(
        photos,
        dataset=replace(photos.dataset, records=tuple(records)),
        x=photos.x[order],
        labels=photos.labels[order],
    )
    options = TrainOptions()
    predictions = predictions_of(mixed, options)
    rare = np.flatnonzero(mixed.labels == 0)
    assert np.mean(predictions.out_of_sample[rare].argmax(axis=1) == 0) > 0.8


@pytest.mark.parametrize("head", ["logistic", "knn"])
def test_one_component_to_learn_from_has_no_out_of_sample(head: HeadName) -> None:
    """All of train and valid is one group: no part of it can judge another, but what train says of valid."""
    each: list[Split | None] = ["train", "train", "train", "valid", "test"]
    groups = ["one", "one", "one", "one", None]
    photos = make_photos([5, 5], splits=[*each, *each], groups=[*groups, *groups])
    options = TrainOptions(head=head)
    predictions = predictions_of(photos, options)
    known = ~np.isnan(predictions.out_of_sample[:, 0])
    assert known.tolist() == [False, False, False, True, True] * 2


def test_rows_worth_a_look() -> None:
    photos = relabelled(make_photos([40, 40], spread=0.4), np.array([5, 50]))
    options = TrainOptions()
    splits = make_splits(photos, options)
    predictions = predictions_of(photos, options, splits)
    result = evaluate_test(predictions)
    assert set(result.mislabelled) == {5, 50}
    assert set(result.mistakes) == {5, 50}
    top = predictions.test_probabilities.max(axis=1)
    assert np.all(np.diff(top[result.mistakes]) <= 0)
    assert np.all(np.diff(top[result.least_sure]) >= 0)
    assert len(result.least_sure) == 80
    assert result.seen.leaks == 0
    assert result.without_leaks is None
    assert result.evaluation.n == 80
    assert result.evaluation.accuracy.value == pytest.approx(78 / 80)


def test_leaks_are_found_among_those_learned_from() -> None:
    each: list[Split | None] = [*["train"] * 8, *["valid"] * 3, *["test"] * 4]  # type: ignore[list-item]
    groups: list[str | None] = [None] * 30
    groups[2] = groups[12] = "train and test"
    groups[18 + 8] = groups[13] = "test and the other test"
    groups[15 + 9] = groups[14] = "valid and test"
    photos = make_photos([15, 15], splits=[*each, *each], groups=groups)
    options = TrainOptions()
    splits = make_splits(photos, options)
    result = evaluate_test(predictions_of(photos, options, splits))
    assert [(one.path, one.training_photo, one.why) for one in result.seen.listed] == [
        ("0012.jpg", "0002.jpg", "group train and test"),
        ("0014.jpg", "0024.jpg", "group valid and test"),
    ]
    assert (result.seen.copies, result.seen.grouped) == (0, 2)
    assert result.evaluation.n == 8
    assert result.without_leaks is not None
    assert result.without_leaks.n == 6


def test_intervals_count_components() -> None:
    """80 photos of 8 patients tell less than 80 photos of as many."""
    alone = make_photos([40, 40], spread=2.0)
    grouped = replace(alone, related=Related(tuple(f"patient {i // 10}" for i in range(80))))
    options = TrainOptions()
    splits = make_splits(alone, options)
    predictions = predictions_of(alone, options, splits)
    same = replace(predictions.fitted, experiment=experiment_of(grouped, splits))
    one, many = evaluate_test(replace(predictions, fitted=same)), evaluate_test(predictions)
    assert (one.evaluation.units, many.evaluation.units) == (8, 80)
    assert one.evaluation.accuracy.value == many.evaluation.accuracy.value
    assert one.evaluation.accuracy.low < many.evaluation.accuracy.low
    assert one.answered.accuracy is not None
    assert many.answered.accuracy is not None
    assert one.answered.accuracy.low < many.answered.accuracy.low


def test_figures_by_group_are_of_the_judged_photos() -> None:
    groups = [f"site {i // 10}" if i < 30 else None for i in range(80)]
    photos, options = make_photos([40, 40], spread=3.0, groups=groups), TrainOptions()
    splits = make_splits(photos, options)
    predictions = predictions_of(photos, options, splits)
    figures = {one.group: one for one in evaluate_test(predictions).groups}
    right = predictions.test_probabilities.argmax(axis=1) == photos.labels[splits.test]
    for k in range(3):
        at = [i for i, row in enumerate(splits.test) if groups[row] == f"site {k}"]
        assert (figures[f"site {k}"].photos, figures[f"site {k}"].right) == (len(at), int(right[at].sum()))
    assert len(figures) == 3


def test_nothing_but_leaks_has_no_figure_without() -> None:
    each: list[Split | None] = [*["train"] * 4, "test"]  # type: ignore[list-item]
    groups: list[str | None] = ["a", None, None, None, "a", "b", None, None, None, "b"]
    photos = make_photos([5, 5], splits=[*each, *each], groups=groups)
    options = TrainOptions()
    splits = make_splits(photos, options)
    result = evaluate_test(predictions_of(photos, options, splits))
    assert result.seen.leaks == 2
    assert result.without_leaks is None
