"""The command line: `whatsit COMMAND …`. One small file a command: parse, call, print, exit code.

A command is a click command. One of whatsit's own is `command` in `commands/NAME.py` and a row of `HELP_LINES`; another
package adds one by an entry point in the group `whatsit.commands`. Help, completion and the docs are made from the
registry.

Exit codes: 0 fine, 1 the user's mistake or an image that failed, 2 wrong usage, 130 interrupted.
"""

import errno
import gc
import io
import os
import sys
from contextlib import suppress
from typing import NoReturn

import click

from whatsit.errors import WhatsitError
from whatsit.images.libraries import ask_for_silence
from whatsit.registry import Registry

HELP_LINES = {
    "train": "Train a classifier on a folder of photos.",
    "compare": "Say which way to teach pays on your photos.",
    "tune": "Search for the options that learn best.",
    "predict": "Say what is on photos.",
    "evaluate": "Measure a model on labelled photos.",
    "models": "Keep versions of a model, and say which one answers.",
    "serve": "Answer over HTTP, with a page for people.",
    "request": "Write photos as the body of a request.",
    "feedback": "Write what people corrected as a manifest to train on.",
    "embed": "Write the embeddings of photos to a Parquet file.",
    "preview": "Show what augmentation does to photos.",
    "describe": "Show the layers of a network, or list the networks.",
    "cache": "Show or clear the embedding cache.",
    "demo": "Train on 2,624 photos of solar cells and show the report.",
    "completion": "Print the shell completion script.",
}


"""whatsit's own commands, in the order of `whatsit --help`, with their lines there: so that it imports none of them."""

COMMANDS = Registry[click.Command](
    "whatsit.commands",
    "command",
    {name: f"whatsit.cli.commands.{name}:command" for name in HELP_LINES},
    expected="a click.Command",
    accepts=lambda value: isinstance(value, click.Command),
)


class _Commands(click.Group):
    """Commands are imported when they are called, so that `--help` and `predict` start fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        try:
            return COMMANDS.get(name)
        except WhatsitError:
            if ctx.resilient_parsing:  # shell completion offers the other commands
                return None
            raise

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if any(arg == "" or (arg.startswith("--") and arg.endswith("=")) for arg in args[1:]):
            raise click.UsageError("one of the arguments is empty. Is a variable of your shell not set?", ctx)
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from whatsit.text import meant

            hint = "" if "Did you mean" in error.message else meant(args[0], COMMANDS)
            raise click.UsageError(f"{error.message}{hint}", ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(HELP_LINES.items()))
        if added := COMMANDS.added():
            with formatter.section("Commands of other packages"):
                formatter.write_dl([(name, _help_line(name)) for name in added])


def _help_line(name: str) -> str:
    """Of another package's command; why it cannot be called, where that is so: `whatsit --help` shows the rest then."""
    try:
        return COMMANDS.get(name).get_short_help_str(limit=80)
    except WhatsitError as error:
        return _one_line(str(error))


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from whatsit import __version__

        click.echo(f"whatsit {__version__}")
        ctx.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version.",
)
def whatsit() -> None:
    """From a folder of photos to an image classifier you can trust.

    \b
    whatsit train my_photos/                  my_photos/<class>/*.jpg
    whatsit predict my_photos-model new/*.jpg
    whatsit predict photo.jpg                 what is this? (ImageNet's 1000 classes)
    """


def _one_line(message: str) -> str:
    from whatsit.text import printable

    return printable(message)


def _write_any_name() -> None:
    """A file's name need not be text in stdout's encoding: it is then escaped, where Python would raise."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _called() -> object:
    """The command; libtiff is silent, and what was left out of photos is said once, at the end."""
    ask_for_silence()
    try:
        return whatsit.main(standalone_mode=False)
    finally:
        if notes := sys.modules.get("whatsit.notices"):
            for line in notes.taken():
                click.echo(line, err=True)


def main() -> None:
    """The entry point: a `WhatsitError` becomes one line on stderr and exit code 1."""
    _write_any_name()
    try:
        code = _called()
        sys.exit(code if isinstance(code, int) else 0)
    except click.UsageError as error:
        _with_choice(error).show()
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(1)
    except WhatsitError as error:
        click.echo(f"Error: {_one_line(str(error))}", err=True)
        sys.exit(1)
    except click.Abort as abort:  # what click makes of a KeyboardInterrupt
        _exit_interrupted(abort.__cause__ or abort.__context__)
    except KeyboardInterrupt as interrupt:
        _exit_interrupted(interrupt)
    except ImportError as error:
        if not isinstance(error.__cause__, KeyboardInterrupt):  # as a compiled module tells it that is being imported
            raise
        _exit_interrupted(error.__cause__)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        click.echo("Error: cannot print the answer: no space left where stdout goes", err=True)
        sys.exit(1)


def run() -> None:
    """The console script: `main`, started and ended without what a short-lived process need not do."""
    if sys.argv[1:2] == ["predict"]:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # its threads take 40 ms to start, and predict has no use
        gc.set_threshold(50_000)  # importing makes many objects and no garbage: looking for it takes 15 ms
    _occupy_closed_streams()
    code = 0
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # a reader that has left, a closed stream, none (`>&-`)
            stream.flush()
    os._exit(code)  # skips taking the interpreter and ONNX Runtime apart, 60 ms; all files are closed by now


def _occupy_closed_streams() -> None:
    """A file opened later would take the place of a closed standard stream (`>&-`), and be printed to."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free, which is this


def _with_choice(error: click.UsageError) -> click.UsageError:
    """Click names all choices of an option, but not the one that is spelled alike."""
    if isinstance(error, click.BadParameter) and error.param and isinstance(error.param.type, click.Choice):
        from whatsit.text import meant

        typed = error.message.partition("'")[2].partition("'")[0]
        hint = meant(typed, map(str, error.param.type.choices))
        return click.BadParameter(error.message + hint, error.ctx, error.param, error.param_hint)
    return error


def _exit_interrupted(interrupt: BaseException | None) -> NoReturn:
    """What is kept, whoever kept it has said."""
    kept = getattr(interrupt, "kept", "")
    click.echo(f"Interrupted. {kept}".strip(), err=True)
    sys.exit(130)
