"""`whatsit compare`."""

import shlex
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from whatsit.cli.commands.train import SHARE
from whatsit.cli.commands.train import command as train
from whatsit.cli.networks import NetworkOption, check_method, chosen_network
from whatsit.cli.options import (
    DEFAULTS,
    balance_option,
    cache_option,
    group_options,
    json_line,
    json_option,
    limit_options,
    limits,
    plain_cells_option,
    precision_option,
    seed_option,
    training_device_option,
    value_range_option,
)
from whatsit.cli.progress import bar
from whatsit.cli.reading import ReadingCommand, chosen_reading, read_options, tell_classes
from whatsit.config import TrainOptions

if TYPE_CHECKING:
    from whatsit.training.compare.trial import Trial

OF_CANDIDATES = (
    "method",
    "backbone",
    "weights",
    "image_size",
    "resize_mode",
    "precision",
    "head",
)  # and all of networks but
NOT_OF_CANDIDATES = ("resume", "keep_checkpoint")  # a comparison always goes on where it ended
FORM = "METHOD [OPTION]..."


@click.command(
    name="compare",
    cls=ReadingCommand,
    epilog='Example: whatsit compare my_photos/ -c probe -c "scratch --epochs 20" -c "finetune --unfreeze last-blocks"',
)
@click.argument("data", nargs=-1, required=True, metavar="DATA...")
@click.option(
    "-c",
    "--candidate",
    "candidates",
    multiple=True,
    metavar=FORM,
    help="probe, scratch or finetune with options of 'whatsit train'; may be given again. Default: every method.",
)
@click.option("-o", "--output", metavar="DIR", help="Where it goes (default: <name of DATA>-comparison).")
@click.option("--force", is_flag=True, help="Replace that folder where it exists.")
@click.option("--valid", type=SHARE, default=DEFAULTS.valid, show_default=True, help="Share of photos to compare on.")
@click.option("--test", type=SHARE, default=DEFAULTS.test, show_default=True, help="Share to judge the winner on.")
@group_options
@seed_option
@value_range_option
@balance_option
@precision_option
@training_device_option
@cache_option
@limit_options
@plain_cells_option
@json_option
@read_options
def command(
    data: tuple[str, ...],
    candidates: tuple[str, ...],
    output: str | None,
    force: bool,
    cache: str | None,
    as_json: bool,
    max_bytes: int,
    max_pixels: int,
    **shared: Any,
) -> None:
    """Say which way to teach pays on the photos in DATA, and teach the one that does best.

    All candidates learn from the same photos and are compared on the same valid ones. The winner is then taught on both
    together, and judged on test photos, which no other has seen. Called again after it was broken off, it goes on.
    """
    from whatsit.training.compare.run import compare
    from whatsit.training.compare.terminal import summary

    start = time.monotonic()
    reading = chosen_reading(shared)
    common = TrainOptions(**shared, limits=limits(max_bytes, max_pixels))
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
    for param in context.command.params:
        name = param.name or ""
        if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE or _is_of_candidates(param):
            continue
        if isinstance(param, click.Argument):
            given = " ".join(context.params[name])
            raise click.UsageError(f"{given!r} is no option. Expected {FORM}, as 'finetune --epochs 5'")
        own = any(name == shared.name for shared in command.params)
        place = "holds for all candidates: give it outside the quotes" if own else "has no place in a comparison"
        raise click.UsageError(f"{param.opts[0]} {place}")


def _is_of_candidates(param: click.Parameter) -> bool:
    if isinstance(param, NetworkOption):
        return param.name not in NOT_OF_CANDIDATES
    return param.name in OF_CANDIDATES


def _options(values: dict[str, Any], common: TrainOptions) -> TrainOptions:
    network = chosen_network(values)
    return replace(common, **{name: values[name] for name in OF_CANDIDATES}, network=network)


def _default() -> list[str]:
    """What is compared where nothing was said."""
    from whatsit.training.compare.field import CANDIDATES, default_candidates

    names = list(default_candidates())
    if len(names) < len(CANDIDATES):
        click.echo("Probes alone are compared; for networks: pip install 'whatsit[networks]'", err=True)
    return names


def _tell(trial: "Trial") -> None:
    """A line a candidate, for people."""
    from whatsit.training.compare.terminal import line

    if sys.stderr.isatty():
        click.echo(line(trial), err=True)
