"""`whatsit tune`."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from whatsit.cli.commands.train import command as train
from whatsit.cli.networks import Duration, TrainCommand, check_method, chosen_network
from whatsit.cli.options import json_line, json_option, limits
from whatsit.cli.progress import bar
from whatsit.cli.reading import chosen_reading, tell_classes
from whatsit.config import TrainOptions

if TYPE_CHECKING:
    from whatsit.training.tune.trials import SearchProgress

OWN = ("data", "output", "force", "method", "max_seconds", "as_json")  # that train has otherwise, or not at all
HELP = {  # where train's would say more than is true of a network
    "backbone": "Of finetune: a name, or timm:NAME for a pretrained network of timm.",
    "valid": "Share of photos to compare trials on.",
    "test": "Share to judge the best on.",
}
LEFT_OUT = (
    "valid_data", "test_data", "label_dict",  # a manifest says the same
    "embeddings", "precision", "head",  # of a probe
    "devices", "resume", "keep_checkpoint", "tensorboard",  # of a single training
)  # fmt: skip


@click.command(name="tune", cls=TrainCommand, epilog="Example: whatsit tune my_photos/ --method finetune --trials 20")
@click.argument("data", nargs=-1, required=True, metavar="DATA...")
@click.option("-o", "--output", metavar="DIR", help="Folder of model and page (default: <name of DATA>-tuned).")
@click.option("--force", is_flag=True, help="Replace the folder where it exists; its search goes on.")
@click.option(
    "--method",
    type=click.Choice(["finetune", "scratch"]),
    default="finetune",
    show_default=True,
    help="How every trial is taught.",
)
@click.option(
    "--trials", type=click.IntRange(1, 100_000), default=20, show_default=True, help="In all, earlier ones included."
)
@click.option("--max-time", "until", type=Duration(), help="Begins no trial after that, as 90s, 10m or 2h.")
@click.option("--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="Trials at once.")
@click.option("--storage", metavar="FILE", help="The search's journal (default: DIR.tuning/study.journal).")
@json_option
def command(
    data: tuple[str, ...],
    output: str | None,
    force: bool,
    trials: int,
    until: float | None,
    processes: int,
    storage: str | None,
    cache: str | None,
    as_json: bool,
    max_bytes: int,
    max_pixels: int,
    **options: Any,
) -> None:
    """Search for the options that a network learns best with, by valid log loss.

    Options that are given are the same for all trials. Those of these that are not given are searched: --learning-rate,
    --batch-size, --image-size, --augment, with finetune --unfreeze, with scratch --weight-decay. The first trial has
    the method's own options. Called again, it goes on.
    """
    from whatsit.config import TuneOptions
    from whatsit.training.tune.run import tune
    from whatsit.training.tune.space import SPACE
    from whatsit.training.tune.terminal import summary

    check_method(options["method"])
    start = time.monotonic()
    searched = tuple(
        name for name, one in SPACE.items() if options.get(name) is None and options["method"] in one.methods
    )
    network, reading = chosen_network(options), chosen_reading(options)
    fixed = TrainOptions(**options, limits=limits(max_bytes, max_pixels), network=network)
    wanted = TuneOptions(fixed, searched, trials, until, processes, Path(storage) if storage else None)
    with _bar(trials) as show:
        tuned = tune(
            data,
            output,
            wanted,
            reading=reading,
            cache=cache,
            overwrite=force,
            progress=bar,
            listed=tell_classes(quiet=as_json),
            on_progress=show,
        )
    if as_json:
        click.echo(json_line(tuned.figures))
    else:
        click.echo(summary(tuned))
        click.echo(f"Took {time.monotonic() - start:.1f} s.", err=True)


for option in train.params:
    if option.name not in (*OWN, *LEFT_OUT):
        mine = copy(option)
        if isinstance(mine, click.Option):
            mine.help = HELP.get(mine.name or "", mine.help)
        command.params.append(mine)


@contextmanager
def _bar(trials: int) -> "Iterator[Callable[[SearchProgress], None]]":
    """A bar over trials on a terminal; it goes when the last one has ended, before the best is taught again."""
    if not sys.stderr.isatty():
        yield lambda progress: None
        return
    from tqdm import tqdm

    shown: list[tqdm[None]] = []

    def show(progress: "SearchProgress") -> None:
        if not shown:
            shown.append(tqdm(total=trials, unit="trial", leave=False, dynamic_ncols=True, mininterval=0.2))
        one = shown[0]
        best = "" if progress.best is None else f"best log loss {progress.best:.3f}"
        one.set_description_str(", ".join(filter(None, (best, progress.note.partition(",")[0]))), refresh=False)
        one.n = progress.done
        one.refresh()
        if progress.done >= trials:
            one.close()

    try:
        yield show
    finally:
        for one in shown:
            one.close()
