"""Mirrored, each photo with probability one half. For what has no left and right (`hflip`), or no up and down."""

import torch
from torch import Tensor

from whatsit.networks.augment.draws import Shape, coins
from whatsit.networks.augment.matrices import scaled


def hflip(_: float, shape: Shape, generator: torch.Generator) -> Tensor:
    """(n, 3, 3). Krizhevsky et al. 2012; Keras' `horizontal_flip`, torchvision's RandomHorizontalFlip."""
    return scaled(_signs(shape.n, generator), torch.ones(shape.n))


def vflip(_: float, shape: Shape, generator: torch.Generator) -> Tensor:
    """(n, 3, 3). For photos from above, as of cells or fields. Keras' `vertical_flip`."""
    return scaled(torch.ones(shape.n), _signs(shape.n, generator))


def _signs(n: int, generator: torch.Generator) -> Tensor:
    return 1.0 - 2.0 * coins(n, generator)
