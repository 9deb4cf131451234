"""Components, exact duplicates and folds by example."""

import numpy as np
import pytest

from whatsit.data.components import duplicates, group_records
from whatsit.data.split import assign_folds
from whatsit.errors import DatasetError

from .build import digests, each_alone, ints, no_groups


def test_pairs_and_groups_join_across() -> None:
    components = group_records(6, [(4, 2)], ["tom", None, "tom", None, None, None])
    assert components.tolist() == [0, 1, 0, 2, 0, 3]
    assert components.dtype == np.int64


def test_a_long_chain_is_one_component() -> None:
    n = 20_000
    assert group_records(n, ((i + 1, i) for i in range(n - 1)), no_groups(n)).max() == 0


def test_no_records_no_components() -> None:
    assert group_records(0, [], []).tolist() == []


def test_duplicates_are_paired_with_the_first() -> None:
    assert duplicates(["x", "y", "x", "y", "x"]) == [(0, 2), (1, 3), (0, 4)]
    assert duplicates(digests(5)) == []


def test_one_fold_is_no_cross_validation() -> None:
    with pytest.raises(DatasetError, match="1 folds: too few"):
        assign_folds(ints([0, 1]), digests(2), each_alone(2), 1, 0)


def test_folds_depend_on_the_seed_alone() -> None:
    labels, names = ints([0, 1] * 20), digests(40)
    cuts = [assign_folds(labels, names, each_alone(40), 5, seed).tolist() for seed in (0, 0, 1)]
    assert cuts[0] == cuts[1] != cuts[2]


def test_no_records_no_folds() -> None:
    assert assign_folds(ints([]), [], ints([]), 3, 0).tolist() == []
