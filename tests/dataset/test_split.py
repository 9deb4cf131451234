"""Splits by example: what is asked comes out, and small classes are served or refused."""

import math
from collections import Counter

import numpy as np
import pytest

from whatsit.dataset import Split, SplitOptions, assign_splits, group_records
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


def test_a_component_counts_for_the_class_of_most_of_its_records() -> None:
    components = ints([0, 0, 0, 1, 2, 3])
    labels = ints([0, 0, 1, 0, 1, 1])  # component 0 is a, and so has a two components
    splits = assign_splits(labels, digests(6), components, no_groups(6), ["a", "b"], SplitOptions(valid=0, test=0.5))
    assert splits[0] == splits[1] == splits[2] != splits[3]
    assert splits[4] != splits[5]


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


PINNED = "rrrrrrarerrrrrrreera"  # r: train, a: valid, e: test


def test_arrays_of_different_length_are_a_programmer_s_mistake() -> None:
    with pytest.raises(ValueError, match="zip"):
        assign_splits(np.zeros(3, np.int64), digests(2), each_alone(3), no_groups(3), ["a"], SplitOptions())
