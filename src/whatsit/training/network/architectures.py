"""The table of small convolutional networks to train from scratch. It needs no PyTorch; `cnn.py` builds them.

The tutorials' classics are here as they were published, and a modern small network that does better at less cost.

The training recipe of each method: how the weights move. It needs no PyTorch.
"""

import math
from dataclasses import dataclass, fields, replace
from typing import Any

from whatsit.config import NetworkOptions, OptimizerName
from whatsit.errors import WhatsitError
from whatsit.option import Method, options_of
from whatsit.text import meant

MOST = 8192  # channels or units of a layer; beyond, a number is a slip of the pen


@dataclass(frozen=True)
class CNN:
    """Blocks of convolution, activation and 2 × 2 max-pooling, then dense layers, then one output.

    The classics flatten the last map; a network of global average pooling (Lin et al. 2013) has no dense layer to
    speak of, so it is small, and takes other input sizes with the same weights.
    """

    filters: tuple[int, ...]  # of each block
    height: int  # pixels of the input
    width: int
    kernels: tuple[int, ...] = (3,)  # pixels a side; of each block, or one for all
    dense: tuple[int, ...] = ()  # units between the pooled or flattened map and the output
    dropout: float = 0.0  # of the map, before the dense layers (Srivastava et al. 2014)
    padded: bool = False  # "same" convolutions; else "valid"
    batch_norm: bool = False  # after each convolution (Ioffe & Szegedy 2015)
    average: bool = False  # global average pooling; else the map is flattened
    residual: bool = False  # stride 2 for pooling, and a second convolution that is skipped over (He et al. 2016)
    purpose: str = ""  # what it is for, in words
    classic: tuple[OptimizerName, float] | None = None  # as published: the optimizer and its constant learning rate

    def __post_init__(self) -> None:
        if len(self.kernels) not in (1, len(self.filters)):
            raise ValueError(f"{len(self.kernels)} kernels for {len(self.filters)} blocks")


ARCHITECTURES = {
    "small-resnet": CNN(
        (16, 32, 64, 96),
        128,
        128,
        padded=True,
        batch_norm=True,
        average=True,
        residual=True,
        dropout=0.2,
        purpose="photos of any kind: small and modern, the default of --method scratch",
    ),
    "cnn-cats-dogs": CNN(
        (32, 64, 64),
        150,
        150,
        dense=(256,),
        classic=("rmsprop", 1e-3),
        purpose="the classic tutorial on cats and dogs, to compare with it",
    ),
    "cnn-boats": CNN(
        (30, 15),
        30,
        100,
        kernels=(5, 3),
        dense=(128, 50),
        dropout=0.2,
        classic=("adam", 1e-3),
        purpose="wide, small photos, as in a course on kinds of boats; 16 classes",
    ),
    "cnn-horses-300": CNN(
        (16, 32, 64),
        300,
        300,
        dense=(512,),
        classic=("rmsprop", 1e-3),
        purpose="the tutorial on horses and humans, with large photos",
    ),
    "cnn-horses-150": CNN(
        (16, 32, 64),
        150,
        150,
        dense=(512,),
        classic=("rmsprop", 1e-3),
        purpose="the same tutorial, with small photos",
    ),
}


def architecture(
    name: str,
    *,
    layers: tuple[int, ...] | None = None,
    dense: tuple[int, ...] | None = None,
    size: tuple[int, int] | None = None,
) -> CNN:
    """A row of the table, with other filters, dense layers or input (height, width) where they are given.

    Raises WhatsitError for an unknown name, or where the input is too small for the layers.
    """
    try:
        cnn = ARCHITECTURES[name]
    except KeyError:
        known = ", ".join(ARCHITECTURES)
        hint = meant(name, ARCHITECTURES)
        raise WhatsitError(f"no architecture {name!r}. There are: {known}, and timm:NAME for timm's.{hint}") from None
    if layers is not None:
        kernels = cnn.kernels if len(cnn.kernels) == len(layers) else cnn.kernels[:1]
        cnn = replace(cnn, filters=layers, kernels=kernels)
    if dense is not None:
        cnn = replace(cnn, dense=dense)
    if size:
        cnn = replace(cnn, height=size[0], width=size[1])
    _check(name, cnn)
    return cnn


def map_size(cnn: CNN) -> tuple[int, int]:
    """(height, width) of the last block's map; below 1 where the input is too small."""
    height, width = cnn.height, cnn.width
    for kernel in kernels(cnn):
        lost, spare = (0 if cnn.padded else kernel - 1), int(cnn.residual)  # a stride of 2 rounds up, pooling down
        height, width = (height - lost + spare) // 2, (width - lost + spare) // 2
    return height, width


def kernels(cnn: CNN) -> tuple[int, ...]:
    """Of every block, in pixels."""
    return cnn.kernels if len(cnn.kernels) > 1 else cnn.kernels * len(cnn.filters)


def _check(name: str, cnn: CNN) -> None:
    if not cnn.filters:
        raise WhatsitError(f"{name}: no layers are left. Give --layers, as 32,64,64")
    if min(map_size(cnn)) < 1:
        raise WhatsitError(
            f"{name}: {len(cnn.filters)} layers leave nothing of an image of {cnn.height} × {cnn.width} pixels. "
            "Give fewer --layers or a larger --image-size"
        )
    if wrong := [n for n in (*cnn.filters, *cnn.dense) if not 1 <= n <= MOST]:
        raise WhatsitError(f"{name}: a layer of {wrong[0]} units, expected 1 to {MOST}. Give other --layers or --dense")


MOST_EPOCHS = 40  # however few the photos are: 80 gained nothing (docs/log.md)


@dataclass(frozen=True)
class Recipe:
    """All that a training needs to know of how the weights move."""

    epochs: int
    optimizer: OptimizerName
    learning_rate: float
    weight_decay: float = 0.0
    layer_decay: float = 1.0
    label_smoothing: float = 0.0
    augment: str = "light"
    averaging: bool = False
    patience: int = 10
    warm_up: float = 0.0  # share of all steps over which the learning rate rises
    cosine: bool = False  # then falls; else it stays
    seen: int = 0  # few photos are learned from for more epochs, until so many have been seen

    def lasting(self, photos: int) -> "Recipe":
        """With as many epochs as so few photos to learn from need."""
        return replace(self, epochs=max(self.epochs, min(MOST_EPOCHS, math.ceil(self.seen / photos))), seen=0)


ASKABLE = [one.name for one in fields(Recipe) if one.name in options_of(NetworkOptions)]


def _defaults(method: Method, **more: Any) -> Recipe:
    """The method's recipe, as the options have it."""
    described = options_of(NetworkOptions)
    return Recipe(**{name: described[name].by_method[method] for name in ASKABLE}, **more)


SCRATCH = _defaults("scratch")


# 300 steps: as few as 100 are too few (docs/log.md), and BiT takes 500 (Kolesnikov et al. 2020)
FINETUNE = _defaults("finetune", seen=10_000)


FINETUNE_LITE = replace(  # of the embedded networks
    FINETUNE,
    learning_rate=2e-3,  # their weights are held at a root mean square of 1, ten times and more that of others
    layer_decay=0.9,  # they have 18 stages, and 0.75 leaves the first of them none (docs/log.md)
)


def recipe(base: Recipe, options: NetworkOptions, cnn: CNN | None = None) -> Recipe:
    """The method's recipe, or a classic's own, with what was asked for in its place."""
    if cnn and cnn.classic:
        optimizer, rate = cnn.classic
        base = Recipe(epochs=10, optimizer=optimizer, learning_rate=rate)
    if options.epochs is not None:
        base = replace(base, seen=0)
    asked = {name: getattr(options, name) for name in ASKABLE}
    if asked["learning_rate"] == "find":
        asked["learning_rate"] = None
    return replace(base, **{name: value for name, value in asked.items() if value is not None})
