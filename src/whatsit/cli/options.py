"""Options of the command line, made from their descriptions in `config.py`; and the few that commands have themselves.

`described` gives a command the options of a dataclass, `take` makes the dataclass from the values that were given.
`predict` starts with this module, so it imports nothing that takes time.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from whatsit.cli.typed import WRITTEN
from whatsit.config import NetworkOptions, ReadOptions, TrainOptions
from whatsit.images.limits import Limits
from whatsit.kinds import Device, Repeated, Switch, Text
from whatsit.option import Option, default_in_words, flag_of, options_of
from whatsit.text import PLAIN_CELLS
from whatsit.training.methods import METHODS

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")  # a dataclass of options


class Described(click.Option):
    """An option under the heading of its description, with its default in words."""

    def __init__(self, names: Sequence[str], described: Option, in_words: str = "", **more: Any) -> None:
        super().__init__(names, help=described.help, **more)
        self.described, self._in_words = described, in_words

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """With the default beside click's own words on the range."""
        record = super().get_help_record(ctx)
        if record is None or not self._in_words:
            return record
        names, text = record
        body, bracket, extra = text.rpartition("  [")
        if not bracket or not extra.endswith("]"):
            body, extra = text, "]"
        return names, f"{body}  [default: {self._in_words}{'' if extra == ']' else '; '}{extra}"


class GroupedCommand(click.Command):
    """A command whose help has a heading for each group of options."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {"Options": []}
        for param in self.get_params(ctx):
            if isinstance(param, click.Option) and (record := param.get_help_record(ctx)):
                heading = param.described.heading if isinstance(param, Described) else "Options"
                groups.setdefault(heading, []).append(record)
        for heading, records in groups.items():
            with formatter.section(heading):
                formatter.write_dl(records)


_described = partial(click.option, cls=Described)


def _made(name: str, option: Option, default: Any) -> Callable[[F], F]:
    """Click is told no default, so that a value that was not given is None."""
    flag, in_words = flag_of(name, option), default_in_words(option, default)
    if not isinstance(option.kind, Switch):
        written = WRITTEN[type(option.kind)](option.kind)
        return _described(flag, name, described=option, in_words=in_words, envvar=option.envvar, **written)
    if default is False:
        return _described(flag, name, described=option, is_flag=True)
    switch = f"{flag}/--no-{flag.removeprefix('--')}"
    return _described(switch, name, described=option, in_words=in_words, default=None)


def described(kind: type[T], command: str, base: T | None = None, *, shared: bool = False) -> Callable[[F], F]:
    """The options of a dataclass that the command has.

    base: the defaults, where they are not the dataclass's own; shared: without those in which candidates may differ.
    """
    base = base if base is not None else kind()
    of_command = {name: one for name, one in options_of(kind).items() if command in one.commands}
    options = {name: one for name, one in of_command.items() if not (shared and one.candidate)}
    return in_order([_made(name, one, getattr(base, name)) for name, one in options.items()])


def own(
    *names: str, help: str, in_words: str = "", about: Mapping[str, Any] | None = None, **more: Any
) -> Callable[[F], F]:
    """An option of a command itself. about: attributes of `Option`."""
    return _described(*names, described=Option(Text(), help, **(about or {})), in_words=in_words, **more)


def in_order(options: Sequence[Callable[[F], F]]) -> Callable[[F], F]:
    """All of them as one decorator, which the help lists in this order."""

    def add(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def take(values: dict[str, Any], kind: type[T], base: T | None = None, **more: Any) -> T:
    """The dataclass made of those of a command's values that are its options, taken out of `values`.

    base: has the values that were not given, else the dataclass's defaults; more: further fields.
    """
    own_values = {name: (values.pop(name), one) for name, one in options_of(kind).items() if name in values}
    nothing = {name: () if isinstance(one.kind, Repeated) else None for name, (_, one) in own_values.items()}
    given = {name: value for name, (value, _) in own_values.items() if value != nothing[name]}
    return replace(base if base is not None else kind(), **given, **more)  # type: ignore[type-var]


def training_options(command: str) -> Callable[[F], F]:
    """All options of training that the command has, and how photos and DATA are read."""
    return in_order([described(kind, command) for kind in (TrainOptions, Limits, ReadOptions, NetworkOptions)])


def shared_options(command: str) -> Callable[[F], F]:
    """As `training_options`, without those in which candidates may differ."""
    return in_order([described(kind, command, shared=True) for kind in (TrainOptions, Limits, ReadOptions)])


def take_training(values: dict[str, Any]) -> TrainOptions:
    """The options of training, taken out of a command's values."""
    return take(values, TrainOptions, limits=take(values, Limits), network=take(values, NetworkOptions))


def given_options(context: click.Context) -> Iterator[click.Parameter]:
    """Those that were typed."""
    for param in context.command.params:
        if context.get_parameter_source(param.name or "") is ParameterSource.COMMANDLINE:
            yield param


def check_method(method: str) -> None:
    """An option that could not have an effect is refused, not ignored: UsageError."""
    for option in given_options(click.get_current_context()):
        methods = option.described.methods if isinstance(option, Described) else (method,)
        if method in methods or method not in METHODS.built_in:  # what another package's method takes, it knows itself
            continue
        if "probe" not in methods and method == "probe" and len(methods) > 1:
            raise click.UsageError(f"{option.opts[0]} has no effect on a probe. Add --method scratch or finetune")
        raise click.UsageError(f"{option.opts[0]} has no effect with --method {method}")


def check_needs_photos() -> None:
    """Where training starts from stored embeddings: UsageError for an option that they have settled."""
    for option in given_options(click.get_current_context()):
        if isinstance(option, Described) and option.described.needs_photos:
            raise click.UsageError(f"{option.opts[0]} has no effect with --embeddings: the file has settled it")


cache_option = own(
    "--cache",
    metavar="DIR",
    help="Folder of the embedding cache.",
    in_words="WHATSIT_CACHE, or the user's cache folder",
    about={"needs_photos": True},
)
device_option = _made("device", Option(Device(), "Processor that runs the network."), "cpu")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def _leave_cells(ctx: click.Context, _: click.Parameter, wanted: bool) -> bool:
    if wanted:
        ctx.with_resource(_plain_cells())
    return wanted


@contextmanager
def _plain_cells() -> Iterator[None]:
    """In the environment, so that processes that this one starts do so, too; until the command ends."""
    before = os.environ.get(PLAIN_CELLS)
    os.environ[PLAIN_CELLS] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[PLAIN_CELLS]
        else:
            os.environ[PLAIN_CELLS] = before


def plain_cells_option(command: F, *, expose_value: bool = False) -> F:
    """`--plain-cells`, of every command that writes CSV."""
    return click.option(
        "--plain-cells",
        is_flag=True,
        expose_value=expose_value,
        callback=_leave_cells,
        help="Write cells of CSV as they are, without an apostrophe before what a spreadsheet takes for a formula.",
    )(command)


def json_line(value: Any) -> str:
    """One line of JSON that stdout can hold: escaped where its encoding, or a name, is not UTF-8."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(value)
    return text
