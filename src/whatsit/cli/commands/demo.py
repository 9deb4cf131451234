"""`whatsit demo`."""

import click


@click.command(name="demo", epilog="Example: whatsit demo")
@click.option("-o", "--output", default="solar-cells-model", show_default=True, help="Model folder.")
def command(output: str) -> None:
    """Train "functional or defective?" on 2,624 photos of solar cells and show the report.

    The photos come with PyPI's elpv-dataset (CC BY-NC-SA 4.0: not for commercial use).
    """
    from whatsit.cli.progress import bar
    from whatsit.demo import compare, train_demo
    from whatsit.evaluation.report.terminal import summary

    trained = train_demo(output, progress=bar)
    click.echo(summary(trained.report))
    click.echo(compare(trained.evaluation))
