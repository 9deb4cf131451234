"""`whatsit embed`."""

from pathlib import Path
from typing import Any

import click

from whatsit.cli.options import (
    backbone_option,
    bits_option,
    cache_option,
    device_option,
    image_size_option,
    limit_options,
    limits,
    value_range_option,
)
from whatsit.cli.progress import bar
from whatsit.cli.reading import ReadingCommand, chosen_reading, read_options, tell_classes
from whatsit.config import TrainOptions


@click.command(name="embed", cls=ReadingCommand, epilog="Example: whatsit embed my_photos/ -o vectors.parquet")
@click.argument("data")
@click.option("-o", "--output", required=True, metavar="FILE", help="Parquet file to write.")
@click.option("--force", is_flag=True, help="Replace the file where it exists.")
@backbone_option
@image_size_option
@click.option(
    "--resize-mode", type=click.Choice(["squash", "crop", "letterbox"]), help="How a photo becomes the network's input."
)
@value_range_option
@bits_option
@device_option
@cache_option
@limit_options
@read_options
def command(
    data: str,
    output: str,
    force: bool,
    backbone: str,
    weights: str | None,
    image_size: tuple[int, int] | None,
    resize_mode: str | None,
    value_range: tuple[float, float] | None,
    precision: str,
    device: str,
    cache: str | None,
    max_bytes: int,
    max_pixels: int,
    **reading: Any,
) -> None:
    """Write the embeddings of photos to a Parquet file, for other tools or for 'whatsit train --embeddings'.

    DATA is as for 'whatsit train', or any folder: photos in no class folder have no label. Without --resize-mode, the
    shape of the photos decides: crop, or squash where a crop would lose half of them.
    """
    from whatsit.api import embed

    options = TrainOptions(
        backbone=backbone,
        weights=weights,
        image_size=image_size,
        resize_mode=resize_mode or "auto",  # type: ignore[arg-type]
        value_range=value_range,
        precision=precision,  # type: ignore[arg-type]
        device=device,
        limits=limits(max_bytes, max_pixels),
    )
    written = embed(
        data,
        output,
        options,
        cache=cache,
        overwrite=force,
        reading=chosen_reading(reading),
        progress=bar,
        listed=tell_classes(quiet=True),
    )
    failed = f", {written.failed:,} of them unreadable" if written.failed else ""
    click.echo(f"{Path(output)}: {written.rows:,} rows{failed}; {written.computed:,} embedded anew")
