"""Progress on stderr: a bar in a terminal, nothing in a pipe."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whatsit.steps.see import Advance  # importing it takes a second, and predict has no use for it

TICK = 1.0  # seconds
DELAY = 0.5  # seconds, below which no bar is worth a look
NOTED = "{percentage:3.0f}%|{bar}| {remaining} left, {rate_noinv_fmt}; {desc}"  # 80 columns hold a training's figures


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
                shown.unit, shown.unit_scale, shown.bar_format = "", True, NOTED
                shown.set_description_str(note, refresh=False)
            shown.update(n)

        yield advance


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
