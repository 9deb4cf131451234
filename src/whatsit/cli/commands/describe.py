"""`whatsit describe`."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from whatsit.cli.networks import Widths
from whatsit.cli.options import IMAGE_SIZE, json_line, json_option

if TYPE_CHECKING:
    from whatsit.training.network.summary import Summary


@click.command(name="describe", epilog="Example: whatsit describe cnn-boats --image-size 60x200")
@click.argument("architecture", required=False)
@click.option("--classes", type=click.IntRange(2, 100_000), help="Of the output (default: as published, else 2).")
@click.option("--image-size", type=IMAGE_SIZE, help="Of the network: 150, or 30x100 (height × width).")
@click.option("--layers", type=Widths(), help="Filters of each convolution, as 32,64,64.")
@click.option("--dense", type=Widths(none=True), help="Units of the dense layers before the output, as 256; or none.")
@json_option
def command(
    architecture: str | None,
    classes: int | None,
    image_size: tuple[int, int] | None,
    layers: tuple[int, ...] | None,
    dense: tuple[int, ...] | None,
    as_json: bool,
) -> None:
    """Show the layers of a network: what comes out of each, its parameters and multiply-adds.

    ARCHITECTURE is one of the table, a backbone that can be fine-tuned, or timm:NAME. Without it, all are listed.
    """
    from whatsit.training.network.build import check_extra

    check_extra()
    from whatsit.training.network.summary import all_described, described, table

    if architecture is None:
        if classes or image_size or layers is not None or dense is not None:
            raise click.UsageError("name an ARCHITECTURE to change it. Example: whatsit describe cnn-boats --classes 5")
        _list(all_described(), as_json)
        return
    summary = described(architecture, classes, image_size, layers, dense)
    if as_json:
        click.echo(json_line(_facts(architecture, summary) | {"layers": [asdict(row) for row in summary.rows]}))
    else:
        click.echo(table(summary))


def _facts(name: str, summary: "Summary") -> dict[str, object]:
    return {
        "architecture": name,
        "image_size": summary.size,
        "classes": summary.classes,
        "parameters": summary.parameters,
        "multiply_adds": summary.multiply_adds,
    }


def _list(summaries: "dict[str, Summary]", as_json: bool) -> None:
    from whatsit.training.network.summary import short

    if as_json:
        click.echo(json_line([_facts(name, summary) for name, summary in summaries.items()]))
        return
    click.echo(f"{'architecture':18}  {'image':>9}  {'classes':>7}  {'parameters':>11}  {'mult-adds':>9}")
    for name, one in summaries.items():
        image = f"{one.size[0]} × {one.size[1]}"
        click.echo(f"{name:18}  {image:>9}  {one.classes:>7}  {one.parameters:>11,}  {short(one.multiply_adds):>9}")
    click.echo("and timm:NAME for the networks of timm, such as timm:resnet50")
