"""`whatsit preview`."""

from typing import Any

import click

from whatsit.cli.options import IMAGE_SIZE, json_line, json_option, limit_options, limits, value_range_option
from whatsit.cli.reading import ReadingCommand, chosen_reading, read_options, tell_classes
from whatsit.errors import MissingExtraError
from whatsit.text import number, printable


@click.command(
    name="preview", cls=ReadingCommand, epilog="Example: whatsit preview my_photos/ --augment light -o grid.png"
)
@click.argument("data")
@click.option("-o", "--output", required=True, metavar="FILE", help="PNG file to write.")
@click.option("--force", is_flag=True, help="Replace the file where it exists.")
@click.option(
    "--augment",
    default="light",
    show_default=True,
    metavar="STEPS",
    help="none, light, strong, or a list: hflip,rotation=15,colour=0.2,mixup=0.2.",
)
@click.option(
    "--image-size", type=IMAGE_SIZE, default="150", show_default=True, help="Of the network: 150, or 30x100 (h × w)."
)
@click.option("--photos", type=click.IntRange(1, 50), default=6, show_default=True, help="Rows.")
@click.option("--copies", type=click.IntRange(1, 20), default=5, show_default=True, help="Of each photo.")
@click.option(
    "--resize-mode",
    type=click.Choice(["auto", "squash", "crop", "letterbox"]),
    default="auto",
    show_default=True,
    help="How a photo becomes the network's input.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Another seed shows others, otherwise changed."
)
@value_range_option
@limit_options
@json_option
@read_options
def command(
    data: str,
    output: str,
    force: bool,
    augment: str,
    image_size: tuple[int, int],
    photos: int,
    copies: int,
    resize_mode: str,
    seed: int,
    max_bytes: int,
    max_pixels: int,
    value_range: tuple[float, float] | None,
    as_json: bool,
    **reading: Any,
) -> None:
    """Show what augmentation does to photos: each one, and copies as a network would learn from them.

    DATA is as for 'whatsit train', or any folder. Photos for valid and test are never changed, so not shown.
    """
    try:
        import torch  # noqa: F401 (to tell what is missing before the rest is loaded)
    except ImportError:
        raise MissingExtraError("PyTorch", "networks") from None
    from whatsit.data.read import read_photos
    from whatsit.training.network.preview import PreviewOptions, preview
    from whatsit.training.preparation import likely_resize_mode, look_at

    allowed = limits(max_bytes, max_pixels)
    dataset = read_photos(data, chosen_reading(reading))
    tell_classes(quiet=True)(dataset)
    depth = look_at(dataset, value_range, allowed)
    options = PreviewOptions(
        augment=augment,
        size=image_size,
        resize_mode=likely_resize_mode(dataset, *image_size, limits=allowed)[0]
        if resize_mode == "auto"
        else resize_mode,  # type: ignore[arg-type]
        photos=photos,
        copies=copies,
        seed=seed,
        limits=allowed,
        value_range=depth.value_range if depth else None,
    )
    done = preview(dataset, output, options, overwrite=force)
    for uri, reason in done.left_out:
        click.echo(f"{printable(uri)}: left out: {printable(reason)}", err=True)
    if as_json:
        left_out = [{"path": uri, "error": reason} for uri, reason in done.left_out]
        click.echo(json_line({"file": str(done.file), "photos": done.photos, "left_out": left_out}))
    else:
        click.echo(f"{printable(str(done.file))}: {number(len(done.photos), 'photo')}, {augment}")
