"""`whatsit feedback`."""

from pathlib import Path

import click

from whatsit.cli.options import plain_cells_option
from whatsit.text import number, printable


@click.command(name="feedback", epilog="Example: whatsit feedback kept/ -o corrections.csv")
@click.argument("folder", metavar="DIR")
@click.option("-o", "--output", metavar="FILE", default="corrections.csv", show_default=True, help="The manifest.")
@plain_cells_option
def command(folder: str, output: str) -> None:
    """Write what people corrected as a manifest that 'whatsit train' takes, beside the photos that there were before.

    DIR is what 'serve --keep' was given.
    """
    from whatsit.serving.feedback import training_command, write_corrections

    count = write_corrections(Path(folder), Path(output))
    click.echo(f"{output}: {number(count, 'corrected photo')}")
    click.echo(f"To train on them, too: {printable(training_command(Path(folder), Path(output)))}")
