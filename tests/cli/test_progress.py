"""Progress is for people at a terminal: it counts while a step runs, and leaves no trace."""

import io
import sys
import time

import pytest

from whatsit.cli import progress
from whatsit.cli.progress import bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_step_without_a_total_counts_its_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "TICK", 0.01)
    with bar("learning", None):
        deadline = time.monotonic() + 10
        while "learning … 0 s" not in terminal.getvalue():
            assert time.monotonic() < deadline
    *_, last = terminal.getvalue().rstrip("\r").split("\r")
    assert last.strip() == ""
    assert "\n" not in terminal.getvalue()


def test_a_pipe_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    for total in (None, 3):
        with bar("learning", total) as advance:
            advance(1)
    assert pipe.getvalue() == ""
