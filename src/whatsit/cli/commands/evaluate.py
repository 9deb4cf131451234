"""`whatsit evaluate`."""

from typing import Any

import click

from whatsit.cli.options import device_option, json_line, json_option, limit_options, limits, plain_cells_option
from whatsit.cli.progress import bar
from whatsit.cli.reading import ReadingCommand, chosen_reading, read_options, tell_classes


@click.command(name="evaluate", cls=ReadingCommand, epilog="Example: whatsit evaluate pets-model photos_of_this_week/")
@click.argument("model")
@click.argument("data")
@click.option("-o", "--output", metavar="DIR", help="Where the report goes (default: <model>-on-<data>).")
@click.option("--force", is_flag=True, help="Replace that folder where it exists.")
@device_option
@limit_options
@plain_cells_option
@json_option
@read_options
def command(
    model: str,
    data: str,
    output: str | None,
    force: bool,
    device: str,
    max_bytes: int,
    max_pixels: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure MODEL on labelled photos: the same figures and report as after training.

    DATA is a folder of class folders or a CSV manifest. Labels are matched by name; classes may be missing.
    """
    from whatsit.api import evaluate
    from whatsit.evaluation.report.terminal import summary

    done = evaluate(
        model,
        data,
        output,
        device=device,
        limits=limits(max_bytes, max_pixels),
        overwrite=force,
        reading=chosen_reading(options),
        progress=bar,
        listed=tell_classes(quiet=True),
    )
    if as_json:
        click.echo(json_line({"report": done.report.location, **done.figures}))
    else:
        click.echo(summary(done.report))
