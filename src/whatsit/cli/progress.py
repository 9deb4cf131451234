"""Progress on stderr: a bar in a terminal, nothing in a pipe."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whatsit.progress import Advance

TICK = 1.0  # seconds
COLUMNS = 80  # of a terminal that does not say how many
DELAY = 0.5  # seconds, below which no bar is worth a look
# Beside a training's figures, the fullest that fits: its columns beside them (a bar of four, hours left), its format.
NOTED = (
    (35, "{percentage:3.0f}%|{bar}| {remaining} left, {rate_noinv_fmt}; {desc}"),
    (26, "{percentage:3.0f}%|{bar}| {remaining} left; {desc}"),
    (19, "{percentage:3.0f}% {remaining} left; {desc}"),
    (0, "{desc}"),
)


@contextmanager
def bar(step: str, total: int | None) -> "Iterator[Advance]":
    """A bar over `total` images; without a total, the step's name and its seconds while it runs."""
    if not sys.stderr.isatty():
        yield _silent
        return
    from tqdm import tqdm

    if total is None:
        with _clock(step):
            yield _silent
        return
    with tqdm(total=total, desc=step, unit=" photos", leave=False, dynamic_ncols=True, delay=DELAY) as shown:

        def advance(n: int, note: str = "") -> None:
            if note:
                shown.unit, shown.unit_scale = "", True
                shown.bar_format = noted(note, shown.format_dict["ncols"] or COLUMNS)
                shown.set_description_str(note, refresh=False)
            shown.update(n)

        yield advance


def noted(note: str, columns: int) -> str:
    """tqdm's format of a bar with such a note, which is what a person looks at: all else makes room for it."""
    return next(form for width, form in NOTED if width + len(note) <= columns or width == 0)


def _silent(n: int, note: str = "") -> None:
    pass


@contextmanager
def _clock(step: str) -> Iterator[None]:
    """`step … 12 s`, counting, on one line that is wiped in the end."""
    done, start = threading.Event(), time.monotonic()

    def show(text: str) -> None:
        print(f"\r{text}", end="", file=sys.stderr, flush=True)

    def count() -> None:
        while not done.wait(TICK):
            show(f"{step} … {time.monotonic() - start:.0f} s")

    show(f"{step} …")
    counting = threading.Thread(target=count, daemon=True)
    counting.start()
    try:
        yield
    finally:
        done.set()
        counting.join()
        show(" " * (len(step) + 12) + "\r")
