"""Moved to the side, up or down, by a share of the width or height that is uniform from -SHARE to SHARE."""

import torch
from torch import Tensor

from whatsit.networks.augment.draws import Shape, uniform
from whatsit.networks.augment.matrices import moved


def width_shift(share: float, shape: Shape, generator: torch.Generator) -> Tensor:
    """(n, 3, 3). Keras' `width_shift_range` below 1."""
    return moved(_half_sides(share, shape, generator), torch.zeros(shape.n))


def height_shift(share: float, shape: Shape, generator: torch.Generator) -> Tensor:
    """(n, 3, 3). Keras' `height_shift_range` below 1."""
    return moved(torch.zeros(shape.n), _half_sides(share, shape, generator))


def shift(share: float, shape: Shape, generator: torch.Generator) -> Tensor:
    """(n, 3, 3). Both, each by its own draw; torchvision's RandomAffine(translate)."""
    return width_shift(share, shape, generator) @ height_shift(share, shape, generator)


def _half_sides(share: float, shape: Shape, generator: torch.Generator) -> Tensor:
    return 2 * uniform(-share, share, (shape.n,), generator)  # a side is two half sides long
