"""`whatsit train`."""

import sys
import time
from typing import Any

import click

from whatsit.cli.options import (
    GroupedCommand,
    cache_option,
    check_method,
    check_needs_photos,
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
from whatsit.config import NETWORK, ReadOptions

NETWORKS = {"heading": NETWORK["heading"], "methods": NETWORK["methods"]}
SETTLED = {"needs_photos": True}


@click.command(name="train", cls=GroupedCommand, epilog="Example: whatsit train my_photos/ --output pets-model")
@click.argument("data", nargs=-1, metavar="[DATA]...")
@own("-o", "--output", metavar="DIR", help="Model folder to write.", in_words="<name of DATA>-model")
@own("--force", is_flag=True, help="Replace the model folder if it exists.")
@own(
    "--valid-data",
    metavar="DATA",
    help="Separate validation photos: a folder or a manifest.",
    in_words="a share of DATA",
    about=SETTLED,
)
@own(
    "--test-data",
    metavar="DATA",
    help="Separate test photos: a folder or a manifest.",
    in_words="a share of DATA",
    about=SETTLED,
)
@own(
    "--labels",
    "label_dict",
    metavar="FILE",
    help="File with one label in each line. It sets the order of the classes.",
    in_words="by name",
)
@own(
    "--embeddings",
    metavar="FILE",
    help="Train on a Parquet file from 'whatsit embed', in place of DATA.",
    in_words="none",
)
@training_options("train")
@cache_option
@plain_cells_option
@json_option
@own(
    "--resume",
    is_flag=True,
    help="Continue an interrupted or kept training; with --epochs for more.",
    about=NETWORKS,
)
@own(
    "--keep-checkpoint",
    is_flag=True,
    help="Keep the last checkpoint, so that --resume can continue.",
    about=NETWORKS,
)
def command(
    data: tuple[str, ...],
    output: str | None,
    force: bool,
    valid_data: str | None,
    test_data: str | None,
    label_dict: str | None,
    embeddings: str | None,
    cache: str | None,
    as_json: bool,
    resume: bool,
    keep_checkpoint: bool,
    **values: Any,
) -> None:
    """Train a classifier on the photos in DATA and write a model folder.

    DATA is a folder (<class>/… or train|valid|test/<class>/…) or a CSV manifest with the columns uri, label and, if
    needed, split and group. If a photo is in several DATA, the last one gives its label, as in
    'whatsit train photos/ corrections.csv'.
    """
    from whatsit.api import train, train_from_embeddings
    from whatsit.evaluation.report.terminal import summary

    start = time.monotonic()
    check_method(values["method"] or "probe")
    if embeddings is not None:
        check_needs_photos()
    reading, options = take(values, ReadOptions), take_training(values)
    if embeddings is not None and not data:
        trained = train_from_embeddings(
            embeddings, output, options, label_dict=label_dict, overwrite=force, progress=bar
        )
    elif data and embeddings is None:
        trained = train(
            data,
            output,
            options,
            valid=valid_data,
            test=test_data,
            label_dict=label_dict,
            reading=reading,
            cache=cache,
            overwrite=force,
            resume=resume,
            keep_checkpoint=keep_checkpoint,
            progress=bar,
            listed=tell_classes(quiet=as_json),
            show_network=_show_network if sys.stderr.isatty() and not as_json else None,
        )
    else:
        raise click.UsageError("give either DATA or --embeddings FILE. Example: whatsit train my_photos/")
    if as_json:
        click.echo(json_line({"model": str(trained.folder), **trained.figures}))
    else:
        click.echo(summary(trained.report))
        click.echo(f"Took {time.monotonic() - start:.1f} s.", err=True)


def _show_network(lines: str) -> None:
    click.echo(f"{lines}\n", err=True)
