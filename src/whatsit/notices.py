"""What a user should know before the result is there: a line each, through Python's logger `whatsit`.

Without a handler of the program's own Python prints a warning as it is, on stderr, in scripts and on the command line
alike; a program silences or collects it as any other log. It knows no command line and no step.
"""

import sys

from whatsit.text import printable

LOGGER = "whatsit"


def in_notebook() -> bool:
    """Whether a notebook's kernel runs this: there each line would stay among the results."""
    return "ipykernel" in sys.modules


def notice(text: str) -> None:
    """Logs one line as a warning."""
    import logging  # where it is used: `predict` starts without it

    logging.getLogger(LOGGER).warning("%s", printable(text))
