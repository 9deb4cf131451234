"""The options of `whatsit train` that are about networks: their own heading in `--help`, and refused with a probe."""

import re
from typing import Any, get_args

import click
from click.core import ParameterSource

from whatsit.cli.options import F, FiniteRange, ParamType, in_order, taken
from whatsit.cli.reading import ReadingCommand
from whatsit.config import DEFAULT_ARCHITECTURE, NetworkOptions, OptimizerName, Unfreeze
from whatsit.training.methods import METHODS
from whatsit.training.network.architectures import FINETUNE, MOST_EPOCHS, SCRATCH

UNITS = {"s": 1, "m": 60, "h": 3600}


class Widths(ParamType[tuple[int, ...]]):
    """`32,64,64` → (32, 64, 64); where there may be none, `none` → ()."""

    name = "widths"

    def __init__(self, *, none: bool = False) -> None:
        self.none = none

    def convert(
        self, value: str | tuple[int, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        if self.none and value == "none":
            return ()
        if not re.fullmatch(r"[0-9]{1,5}(,[0-9]{1,5})*", value):
            self.fail(f"{value!r} is no list of widths. Expected numbers with commas, as 32,64,64", param, ctx)
        return tuple(int(one) for one in value.split(","))


class Duration(ParamType[float]):
    """`10m` → 600.0 seconds."""

    name = "time"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        typed = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smh]?)", value.strip().lower())
        if not typed or float(typed[1]) == 0:
            self.fail(f"{value!r} is no time. Expected seconds, minutes or hours, as 90s, 10m or 1.5h", param, ctx)
        return float(typed[1]) * UNITS[typed[2] or "s"]


class Rate(ParamType[float | str]):
    """A learning rate, or `find`."""

    name = "rate"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        if value == "find" or isinstance(value, float):
            return value
        try:
            rate = float(value)
        except ValueError:
            rate = 0.0
        if not 0 < rate <= 100:
            self.fail(f"{value!r} is no learning rate. Expected a number above 0, as 0.001, or find", param, ctx)
        return rate


class NetworkOption(click.Option):
    """Shown under a heading of its own."""


class TrainCommand(ReadingCommand):
    """With two headings more for its options."""

    headings = (*ReadingCommand.headings, ("Networks (--method scratch or finetune)", NetworkOption))


def _option(*names: str, **settings: Any) -> Any:
    return click.option(*names, cls=NetworkOption, **settings)


OPTIONS = (
    _option(
        "--architecture",
        metavar="NAME",
        help=f"Of scratch: one of 'whatsit describe', or timm:NAME (default: {DEFAULT_ARCHITECTURE}).",
    ),
    _option("--layers", type=Widths(), help="Filters of each convolution, as 32,64,64."),
    _option("--dense", type=Widths(none=True), help="Units of the dense layers before the output, as 256; or none."),
    _option(
        "--epochs",
        type=click.IntRange(1, 100_000),
        help=f"Times that every photo is learned from (scratch: {SCRATCH.epochs}; finetune: {FINETUNE.epochs}, "
        f"of few photos up to {MOST_EPOCHS}).",
    ),
    _option("--batch-size", type=click.IntRange(1, 8192), help="Photos a step (default: 32)."),
    _option("--optimizer", type=click.Choice(get_args(OptimizerName)), help="How the weights are moved."),
    _option("--learning-rate", type=Rate(), help="Length of a step; find: by a short trial (Smith 2017)."),
    _option("--weight-decay", type=FiniteRange(0, 10), help="Pull of the weights towards 0."),
    _option("--layer-decay", type=FiniteRange(0, 1, min_open=True), help="Learning rate of a part to the next."),
    _option("--label-smoothing", type=FiniteRange(0, 1, max_open=True), help="Share of doubt in every label."),
    _option("--augment", metavar="STEPS", help="none, light, strong or a list; see 'whatsit preview'."),
    _option("--unfreeze", type=click.Choice(get_args(Unfreeze)), help="What fine-tuning changes (default: all)."),
    _option("--probe-first/--no-probe-first", default=None, help="Fine-tuning begins with the probe's head."),
    _option("--frozen-norms/--no-frozen-norms", default=None, help="Batch norms keep their statistics."),
    _option("--averaging/--no-averaging", default=None, help="Averages the weights over about an epoch."),
    _option("--mixed-precision/--no-mixed-precision", default=None, help="bf16 where this machine computes in it."),
    _option("--patience", type=click.IntRange(1), help="Epochs without a better valid loss before it stops."),
    _option("--stop-at-accuracy", type=FiniteRange(0, 1), help="Stops when valid photos reach it, as 0.999."),
    _option("--max-time", "max_seconds", type=Duration(), help="Stops learning then, as 90s, 10m or 1.5h."),
    _option("--devices", type=click.IntRange(1, 64), help="GPUs, or processes on the CPU (default: 1)."),
    _option(
        "--resume", is_flag=True, help="Go on with a training that was broken off, or kept; with --epochs to more."
    ),
    _option("--keep-checkpoint", is_flag=True, help="Keep what a finished training could go on from."),
)


def network_options(command: F) -> F:
    """All of them, in the table's order."""
    return in_order(OPTIONS, command)


def chosen_network(options: dict[str, Any]) -> NetworkOptions:
    """Takes the networks' options out of all options. Those not given keep their defaults."""
    return taken(options, NetworkOptions)


def check_method(method: str) -> None:
    """An option that could not have an effect is refused, not ignored."""
    context = click.get_current_context()
    for option in context.command.params:
        if context.get_parameter_source(option.name or "") is not ParameterSource.COMMANDLINE:
            continue
        if method == "probe" and isinstance(option, NetworkOption):
            raise click.UsageError(f"{option.opts[0]} has no effect on a probe. Add --method scratch or finetune")
        if method in METHODS.built_in and method not in USED_BY.get(option.name or "", (method,)):
            raise click.UsageError(f"{option.opts[0]} has no effect with --method {method}")


USED_BY = {  # option → the methods of whatsit's own that it has an effect on
    "architecture": ("scratch",),
    "layers": ("scratch",),
    "dense": ("scratch",),
    "backbone": ("probe", "finetune"),
    "weights": ("probe", "finetune"),
    "precision": ("probe",),
    "head": ("probe",),
    "unfreeze": ("finetune",),
    "probe_first": ("finetune",),
    "frozen_norms": ("finetune",),
}
