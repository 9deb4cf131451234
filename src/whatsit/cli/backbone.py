"""Options of the commands that embed or learn; apart from `shared.py`, as `predict` starts without them."""

import click

from whatsit.cli.image_size import IMAGE_SIZE
from whatsit.cli.shared import F, FiniteRange
from whatsit.dataset.choices import GROUP_BY_NAME, NEAR_COPIES
from whatsit.options import MOST_SEED, TrainOptions

DEFAULTS = TrainOptions()

balance_option = click.option(
    "--balance", is_flag=True, help="Every class weighs the same, however many photos it has."
)
precision_option = click.option(
    "--precision",
    type=FiniteRange(0, 1),
    default=DEFAULTS.precision,
    show_default=True,
    help="Wanted share of right answers; below it the answer is 'unsure'.",
)
seed_option = click.option(
    "--seed",
    type=click.IntRange(0, MOST_SEED),
    default=DEFAULTS.seed,
    show_default=True,
    help="Another seed draws other splits.",
)


def group_options(command: F) -> F:
    """`--near-copies` and `--group-by-name`."""
    command = click.option(
        "--group-by-name",
        type=click.Choice(GROUP_BY_NAME),
        default=DEFAULTS.group_by_name,
        show_default=True,
        help="Keep photos of one source by their names together: where they look alike, wherever proposed, or never.",
    )(command)
    return click.option(
        "--near-copies",
        type=click.Choice(NEAR_COPIES),
        default=DEFAULTS.near_copies,
        show_default=True,
        help="Keep near-copies on one side of every split, or ignore that they look alike.",
    )(command)


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


image_size_option = click.option(
    "--image-size",
    type=IMAGE_SIZE,
    help="Of what the network sees: 150, or 30x100 for height × width (default: the network's own).",
)
bits_option = click.option(
    "--bits",
    type=click.Choice(["auto", "int8", "float32"]),
    default=DEFAULTS.bits,
    show_default=True,
    help="Precision of the backbone; auto is int8 where the processor multiplies 8-bit numbers natively.",
)
