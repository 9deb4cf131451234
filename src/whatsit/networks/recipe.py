"""The training recipe of each method: how the weights move. It needs no PyTorch."""

import math
from dataclasses import dataclass, replace

from whatsit.networks.architectures import CNN
from whatsit.networks.options import NetworkOptions, OptimizerName

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


SCRATCH = Recipe(
    epochs=30,
    optimizer="adamw",
    learning_rate=1e-3,  # of 1e-3 and 3e-3 the better one on valid photos of two sets (docs/log.md)
    weight_decay=0.05,
    averaging=True,
    warm_up=0.1,
    cosine=True,
)


FINETUNE = Recipe(  # with rates of BEiT's order (Bao et al. 2022), which suit transformers and CNNs of timm's
    epochs=10,
    optimizer="adamw",
    learning_rate=3e-4,
    weight_decay=0.05,
    layer_decay=0.75,
    label_smoothing=0.1,
    averaging=True,
    patience=20,  # of 40: full-sized steps set the first epochs back, and it takes a dozen to regain it (docs/log.md)
    warm_up=0.1,
    cosine=True,
    seen=10_000,  # 300 steps: as few as 100 are too few (docs/log.md), and BiT takes 500 (Kolesnikov et al. 2020)
)


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


ASKABLE = (
    "epochs",
    "optimizer",
    "learning_rate",
    "weight_decay",
    "layer_decay",
    "label_smoothing",
    "augment",
    "averaging",
    "patience",
    "warm_up",
    "cosine",
)
