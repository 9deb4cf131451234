"""`whatsit preview`."""

from dataclasses import replace
from typing import Any

import click

from whatsit.cli.options import GroupedCommand, described, json_line, json_option, own, take
from whatsit.cli.reading import tell_classes
from whatsit.config import PreviewOptions, ReadOptions, TrainOptions
from whatsit.errors import MissingExtraError
from whatsit.images.limits import Limits
from whatsit.text import number, printable


@click.command(
    name="preview", cls=GroupedCommand, epilog="Example: whatsit preview my_photos/ --augment light -o grid.png"
)
@click.argument("data")
@own("-o", "--output", required=True, metavar="FILE", help="PNG file to write.")
@own("--force", is_flag=True, help="Replace the file if it exists.")
@described(PreviewOptions, "preview")
@json_option
@described(TrainOptions, "preview")
@described(Limits, "preview")
@described(ReadOptions, "preview")
def command(data: str, output: str, force: bool, as_json: bool, **values: Any) -> None:
    """Draw photos and randomly changed copies of them, as a network sees them in training.

    DATA is as for 'whatsit train', or any folder. Photos for valid and test are never changed, so they are not drawn.
    """
    try:
        import torch  # noqa: F401 (to tell what is missing before the rest is loaded)
    except ImportError:
        raise MissingExtraError("PyTorch", "networks") from None
    from whatsit.data.read import read_photos
    from whatsit.training.network.preview import preview
    from whatsit.training.preparation import likely_resize_mode, look_at

    limits, reading = take(values, Limits), take(values, ReadOptions)
    options = take(values, PreviewOptions, limits=limits)
    seen = take(values, TrainOptions)
    dataset = read_photos(data, reading)
    tell_classes(quiet=True)(dataset)
    depth = look_at(dataset, seen.value_range, limits)
    mode = (
        likely_resize_mode(dataset, *options.size, limits=limits)[0] if seen.resize_mode == "auto" else seen.resize_mode
    )
    options = replace(options, resize_mode=mode, value_range=depth.value_range if depth else None)
    done = preview(dataset, output, options, overwrite=force)
    for uri, reason in done.left_out:
        click.echo(f"{printable(uri)}: left out: {printable(reason)}", err=True)
    if as_json:
        left_out = [{"path": uri, "error": reason} for uri, reason in done.left_out]
        click.echo(json_line({"file": str(done.file), "photos": done.photos, "left_out": left_out}))
    else:
        click.echo(f"{printable(str(done.file))}: {number(len(done.photos), 'photo')}, {options.augment}")
