"""Ctrl-C, and what it leaves: whoever keeps work says so where the work is done, not by what was typed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

EMBEDDED = "What was embedded is kept: run the same command again to go on."


class Interrupted(KeyboardInterrupt):
    """`kept`: what is kept and how to go on, a sentence; empty where nothing is."""

    def __init__(self, kept: str) -> None:
        super().__init__(kept)
        self.kept = kept


@contextmanager
def kept_if_interrupted(kept: Callable[[], str], *, whole: bool = False) -> Iterator[None]:
    """A Ctrl-C within the block says what is kept. The innermost block knows it best, unless this one is the `whole`.

    kept: asked when it happens.
    """
    try:
        yield
    except Interrupted:
        if not whole:
            raise
        raise Interrupted(kept()) from None
    except KeyboardInterrupt as error:
        raise Interrupted(kept()) from error
    except ImportError as error:
        if not isinstance(error.__cause__, KeyboardInterrupt):  # as a compiled module tells it that is being imported
            raise
        raise Interrupted(kept()) from error
