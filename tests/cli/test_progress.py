"""Progress is for people at a terminal: it counts while a step runs, and leaves no trace."""

import fcntl
import io
import os
import re
import struct
import sys
import termios
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


def test_figures_of_a_training_fit_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    note = "epoch 12/40, loss 0.863, accuracy 0.958, valid 0.875"
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal, monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", terminal)
        patched.setattr(progress, "DELAY", 0)
        with bar("learning", 1200) as advance:
            for _ in range(20):  # a bar is drawn anew ten times a second
                advance(8, note)
                time.sleep(0.02)
    seen = os.read(ours, 100_000).decode()
    os.close(ours)
    *_, last = [line for line in seen.split("\r") if note in line]
    assert re.fullmatch(r" +[0-9]+%\|.\| [0-9:]+ left, [0-9.]+/s; " + note, last.rstrip())
    assert len(last) <= 80


def test_a_pipe_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    for total in (None, 3):
        with bar("learning", total) as advance:
            advance(1)
    assert pipe.getvalue() == ""
