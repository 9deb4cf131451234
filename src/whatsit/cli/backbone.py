"""Options of the commands that make embeddings; apart from `shared.py`, as `predict` starts without them."""

import click

from whatsit.options import TrainOptions

DEFAULTS = TrainOptions()

backbone_option = click.option(
    "--backbone", default=DEFAULTS.backbone, show_default=True, help="A name, or my.onnx of your own."
)
bits_option = click.option(
    "--bits",
    type=click.Choice(["auto", "int8", "float32"]),
    default=DEFAULTS.bits,
    show_default=True,
    help="Precision of the backbone; auto is int8 where that is faster here.",
)
