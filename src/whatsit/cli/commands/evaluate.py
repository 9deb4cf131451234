"""`whatsit evaluate`."""

from typing import Any

import click

from whatsit.cli.options import (
    GroupedCommand,
    described,
    device_option,
    json_line,
    json_option,
    own,
    plain_cells_option,
    take,
)
from whatsit.cli.progress import bar
from whatsit.cli.reading import tell_classes
from whatsit.config import ReadOptions
from whatsit.images.limits import Limits


@click.command(name="evaluate", cls=GroupedCommand, epilog="Example: whatsit evaluate pets-model photos_of_this_week/")
@click.argument("model")
@click.argument("data")
@own("-o", "--output", metavar="DIR", help="Folder to write the report into.", in_words="<model>-on-<data>")
@own("--force", is_flag=True, help="Replace the folder if it exists.")
@device_option
@plain_cells_option
@json_option
@described(Limits, "evaluate")
@described(ReadOptions, "evaluate")
def command(
    model: str, data: str, output: str | None, force: bool, device: str | None, as_json: bool, **values: Any
) -> None:
    """Evaluate MODEL on labelled photos: the same figures and report as after training.

    DATA is a folder of class folders or a CSV manifest. Labels are matched by name. Classes may be missing.
    """
    from whatsit.api import evaluate
    from whatsit.evaluation.report.terminal import summary

    done = evaluate(
        model,
        data,
        output,
        device=device or "cpu",
        limits=take(values, Limits),
        overwrite=force,
        reading=take(values, ReadOptions),
        progress=bar,
        listed=tell_classes(quiet=True),
    )
    if as_json:
        click.echo(json_line({"report": done.report.location, **done.figures}))
    else:
        click.echo(summary(done.report))
