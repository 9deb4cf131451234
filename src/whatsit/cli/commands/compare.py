"""`whatsit compare`."""

import shlex
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from whatsit.cli.commands.train import command as train
from whatsit.cli.options import (
    Described,
    GroupedCommand,
    cache_option,
    check_method,
    given_options,
    json_line,
    json_option,
    own,
    plain_cells_option,
    shared_options,
    take,
    take_training,
)
from whatsit.cli.progress import bar
from whatsit.cli.reading import tell_classes
from whatsit.config import NetworkOptions, ReadOptions, TrainOptions
from whatsit.option import options_of

if TYPE_CHECKING:
    from whatsit.training.compare.trial import Trial

FORM = "METHOD [OPTION]..."


@click.command(
    name="compare",
    cls=GroupedCommand,
    epilog='Example: whatsit compare my_photos/ -c probe -c "scratch --epochs 20" -c "finetune --unfreeze last-blocks"',
)
@click.argument("data", nargs=-1, required=True, metavar="DATA...")
@own(
    "-c",
    "--candidate",
    "candidates",
    multiple=True,
    metavar=FORM,
    help="Way to train: probe, scratch or finetune, with options of 'whatsit train'. May be given several times.",
    in_words="every method",
)
@own("-o", "--output", metavar="DIR", help="Folder to write model and page into.", in_words="<name of DATA>-comparison")
@own("--force", is_flag=True, help="Replace the folder if it exists.")
@shared_options("compare")
@cache_option
@plain_cells_option
@json_option
def command(
    data: tuple[str, ...],
    candidates: tuple[str, ...],
    output: str | None,
    force: bool,
    cache: str | None,
    as_json: bool,
    **shared: Any,
) -> None:
    """Compare ways to train on the photos in DATA, and keep the best model.

    All candidates are trained on the same train photos and compared on the same valid photos. The best one is trained
    on both, and evaluated on test photos that no candidate has seen. A second call continues an interrupted one.
    """
    from whatsit.training.compare.run import compare
    from whatsit.training.compare.terminal import summary

    start = time.monotonic()
    reading, common = take(shared, ReadOptions), take_training(shared)
    chosen = {text: parsed(text, common) for text in candidates or _default()}
    if len(chosen) < len(candidates):
        twice = next(text for text in chosen if candidates.count(text) > 1)
        raise click.UsageError(f"-c {twice!r} is given twice")
    compared = compare(
        data,
        chosen,
        output,
        reading=reading,
        cache=cache,
        overwrite=force,
        progress=bar,
        listed=tell_classes(quiet=as_json),
        told=_tell,
    )
    if as_json:
        click.echo(json_line(compared.to_dict()))
    else:
        click.echo(summary(compared))
        click.echo(f"Took {time.monotonic() - start:.1f} s.", err=True)


def parsed(text: str, common: TrainOptions) -> TrainOptions:
    """`finetune --epochs 5` → options, the common ones among them, as `whatsit train` would read it.

    Raises UsageError for what it would refuse, and for what belongs to the whole comparison.
    """
    try:
        method, *words = shlex.split(text) or [""]
        context = train.make_context("candidate", ["--method", method, *words], help_option_names=[])
        with context:
            _check_options(context)
            check_method(method)
            return _options(context.params, common)
    except (ValueError, click.UsageError) as error:
        reason = error.format_message() if isinstance(error, click.UsageError) else str(error)
        raise click.UsageError(f"-c {text!r}: {reason}", click.get_current_context(silent=True)) from None


def _check_options(context: click.Context) -> None:
    for param in given_options(context):
        if isinstance(param, Described) and param.described.candidate:
            continue
        if isinstance(param, click.Argument):
            given = " ".join(context.params[param.name or ""])
            raise click.UsageError(f"{given!r} is no option. Expected {FORM}, as 'finetune --epochs 5'")
        shared = any(param.name == one.name for one in command.params)
        place = "holds for all candidates: give it outside the quotes" if shared else "has no place in a comparison"
        raise click.UsageError(f"{param.opts[0]} {place}")


def _options(values: dict[str, Any], common: TrainOptions) -> TrainOptions:
    mine = {name: values[name] for name, option in options_of(TrainOptions).items() if option.candidate}
    return take(mine, TrainOptions, common, network=take(values, NetworkOptions))


def _default() -> list[str]:
    """What is compared where nothing was said."""
    from whatsit.training.compare.run import CANDIDATES, default_candidates

    names = list(default_candidates())
    if len(names) < len(CANDIDATES):
        click.echo("Probes alone are compared; for networks: pip install 'whatsit[networks]'", err=True)
    return names


def _tell(trial: "Trial") -> None:
    """A line a candidate, for people."""
    from whatsit.training.compare.terminal import line

    if sys.stderr.isatty():
        click.echo(line(trial), err=True)
