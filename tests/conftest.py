"""One core for each worker; which tests are quick, and which come first. The fixtures are in shared_fixtures.py."""

from pathlib import Path

import pytest
from once import keep_to_one_core

keep_to_one_core()

pytest_plugins = ["shared_fixtures"]

QUICK = "not slow"  # as `make check` gives it to -m
ALL_SLOW = "\npytestmark = pytest.mark.slow\n"  # how a module says it of all its tests
FIRST = ("test_notebook.py", "test_docs.py")  # single tests that take long: begun last, one worker would wait for them


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where quick tests alone are asked for, slow modules are not even imported: PyTorch would take longer than all."""
    is_module = collection_path.name.startswith("test_") and collection_path.suffix == ".py"
    is_slow = is_module and ALL_SLOW in collection_path.read_text(encoding="utf-8")
    return True if is_slow and config.getoption("markexpr") == QUICK else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in FIRST)
