"""`Later` computes beside its caller and hands over what comes of it, errors too."""

import threading

import pytest
from patience import PATIENCE

from whatsit.machine import Later


def test_it_begins_before_it_is_asked_for() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def compute() -> int:
        begun.set()
        assert go_on.wait(PATIENCE)
        return 7

    later = Later(compute)
    assert begun.wait(PATIENCE)
    go_on.set()
    assert later.result() == later.result() == 7


def test_an_error_is_raised_where_it_is_asked_for() -> None:
    def compute() -> int:
        raise KeyError("no such key")

    later = Later(compute)
    for _ in range(2):
        with pytest.raises(KeyError, match="no such key"):
            later.result()
