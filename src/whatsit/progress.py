"""How far a long step is, as the caller wants to hear it: one type for the library, the shells and the tests.

A reporter is called with a step's name and its total (photos; None where nobody can tell) and gives a context manager,
which yields `advance(n, note)`. This module shows nothing itself: `whatsit.cli.progress` draws the bar.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Advance(Protocol):
    """A step's progress: n photos more, and a note of a few words on how it goes."""

    def __call__(self, n: int, /, note: str = "") -> None: ...


class ProgressReporter(Protocol):
    """Called where a step begins; the step lasts as long as the context.

    >>> with no_progress("embedding", 2) as advance:
    ...     advance(1)
    ...     advance(1, "half a second left")
    """

    def __call__(self, step: str, total: int | None, /) -> AbstractContextManager[Advance]: ...


@contextmanager
def no_progress(step: str, total: int | None, /) -> Iterator[Advance]:
    """Reports nothing."""

    def advance(n: int, note: str = "") -> None:
        pass

    yield advance
