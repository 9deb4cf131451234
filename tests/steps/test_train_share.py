"""A share of the training photos: whole components, every class alike, and nothing else moves."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from whatsit.config import Split, TrainOptions
from whatsit.errors import DatasetError
from whatsit.progress import no_progress
from whatsit.training.experiment import Splits, TrainingSet
from whatsit.training.save import UNUSED, splits_csv
from whatsit.training.splits import make_splits, with_train_share

from .made import fitted_probe, make_photos

SHARES = (0.1, 0.25, 0.5, 1.0)


def with_splits() -> TrainingSet:
    each: list[Split | None] = [*["train"] * 40, *["valid"] * 10, *["test"] * 10]  # type: ignore[list-item]
    groups = [f"{label}{i // 2}" for label in "ab" for i in range(60)]
    return make_photos([60, 60], splits=[*each, *each], groups=groups)


def shared(photos: TrainingSet, share: float, *, one_fold: bool = False) -> Splits:
    options = TrainOptions(train_share=share)
    return with_train_share(photos, make_splits(photos, options, one_fold=one_fold), options)


@pytest.mark.parametrize("one_fold", [False, True])
def test_a_smaller_share_is_part_of_a_larger_one(*, one_fold: bool) -> None:
    photos = with_splits()
    whole = shared(photos, 1.0, one_fold=one_fold)
    learned = [set(shared(photos, share, one_fold=one_fold).train.tolist()) for share in SHARES]
    assert all(fewer < more for fewer, more in pairwise(learned))
    assert learned[-1] == set(whole.train.tolist())


def test_valid_and_test_photos_stay_and_groups_are_whole() -> None:
    photos, share = with_splits(), shared(with_splits(), 0.25, one_fold=True)
    whole = shared(photos, 1.0, one_fold=True)
    (one,), (before,) = share.cv, whole.cv
    assert share.test.tolist() == whole.test.tolist()
    assert share.train[one.held_out].tolist() == whole.train[before.held_out].tolist()
    fitted_on = share.train[one.train]
    assert np.bincount(photos.labels[fitted_on]).tolist() == [10, 10]
    assert share.available == len(before.train) == 80
    left = np.setdiff1d(whole.train, share.train)
    assert np.intersect1d(photos.components[left], photos.components[fitted_on]).size == 0
    assert {share.names[i] for i in left} == {""}


def test_in_cross_validation_all_photos_are_tested_by_heads_of_the_share() -> None:
    photos, options = make_photos([40, 40]), TrainOptions(train_share=0.5)
    splits = shared(photos, 0.5)
    assert len(splits.train) == 40
    assert len(splits.test) == 80
    before = fitted_probe(photos, splits, options).predictions(no_progress)
    assert not np.isnan(before.test_probabilities).any()
    assert not np.isnan(before.similarity).any()
    unused = np.setdiff1d(np.arange(80), splits.train)
    labels = photos.labels.copy()
    labels[unused] = 1 - labels[unused]
    after = fitted_probe(replace(photos, labels=labels), splits, options).predictions(no_progress)
    assert np.array_equal(before.test_probabilities, after.test_probabilities)


def test_photos_that_are_not_used_are_listed_with_the_reason() -> None:
    photos = with_splits()
    rows = splits_csv(photos, shared(photos, 0.5)).decode().splitlines()[1:]
    assert sum(UNUSED in row for row in rows) == 40


def test_too_small_a_share_is_refused() -> None:
    with pytest.raises(DatasetError, match="at least 2 are needed"):
        shared(make_photos([40, 40]), 0.01)
