"""Networks so small that a second core only waits."""

from collections.abc import Iterator

import pytest
from once import one_core


@pytest.fixture(scope="package", autouse=True)
def on_one_core() -> Iterator[None]:
    with one_core():
        yield
