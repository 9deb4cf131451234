"""Nearer or farther: 1 - SHARE to 1 + SHARE of the width is seen, and of the height by a draw of its own."""

import torch
from torch import Tensor

from whatsit.networks.augment.draws import Shape, uniform
from whatsit.networks.augment.matrices import scaled


def zoom(share: float, shape: Shape, generator: torch.Generator) -> Tensor:
    """(n, 3, 3). Keras' `zoom_range`, which draws width and height apart, so that proportions change a little, too."""
    x, y = uniform(1 - share, 1 + share, (2, shape.n), generator)
    return scaled(x, y)
