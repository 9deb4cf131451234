"""Progress on stderr: a bar in a terminal, nothing in a pipe."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bar(step: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar over `total` images; without a total, the step's name while it runs."""
    if not sys.stderr.isatty():
        yield lambda n: None
        return
    from tqdm import tqdm

    if total is None:
        print(f"{step} …", end="\r", file=sys.stderr, flush=True)
        yield lambda n: None
        print(" " * (len(step) + 2), end="\r", file=sys.stderr, flush=True)
        return
    with tqdm(total=total, desc=step, unit=" photos", leave=False, dynamic_ncols=True, delay=0.5) as shown:

        def advance(n: int) -> None:
            shown.update(n)

        yield advance
