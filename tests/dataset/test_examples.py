"""The examples in the docstrings run; the public names are those that are promised."""

import doctest

import pytest

import whatsit.dataset
from whatsit.dataset import grouping, text


@pytest.mark.parametrize("module", [grouping, text])
def test_docstrings(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted > 0
    assert result.failed == 0


def test_public_names() -> None:
    assert sorted(whatsit.dataset.__all__) == [
        "Dataset",
        "Record",
        "Split",
        "SplitOptions",
        "assign_folds",
        "assign_splits",
        "duplicates",
        "find_conflicts",
        "group_records",
        "read_dataset",
    ]
