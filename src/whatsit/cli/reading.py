"""What people hear of DATA once it is read, before anything is learned from it."""

import re
import sys
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from whatsit.data.dataset import Dataset

WIDTH = 80  # columns
NBSP = "\N{NO-BREAK SPACE}"
COUNT = re.compile(r" (?=[\d,]+(?:, |\)|$))")  # the blank before it


def tell_classes(*, quiet: bool) -> "Callable[[Dataset], None]":
    """Prints what was read, before it is learned from: the classes, and what people should know of the reading.

    quiet: the notes alone.
    """

    def tell(dataset: "Dataset") -> None:
        from whatsit.data.readers.checks import class_lines
        from whatsit.text import printable

        for line in () if quiet else class_lines(dataset.counts):
            tied = COUNT.sub(NBSP, printable(line))  # a name and its number stay on one line
            for row in textwrap.wrap(tied, WIDTH, subsequent_indent="  "):
                click.echo(row.replace(NBSP, " "), err=True)
        for note in dataset.notes:
            text = f"Note: {printable(note)}"
            lines = textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)
            for row in lines if sys.stderr.isatty() else [text]:
                click.echo(row, err=True)

    return tell
