"""What a user should know before the result is there: a line each, through Python's logger `whatsit`.

Without a handler of the program's own Python prints a warning as it is, on stderr, in scripts and on the command line
alike; a program silences or collects it as any other log. It knows no command line and no step.

What was left out of files that were read: counted while they are, and said once, when the work is done.

Decoders run in many threads and know no terminal. They count files by their content, so that a file that is read twice
counts once; whoever speaks to the user takes the sentences.

Ctrl-C, and what it leaves: whoever keeps work says so where the work is done, not by what was typed.
"""

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Literal

from whatsit.text import number, printable

LOGGER = "whatsit"


def in_notebook() -> bool:
    """Whether a notebook's kernel runs this: there each line would stay among the results."""
    return "ipykernel" in sys.modules


def notice(text: str) -> None:
    """Logs one line as a warning."""
    import logging  # where it is used: `predict` starts without it

    logging.getLogger(LOGGER).warning("%s", printable(text))


Left = Literal["pages", "uncounted", "frames", "preview"]
_MOST = 100_000  # files of a kind that are told apart
_lock = Lock()
_files: dict[Left, set[int]] = defaultdict(set)


def note(what: Left, data: bytes) -> None:
    """Of this file, something was left out."""
    with _lock:
        if len(_files[what]) < _MOST:
            _files[what].add(hash(data))


def taken() -> list[str]:
    """A sentence for each kind, and the counting starts anew."""
    with _lock:
        counts = {what: len(files) for what, files in _files.items()}
        _files.clear()
    return [_SENTENCES[what].format(number(count, "file")) for what, count in counts.items() if count]


_SENTENCES: dict[Left, str] = {
    "pages": "{}: further pages were left out. --page all reads each as a photo; in training, --page channels makes "
    "one of three.",
    "uncounted": "{} that is not local: further pages were left out. Name each as FILE#page=2, or copy the file here.",
    "frames": "{} with an animation: the first frame was read.",
    "preview": "{} of a camera's raw data: the small preview inside was read. Develop them to TIFF or JPEG for more.",
}


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
