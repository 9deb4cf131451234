"""`whatsit embed`."""

from pathlib import Path
from typing import Any

import click

from whatsit.cli.options import GroupedCommand, cache_option, described, device_option, own, take
from whatsit.cli.progress import bar
from whatsit.cli.reading import tell_classes
from whatsit.config import ReadOptions, TrainOptions
from whatsit.images.limits import Limits


@click.command(name="embed", cls=GroupedCommand, epilog="Example: whatsit embed my_photos/ -o vectors.parquet")
@click.argument("data")
@own("-o", "--output", required=True, metavar="FILE", help="Parquet file to write.")
@own("--force", is_flag=True, help="Replace the file if it exists.")
@described(TrainOptions, "embed")
@device_option
@cache_option
@described(Limits, "embed")
@described(ReadOptions, "embed")
def command(data: str, output: str, force: bool, cache: str | None, **values: Any) -> None:
    """Write the embeddings of photos to a Parquet file, for other tools or for 'whatsit train --embeddings'.

    DATA is as for 'whatsit train', or any folder: photos outside of class folders have no label. Without --resize-mode,
    photos are cropped, or squashed if a crop would lose half of them.
    """
    from whatsit.api import embed

    limits, reading = take(values, Limits), take(values, ReadOptions)
    written = embed(
        data,
        output,
        take(values, TrainOptions, limits=limits),
        cache=cache,
        overwrite=force,
        reading=reading,
        progress=bar,
        listed=tell_classes(quiet=True),
    )
    failed = f", {written.failed:,} of them unreadable" if written.failed else ""
    click.echo(f"{Path(output)}: {written.rows:,} rows{failed}; {written.computed:,} embedded anew")
