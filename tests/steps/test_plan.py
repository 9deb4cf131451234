"""Who learns, who chooses and who judges: never the same photos, and never two of one component."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from whatsit.config import Split, TrainOptions
from whatsit.errors import DatasetError
from whatsit.training import splits as module
from whatsit.training.experiment import Splits, TrainingSet
from whatsit.training.splits import folds_of, make_splits, unused_shares

from .made import make_photos


def check_rounds(made: Splits, photos: TrainingSet) -> None:
    """No component is fitted on and held out at once, and all rows of a round are among those learned from."""
    components = photos.components[made.train]
    for one in made.cv:
        assert len(one.train)
        assert len(one.held_out)
        assert np.intersect1d(components[one.train], components[one.held_out]).size == 0
        assert max(one.train.max(), one.held_out.max()) < len(made.train)


def in_threes(n: int) -> list[str | None]:
    return [f"group {i // 3}" for i in range(n)]


def splits_of(*parts: tuple[Split, int]) -> list[Split | None]:
    return [split for split, count in parts for _ in range(count)]


def test_small_data_is_cross_validated() -> None:
    photos = make_photos([30, 33], groups=in_threes(63))
    made = make_splits(photos, TrainOptions())
    assert made.cross_validated
    assert made.folds is not None
    assert sorted(made.test) == sorted(made.train) == list(range(63))
    assert len(made.cv) == module.FOLDS
    assert sorted(np.concatenate([one.held_out for one in made.cv])) == list(range(63))
    check_rounds(made, photos)
    for component in np.unique(photos.components):
        assert len(np.unique(made.folds[photos.components == component])) == 1
    assert made.names == tuple(f"fold {fold + 1}" for fold in made.folds)


def test_shares_that_were_asked_for_and_are_not_used_are_named() -> None:
    def said(options: TrainOptions, *parts: tuple[Split, int], one_fold: bool = False) -> str:
        each = splits_of(*parts)
        photos = make_photos([len(each) or 40] * 2, splits=each * 2)
        return unused_shares(photos, make_splits(photos, options, one_fold=one_fold), options)

    whole: tuple[tuple[Split, int], ...] = (("train", 20), ("valid", 8), ("test", 8))
    both = "--test 0.3 and --valid 0.1 are not used: these photos are split already"
    assert said(TrainOptions(test=0.3, valid=0.1), *whole) == both
    assert said(TrainOptions(valid=0.1), *whole) == "--valid 0.1 is not used: these photos are split already"
    assert said(TrainOptions(), *whole) == ""
    assert said(TrainOptions(test=0.3)) == ""
    parts: tuple[tuple[Split, int], ...] = (("train", 40), ("test", 8))
    assert said(TrainOptions(valid=0.2), *parts, one_fold=True) == ""  # it draws photos to choose on


def test_enough_photos_get_a_test_split() -> None:
    photos = make_photos([360, 345], groups=in_threes(705))
    made = make_splits(photos, TrainOptions())
    assert not made.cross_validated
    assert np.intersect1d(photos.components[made.train], photos.components[made.test]).size == 0
    assert len(made.train) + len(made.test) == 705
    assert 70 <= len(made.test) <= 140
    assert [made.names[i] for i in made.test] == ["test"] * len(made.test)
    check_rounds(made, photos)


@pytest.mark.parametrize(("test", "cross_validated"), [(0.0, True), (0.15, True), (0.5, False)])
def test_the_share_decides(test: float, cross_validated: bool) -> None:
    assert make_splits(make_photos([110, 110]), TrainOptions(test=test)).cross_validated is cross_validated


def test_of_many_photos_one_split_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MANY", 100)
    photos = make_photos([400, 400])
    made = make_splits(photos, TrainOptions())
    (one,) = made.cv
    splits = np.array(made.names)[made.train]
    assert set(splits[one.train]) == {"train"}
    assert set(splits[one.held_out]) == {"valid"}
    assert len(one.train) + len(one.held_out) == len(made.train)
    check_rounds(made, photos)


def test_of_many_classes_one_split_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    photos = make_photos([80] * 10)
    assert len(make_splits(photos, TrainOptions()).cv) == module.FOLDS
    monkeypatch.setattr(module, "MANY_LOGITS", 5000)
    assert len(make_splits(photos, TrainOptions()).cv) == 1


def test_without_valid_many_photos_are_cut_into_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MANY", 100)
    made = make_splits(make_photos([400, 400]), TrainOptions(valid=0.0))
    assert len(made.cv) == module.FOLDS
    assert set(made.names) == {"train", "test"}


def given(*splits: Sequence[Split | None]) -> TrainingSet:
    return make_photos([len(one) for one in splits], splits=[split for one in splits for split in one])


def test_given_splits_stand() -> None:
    each = splits_of(("train", 8), ("valid", 3), ("test", 4))
    made = make_splits(given(each, each), TrainOptions())
    assert made.protocol == "your own test split"
    assert list(made.names) == [*each, *each]
    splits = np.array(made.names)
    assert set(splits[made.test]) == {"test"}
    (one,) = made.cv
    assert set(splits[made.train][one.train]) == {"train"}
    assert set(splits[made.train][one.held_out]) == {"valid"}


def test_where_valid_judges_it_does_not_choose() -> None:
    each = splits_of(("train", 9), ("valid", 4))
    photos = given(each, each)
    made = make_splits(photos, TrainOptions())
    assert made.protocol == "your own valid split"
    splits = np.array(made.names)
    assert set(splits[made.test]) == {"valid"}
    assert set(splits[made.train]) == {"train"}
    check_rounds(made, photos)


def test_too_few_to_hold_any_out() -> None:
    with pytest.raises(DatasetError, match=r"class 'class 1' has 1 distinct photo to learn from; at least 2"):
        make_splits(make_photos([5, 2], groups=[None] * 5 + ["same", "same"]), TrainOptions())
    each = splits_of(("train", 3), ("test", 2))
    with pytest.raises(DatasetError, match="'class 1' has 1 distinct photo to learn from"):
        make_splits(given(each, splits_of(("train", 1), ("test", 2))), TrainOptions())


def test_each_class_is_spread_over_the_folds() -> None:
    """Also where every fifth photo is of one class, as manifests are often written."""
    photos = make_photos([20, 80])
    order = np.argsort(np.arange(100) % 5 != 0, kind="stable")
    folds = folds_of(photos, order, seed=0)
    for k in range(2):
        assert np.ptp(np.bincount(folds[photos.labels[order] == k], minlength=module.FOLDS)) <= 1


def for_network(photos: TrainingSet, **shares: float) -> tuple[Splits, dict[str, list[int]]]:
    """The splits, and of each part how many photos of each class it has."""
    made = make_splits(photos, TrainOptions(**shares), one_fold=True)  # type: ignore[arg-type]
    (one,) = made.cv
    check_rounds(made, photos)
    assert not made.cross_validated
    parts = {"fit": made.train[one.train], "held out": made.train[one.held_out], "judge": made.test}
    rows = np.concatenate(list(parts.values()))
    assert len(np.unique(rows)) == len(rows)
    return made, {name: np.bincount(photos.labels[part], minlength=2).tolist() for name, part in parts.items()}


def test_a_network_stops_by_valid_and_test_judges() -> None:
    each = splits_of(("train", 8), ("valid", 3), ("test", 4))
    made, parts = for_network(given(each, each))
    assert parts == {"fit": [8, 8], "held out": [3, 3], "judge": [4, 4]}
    assert made.protocol == "your own test split"


@pytest.mark.parametrize("judge", ["valid", "test"])
def test_a_network_holds_out_of_train_where_one_split_is_missing(judge: Split) -> None:
    each = splits_of(("train", 20), (judge, 4))
    made, parts = for_network(given(each, each))
    assert parts["judge"] == [4, 4]
    assert min(parts["held out"]) >= 1
    assert [a + b for a, b in zip(parts["fit"], parts["held out"], strict=True)] == [20, 20]
    assert set(made.names) == {"train", module.HELD_OUT, judge}


def test_a_network_draws_where_nothing_is_given() -> None:
    made, parts = for_network(make_photos([30, 30], groups=in_threes(60)))
    assert all(min(counts) >= 3 for counts in parts.values())
    assert set(made.names) == {"train", "valid", "test"}
    assert for_network(make_photos([3, 3]))[1] == {"fit": [1, 1], "held out": [1, 1], "judge": [1, 1]}


def test_a_network_needs_all_three_parts() -> None:
    for shares in ({"test": 0.0}, {"valid": 0.0}):
        with pytest.raises(DatasetError, match="--valid and --test above 0"):
            for_network(make_photos([30, 30]), **shares)
    with pytest.raises(DatasetError, match=r"class 'class 1' has 2 distinct photos; at least 3"):
        for_network(make_photos([30, 2]))
    with pytest.raises(DatasetError, match=r"class 'class 0' has 1 distinct photo to learn from; at least 2"):
        for_network(given(*[splits_of(("train", 1), ("test", 1))] * 2))


def test_a_network_refuses_folds() -> None:
    photos = make_photos([40, 40])
    records = tuple(replace(record, fold=i % 5) for i, record in enumerate(photos.dataset.records))
    photos = replace(photos, dataset=replace(photos.dataset, records=records))
    with pytest.raises(
        DatasetError, match=r"^made: gives folds, and a network is not cross-validated\. Expected train"
    ):
        make_splits(photos, TrainOptions(), one_fold=True)
    assert make_splits(photos, TrainOptions()).protocol.endswith("the folds are your own")


def test_a_class_in_one_group_is_told_what_helps() -> None:
    with pytest.raises(DatasetError) as error:
        make_splits(make_photos([5, 2], groups=[None] * 5 + ["same", "same"]), TrainOptions())
    assert "all its photos are in 1 group, and a group is never split" in str(error.value)
    assert "Add photos of other groups" in str(error.value)
    assert "--near-copies" not in str(error.value)
