"""`whatsit describe`."""

import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from whatsit.cli.options import described, json_line, json_option, take
from whatsit.config import NetworkOptions, TrainOptions

if TYPE_CHECKING:
    from whatsit.training.network.summary import Summary


@click.command(name="describe", epilog="Example: whatsit describe cnn-boats --image-size 60x200")
@click.argument("architecture", required=False)
@click.option(
    "--classes",
    type=click.IntRange(2, 100_000),
    metavar="NUMBER",
    help="Number of classes.  [default: as published, else 2]",
)
@described(TrainOptions, "describe")
@described(NetworkOptions, "describe")
@json_option
def command(architecture: str | None, classes: int | None, as_json: bool, **values: Any) -> None:
    """Show the layers of a network: the shape of each one's output, its parameters and multiply-adds.

    ARCHITECTURE is a name of the list, a backbone that can be fine-tuned, or timm:NAME. Without it, all are listed,
    with what each is for.
    """
    from whatsit.training.network.build import check_extra

    check_extra()
    from whatsit.training.network.summary import all_described, purpose_of, summary_of, table

    size, network = take(values, TrainOptions).image_size, take(values, NetworkOptions)

    if architecture is None:
        if classes or size or network != NetworkOptions():
            raise click.UsageError("name an ARCHITECTURE to change it. Example: whatsit describe cnn-boats --classes 5")
        _list(all_described(), as_json)
        return
    summary = summary_of(architecture, classes, size, network.layers, network.dense)
    if as_json:
        click.echo(json_line(_facts(architecture, summary) | {"layers": [asdict(row) for row in summary.rows]}))
    else:
        click.echo(table(summary))
        if purpose := purpose_of(architecture):
            click.echo(f"For {purpose}.")


def _facts(name: str, summary: "Summary") -> dict[str, object]:
    from whatsit.training.network.summary import purpose_of

    return {
        "architecture": name,
        "purpose": purpose_of(name),
        "image_size": summary.size,
        "classes": summary.classes,
        "parameters": summary.parameters,
        "multiply_adds": summary.multiply_adds,
    }


def _list(summaries: "dict[str, Summary]", as_json: bool) -> None:
    from whatsit.training.network.summary import purpose_of, short

    if as_json:
        click.echo(json_line([_facts(name, summary) for name, summary in summaries.items()]))
        return
    click.echo(f"{'architecture':18}  {'image':>9}  {'classes':>7}  {'parameters':>11}  {'mult-adds':>9}")
    for name, one in summaries.items():
        image = f"{one.size[0]} × {one.size[1]}"
        click.echo(f"{name:18}  {image:>9}  {one.classes:>7}  {one.parameters:>11,}  {short(one.multiply_adds):>9}")
    click.echo("and timm:NAME for the networks of timm, such as timm:resnet50\n\nWhat each is for:")
    for name in summaries:
        click.echo(textwrap.fill(purpose_of(name), 80, initial_indent=f"{name:20}", subsequent_indent=" " * 20))
