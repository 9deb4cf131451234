"""Progress on stderr: a bar in a terminal, nothing in a pipe."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

TICK = 1.0  # seconds


@contextmanager
def bar(step: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar over `total` images; without a total, the step's name and its seconds while it runs."""
    if not sys.stderr.isatty():
        yield lambda n: None
        return
    from tqdm import tqdm

    if total is None:
        with _clock(step):
            yield lambda n: None
        return
    with tqdm(total=total, desc=step, unit=" photos", leave=False, dynamic_ncols=True, delay=0.5) as shown:

        def advance(n: int) -> None:
            shown.update(n)

        yield advance


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
