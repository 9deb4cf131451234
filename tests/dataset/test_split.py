"""Splits by example: what is asked comes out, and small classes are served or refused."""

import math
from collections import Counter

import numpy as np
import pytest

from whatsit.config import Split
from whatsit.data.components import group_records
from whatsit.data.split import SplitOptions, assign_folds, assign_splits
from whatsit.errors import DatasetError

from .build import digests, each_alone, ints, no_groups


def split_of(labels: list[int], names: list[str], options: SplitOptions | None = None) -> list[Split]:
    n = len(labels)
    chosen = options or SplitOptions()
    return assign_splits(ints(labels), digests(n), each_alone(n), no_groups(n), names, chosen)


def test_shares_come_out_as_asked_up_to_chance() -> None:
    counts = Counter(split_of([0, 1] * 2000, ["a", "b"], SplitOptions(valid=0.1, test=0.2)))
    assert counts["valid"] / 4000 == pytest.approx(0.1, abs=0.02)
    assert counts["test"] / 4000 == pytest.approx(0.2, abs=0.02)


def test_another_seed_gives_another_cut() -> None:
    labels = [0, 1] * 50
    cuts = {tuple(split_of(labels, ["a", "b"], SplitOptions(seed=seed))) for seed in range(5)}
    assert len(cuts) == 5


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (SplitOptions(valid=0), {"train", "test"}),
        (SplitOptions(test=0), {"train", "valid"}),
        (SplitOptions(valid=0, test=0), {"train"}),
    ],
)
def test_a_share_of_zero_means_no_such_split(options: SplitOptions, expected: set[str]) -> None:
    assert set(split_of([0, 1] * 20, ["a", "b"], options)) == expected
    assert set(split_of([0] * len(expected), ["a"], options)) == expected


@pytest.mark.parametrize("seed", range(20))
def test_three_photos_are_enough_for_three_splits(seed: int) -> None:
    splits = split_of([0, 0, 0, 1, 1, 1], ["a", "b"], SplitOptions(seed=seed))
    assert sorted(splits[:3]) == sorted(splits[3:]) == ["test", "train", "valid"]


def test_a_class_with_too_few_photos_is_refused_with_the_others_like_it() -> None:
    with pytest.raises(DatasetError) as error:
        split_of([0] * 9 + [1, 1] + [2], ["many", "two", "one", "none", "e", "f"])
    message = str(error.value)
    assert message.startswith("class 'two' has 2 distinct photos; at least 3 are needed to split into train")
    assert "'one' (1), 'none' (0), 'e' (0) and 1 more" in message
    assert "\n" not in message


def test_duplicates_do_not_count_as_distinct_photos() -> None:
    components = group_records(6, [(0, 1), (1, 2)], no_groups(6))
    with pytest.raises(DatasetError, match="class 'a' has 1 distinct photo; at least 2"):
        assign_splits(ints([0, 0, 0, 1, 1, 1]), digests(6), components, no_groups(6), ["a", "b"], SplitOptions(valid=0))


def test_a_group_keeps_its_split_when_its_photos_change() -> None:
    others = digests(40)
    labels = ints([0] * 44)
    groups = no_groups(40) + ["tom"] * 4
    components = group_records(44, [], groups)
    found = {
        assign_splits(labels, others + digests(4, start=100 * i), components, groups, ["a"], SplitOptions(seed=3))[-1]
        for i in range(1, 6)
    }
    assert len(found) == 1


def test_components_with_the_same_key_are_one() -> None:
    n = 30
    same = digests(1) * 2 + digests(n - 2, start=1)
    for seed in range(20):
        splits = assign_splits(ints([0] * n), same, each_alone(n), no_groups(n), ["a"], SplitOptions(seed=seed))
        assert splits[0] == splits[1]


def sites(n: int, counts: tuple[int, ...] = (45, 20, 10)) -> tuple[list[int], list[str | None]]:
    """Labels and groups of photos at `n` camera sites, each with so many photos of every class."""
    labels = [label for _ in range(n) for label, count in enumerate(counts) for _ in range(count)]
    return labels, [f"site {i}" for i in range(n) for _ in range(sum(counts))]


def grouped_splits(labels: list[int], groups: list[str | None], options: SplitOptions | None = None) -> list[Split]:
    n, names = len(labels), [f"class {i}" for i in range(max(labels) + 1)]
    return assign_splits(
        ints(labels), digests(n), group_records(n, [], groups), groups, names, options or SplitOptions()
    )


@pytest.mark.parametrize(("n", "expected"), [(12, (8, 2, 2)), (60, (42, 9, 9)), (4, (2, 1, 1))])
def test_a_group_may_hold_several_classes(n: int, expected: tuple[int, int, int]) -> None:
    labels, groups = sites(n)
    splits = grouped_splits(labels, groups)
    held = {split: {g for g, s in zip(groups, splits, strict=True) if s == split} for split in set(splits)}
    assert tuple(len(held[split]) for split in ("train", "valid", "test")) == expected
    assert sum(map(len, held.values())) == n
    assert set(zip(splits, labels, strict=True)) == {(s, k) for s in ("train", "valid", "test") for k in range(3)}


def test_a_class_in_few_groups_is_in_every_part() -> None:
    labels, groups = sites(40, (20,))
    for site in (3, 17, 30):  # a rare class, beside a frequent one, at three sites
        labels += [1, 1]
        groups += [f"site {site}"] * 2
    for seed in range(20):
        splits = grouped_splits(labels, groups, SplitOptions(seed=seed))
        assert {s for s, k in zip(splits, labels, strict=True) if k == 1} == {"train", "valid", "test"}


def test_shares_are_of_photos_where_groups_differ_in_size() -> None:
    rng = np.random.default_rng(0)
    sizes = rng.geometric(0.05, 100)
    groups: list[str | None] = [f"patient {i}" for i, size in enumerate(sizes) for _ in range(size)]
    labels = rng.integers(0, 2, len(groups)).tolist()
    counts = Counter(grouped_splits(labels, groups, SplitOptions(valid=0.1, test=0.2)))
    assert counts["valid"] / len(groups) == pytest.approx(0.1, abs=0.005)
    assert counts["test"] / len(groups) == pytest.approx(0.2, abs=0.005)


@pytest.mark.parametrize("seed", range(20))
def test_small_sets_get_the_shares_asked_for(seed: int) -> None:
    counts = Counter(split_of([0, 1, 2] * 40, ["a", "b", "c"], SplitOptions(seed=seed)))
    assert counts == {"train": 84, "valid": 18, "test": 18}


def test_near_copies_across_classes_are_one_component_of_several() -> None:
    labels = [0] * 30 + [1] * 30
    components = group_records(60, [(0, 30), (1, 31), (2, 32)], no_groups(60))
    splits = assign_splits(ints(labels), digests(60), components, no_groups(60), ["a", "b"], SplitOptions())
    assert splits[:3] == splits[30:33]
    assert set(zip(splits, labels, strict=True)) == {(s, k) for s in ("train", "valid", "test") for k in range(2)}


@pytest.mark.parametrize(("n", "k"), [(12, 5), (4, 5), (7, 3)])
def test_folds_of_groups_that_hold_several_classes(n: int, k: int) -> None:
    labels, groups = sites(n)
    folds = assign_folds(ints(labels), digests(len(labels)), group_records(len(labels), [], groups), k, 0)
    assert len({(g, f) for g, f in zip(groups, folds.tolist(), strict=True)}) == n
    held = Counter(zip(folds.tolist(), labels, strict=True))
    filled = min(k, n)
    assert set(held) == {(fold, label) for fold in range(filled) for label in range(3)}
    for label, count in enumerate((45, 20, 10)):
        photos = [held[fold, label] for fold in range(filled)]
        assert max(photos) - min(photos) <= count  # of one site


def test_no_records() -> None:
    assert split_of([], []) == []


@pytest.mark.parametrize(("valid", "test"), [(-0.1, 0.1), (1.0, 0.0), (0.1, math.nan), (0.5, 0.5), (0.1, math.inf)])
def test_impossible_shares_are_refused(valid: float, test: float) -> None:
    with pytest.raises(DatasetError, match="Expected"):
        SplitOptions(valid=valid, test=test)


def test_the_cut_is_pinned() -> None:
    """A new version of whatsit must cut an old data set as before."""
    splits = split_of([0, 1] * 10, ["a", "b"])
    assert "".join(split[1] for split in splits) == PINNED


PINNED = "rrrrrrarerrrrrraeare"  # r: train, a: valid, e: test


def test_arrays_of_different_length_are_a_programmer_s_mistake() -> None:
    with pytest.raises(ValueError, match="zip"):
        assign_splits(np.zeros(3, np.int64), digests(2), each_alone(3), no_groups(3), ["a"], SplitOptions())


def test_a_large_group_is_dealt_before_small_ones_in_whatever_order_they_come() -> None:
    """One patient with 200 photos and a hundred with 4: see findings/stratified_group_kfold_order.sh."""
    sizes = [200] + [4] * 100
    for ordered in (sizes, sizes[::-1]):
        groups: list[str | None] = [f"patient {i}" for i, size in enumerate(ordered) for _ in range(size)]
        labels = [i % 2 for size in ordered for i in range(size)]
        n = len(labels)
        folds = assign_folds(ints(labels), digests(n), group_records(n, [], groups), 5, 0)
        assert sorted(np.bincount(folds).tolist()) == [100, 100, 100, 100, 200]
