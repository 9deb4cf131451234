"""Networks so small that a second thread only waits."""

from collections.abc import Iterator

import pytest

from whatsit.training.network import trainer as fit


@pytest.fixture(scope="package", autouse=True)
def one_thread() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "cores", lambda: 1)
        yield
