"""Options of the commands that make embeddings; apart from `shared.py`, as `predict` starts without them."""

import click

from whatsit.cli.shared import F
from whatsit.options import TrainOptions

DEFAULTS = TrainOptions()


def backbone_option(command: F) -> F:
    """`--backbone` and `--weights`."""
    command = click.option(
        "--weights", metavar="FILE", help="Weights of timm:NAME, as safetensors (default: timm's own, fetched once)."
    )(command)
    return click.option(
        "--backbone",
        default=DEFAULTS.backbone,
        show_default=True,
        help="A name, timm:NAME for a pretrained network of timm, or my.onnx of your own.",
    )(command)


bits_option = click.option(
    "--bits",
    type=click.Choice(["auto", "int8", "float32"]),
    default=DEFAULTS.bits,
    show_default=True,
    help="Precision of the backbone; auto is int8 where that is faster here.",
)
