"""The options that say how DATA is read, for every command that reads labelled photos; and what people hear of it."""

import re
import sys
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, get_args

import click

from whatsit.cli.options import F, FiniteRange, ParamType, in_order, taken
from whatsit.config import READ_DEFAULTS, ReadOptions, Split, TopFolders

if TYPE_CHECKING:
    from whatsit.data.dataset import Dataset

HEADING = "Reading DATA"
WIDTH = 80  # columns
NBSP = "\N{NO-BREAK SPACE}"
COUNT = re.compile(r" (?=[\d,]+(?:, |\)|$))")  # the blank before it


class SplitFolders(ParamType[dict[str, Split]]):
    """`train=training_set,test=test_set` → {"training_set": "train", "test_set": "test"}."""

    name = "splits"

    def convert(
        self, value: str | dict[str, Split], param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, Split]:
        from whatsit.data.readers.words import split_names

        if isinstance(value, dict):
            return value
        found: dict[str, Split] = {}
        for one in value.split(","):
            word, _, folder = (part.strip() for part in one.partition("="))
            split = split_names([word]).get(word)
            if split is None or not folder:
                self.fail(f"{one!r} is no split. Expected train=FOLDER,valid=FOLDER,test=FOLDER", param, ctx)
            if found.setdefault(folder.rstrip("/"), split) != split:
                self.fail(f"{folder!r} is named for two splits", param, ctx)
        return found


class Names(ParamType[tuple[str, ...]]):
    """`a,b` → ("a", "b")."""

    name = "names"

    def convert(
        self, value: str | tuple[str, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        return tuple(name for one in value.split(",") if (name := one.strip().rstrip("/")))


class ReadOption(click.Option):
    """Shown under a heading of its own."""


class ReadingCommand(click.Command):
    """With a heading for the options that say how DATA is read."""

    headings: tuple[tuple[str, type[click.Option]], ...] = ((HEADING, ReadOption),)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [p for p in self.get_params(ctx) if isinstance(p, click.Option)]
        own = tuple(kind for _, kind in self.headings)
        parts = [("Options", [p for p in options if not isinstance(p, own)])]
        parts += [(heading, [p for p in options if isinstance(p, kind)]) for heading, kind in self.headings]
        for heading, shown in parts:
            with formatter.section(heading):
                formatter.write_dl([record for p in shown if (record := p.get_help_record(ctx))])


def _option(*names: str, **settings: Any) -> Any:
    return click.option(*names, cls=ReadOption, **settings)


OPTIONS = (
    _option(
        "--split-folders",
        type=SplitFolders(),
        metavar="SPLITS",
        help="Which folder is which split: train=FOLDER,valid=FOLDER,test=FOLDER.",
    ),
    _option(
        "--top-folders",
        type=click.Choice(get_args(TopFolders)),
        help="What the folders at the top are: classes; or above the classes, parts of no meaning, or groups whose "
        "photos belong together.",
    ),
    _option("--path-column", metavar="NAME", help="Of a manifest: the column of paths or URIs (default: uri)."),
    _option("--label-column", metavar="NAME", help="The column of labels (default: label)."),
    _option("--split-column", metavar="NAME", help="The column that says train, valid or test (default: split)."),
    _option("--group-column", metavar="NAME", help="The column whose equal values stay together (default: group)."),
    _option(
        "--max-missing",
        type=FiniteRange(0, 1),
        default=READ_DEFAULTS.max_missing,
        show_default=True,
        help="Share of a manifest's files that may be missing; they are left out and listed.",
    ),
    _option("--skip", type=Names(), metavar="NAMES", help="Folders and files to leave out: masks,*_mask.png."),
)
FIELDS = tuple(ReadOptions.__dataclass_fields__)


def read_options(command: F) -> F:
    """How DATA is read; `chosen_reading` takes the values out of the command's."""
    return in_order(OPTIONS, command)


def chosen_reading(values: dict[str, Any]) -> ReadOptions:
    """The options of reading, taken out of `values`."""
    return taken(values, ReadOptions)


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
