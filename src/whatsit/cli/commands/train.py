"""`whatsit train`."""

import sys
import time
from typing import Any

import click
from click.core import ParameterSource

from whatsit.cli.choices import Registered
from whatsit.cli.networks import TrainCommand, check_method, chosen_network, network_options
from whatsit.cli.options import (
    DEFAULTS,
    FiniteRange,
    backbone_option,
    balance_option,
    bits_option,
    cache_option,
    group_options,
    image_size_option,
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
from whatsit.cli.reading import FIELDS, chosen_reading, read_options, tell_classes
from whatsit.config import TrainOptions
from whatsit.training.methods import METHODS

SHARE = FiniteRange(0, 1, max_open=True)
# Settled by the file of embeddings.
NOT_WITH_EMBEDDINGS = (
    *(
        "valid_data",
        "test_data",
        "image_size",
        "resize_mode",
        "value_range",
        "bands",
        "page",
        "precision",
        "cache",
        "method",
    ),
    *FIELDS,
)


@click.command(name="train", cls=TrainCommand, epilog="Example: whatsit train my_photos/ --output pets-model")
@click.argument("data", nargs=-1, metavar="[DATA]...")
@click.option("-o", "--output", metavar="DIR", help="Model folder (default: <name of DATA>-model).")
@click.option("--force", is_flag=True, help="Replace the model folder where it exists.")
@click.option("--valid-data", metavar="DATA", help="Validation photos: a manifest or folder of their own.")
@click.option("--test-data", metavar="DATA", help="Test photos: a manifest or folder of their own.")
@click.option("--labels", "label_dict", metavar="FILE", help="One label a line: fixes the order of the classes.")
@click.option(
    "--method",
    type=Registered(METHODS),
    default=DEFAULTS.method,
    show_default=True,
    help="probe: a head on a frozen backbone. scratch, finetune: a network.",
)
@click.option("--embeddings", metavar="FILE", help="Start from a Parquet file of 'whatsit embed', without DATA.")
@backbone_option
@image_size_option
@click.option(
    "--resize-mode",
    type=click.Choice(["auto", "squash", "crop", "letterbox"]),
    default=DEFAULTS.resize_mode,
    show_default=True,
    help="How a photo becomes the network's input.",
)
@value_range_option
@bits_option
@click.option(
    "--head",
    type=click.Choice(["logistic", "mlp", "svm", "knn"]),
    default=DEFAULTS.head,
    show_default=True,
    help="The classifier trained on the embeddings. mlp: one hidden layer with dropout.",
)
@balance_option
@precision_option
@click.option("--valid", type=SHARE, default=DEFAULTS.valid, show_default=True, help="Share of photos to choose on.")
@click.option(
    "--test",
    type=SHARE,
    default=DEFAULTS.test,
    show_default=True,
    help="Share of photos to judge on; 0: all judge, by cross-validation.",
)
@group_options
@seed_option
@click.option("--tensorboard", metavar="DIR", help="Also write a run for TensorBoard into DIR: how it went.")
@click.option("--thumbnails", is_flag=True, help="Keep small training photos in the model, to show similar ones.")
@training_device_option
@cache_option
@limit_options
@plain_cells_option
@json_option
@read_options
@network_options
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
    max_bytes: int,
    max_pixels: int,
    resume: bool,
    keep_checkpoint: bool,
    **options: Any,
) -> None:
    """Train a classifier on DATA and write its model folder.

    DATA is a folder (<class>/… or train|valid|test/<class>/…) or a CSV manifest with the columns uri,label and,
    if you like, split and group. Of several, a later one says what a photo shows that stands in two, as in
    'whatsit train photos/ corrections.csv'.
    """
    from whatsit.api import train, train_from_embeddings
    from whatsit.evaluation.report.terminal import summary

    check_method(options["method"])
    if embeddings is not None:
        _check_settled()
    start = time.monotonic()
    network, reading = chosen_network(options), chosen_reading(options)
    chosen = TrainOptions(**options, limits=limits(max_bytes, max_pixels), network=network)
    if embeddings is not None and not data:
        trained = train_from_embeddings(
            embeddings, output, chosen, label_dict=label_dict, overwrite=force, progress=bar
        )
    elif data and embeddings is None:
        trained = train(
            data,
            output,
            chosen,
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


def _check_settled() -> None:
    """An option that could not have an effect is refused, not ignored."""
    context = click.get_current_context()
    for option in context.command.params:
        given = context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
        if given and option.name in NOT_WITH_EMBEDDINGS:
            raise click.UsageError(f"{option.opts[0]} has no effect with --embeddings: the file has settled it")
