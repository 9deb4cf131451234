"""The examples in the docstrings run."""

import doctest

import pytest

from whatsit import files as target
from whatsit import text
from whatsit.data import components as grouping


@pytest.mark.parametrize("module", [grouping, target, text])
def test_docstrings(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted > 0
    assert result.failed == 0
