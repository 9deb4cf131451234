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
from patience import PATIENCE

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
        deadline = time.monotonic() + PATIENCE
        while "learning … 0 s" not in terminal.getvalue():
            assert time.monotonic() < deadline
    *_, last = terminal.getvalue().rstrip("\r").split("\r")
    assert last.strip() == ""
    assert "\n" not in terminal.getvalue()


def frames(monkeypatch: pytest.MonkeyPatch, notes: list[str], total: int, columns: int) -> list[str]:
    """What a terminal of so many columns shows, frame by frame."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal, monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", terminal)
        patched.setattr(progress, "DELAY", 0)
        with bar("learning", total) as advance:
            for note in notes:
                for _ in range(6):  # a bar is drawn anew ten times a second
                    advance(8, note)
                    time.sleep(0.02)
    seen = os.read(ours, 100_000).decode()
    os.close(ours)
    return seen.split("\r")


FIGURES = "loss 0.863, accuracy 0.958"


@pytest.mark.parametrize("total", [1200, 10_000_000])  # seconds and hours
def test_figures_of_a_training_fit_80_columns(monkeypatch: pytest.MonkeyPatch, total: int) -> None:
    first = f"epoch 1/40, {FIGURES}"
    notes = [f"{first}, valid 0.875", f"epoch 300/300, {FIGURES}, valid 0.875"]
    notes.append("epoch 99999/100000, loss 12.863, accuracy 0.958, valid 0.875")
    shown = frames(monkeypatch, [first, *notes], total, 80)
    assert all(len(frame) <= 80 for frame in shown)
    for note in notes:
        found = [frame for frame in shown if note in frame]
        assert found, note
        assert all(re.search(r"[0-9]% *(\|.+\| )?[0-9:?]+ left[,;] ", frame) for frame in found), found
    assert any(re.search(r"\|.+\| [0-9:]+ left, [0-9.]+[kM]?/s; " + first, frame) for frame in shown)


def test_a_narrow_terminal_shows_the_figures_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    note = f"epoch 300/300, {FIGURES}, valid 0.875"
    shown = frames(monkeypatch, [note], 1200, 60)
    assert note in [frame.strip() for frame in shown]
    assert all(len(frame) <= 60 for frame in shown)


def test_a_pipe_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    for total in (None, 3):
        with bar("learning", total) as advance:
            advance(1)
    assert pipe.getvalue() == ""
