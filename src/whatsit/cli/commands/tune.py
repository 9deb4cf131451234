"""`whatsit tune`."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from whatsit.cli.options import (
    GroupedCommand,
    cache_option,
    check_method,
    described,
    json_line,
    json_option,
    own,
    plain_cells_option,
    take,
    take_training,
    training_options,
)
from whatsit.cli.progress import bar
from whatsit.cli.reading import tell_classes
from whatsit.config import ReadOptions, TuneOptions
from whatsit.option import NETWORKS

if TYPE_CHECKING:
    from whatsit.training.tune.trials import SearchProgress


@click.command(name="tune", cls=GroupedCommand, epilog="Example: whatsit tune my_photos/ --method finetune --trials 20")
@click.argument("data", nargs=-1, required=True, metavar="DATA...")
@own("-o", "--output", metavar="DIR", help="Folder to write model and page into.", in_words="<name of DATA>-tuned")
@own("--force", is_flag=True, help="Replace the folder if it exists. Its search is continued.")
@click.option(
    "--method", type=click.Choice(NETWORKS[::-1]), default="finetune", show_default=True, help="Method of every trial."
)
@described(TuneOptions, "tune")
@json_option
@training_options("tune")
@cache_option
@plain_cells_option
def command(
    data: tuple[str, ...],
    output: str | None,
    force: bool,
    cache: str | None,
    as_json: bool,
    **values: Any,
) -> None:
    """Search for the options of a network with the lowest log loss on valid photos.

    An option that is given is the same in all trials. The others of these are searched: --learning-rate, --batch-size,
    --image-size, --augment, with finetune --unfreeze, with scratch --weight-decay. The first trial has the method's
    defaults. A second call continues the search.
    """
    from whatsit.training.tune.run import tune
    from whatsit.training.tune.space import searchable
    from whatsit.training.tune.terminal import summary

    start = time.monotonic()
    method = values.pop("method")
    check_method(method)
    searched = tuple(name for name in searchable(method) if values.get(name) is None)
    own_options, reading = take(values, TuneOptions, search=searched), take(values, ReadOptions)
    options = replace(own_options, train=replace(take_training(values), method=method))
    with _bar(options.trials) as show:
        tuned = tune(
            data,
            output,
            options,
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
