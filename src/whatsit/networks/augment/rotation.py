"""Turned about the middle, by an angle that is uniform from -DEGREES to DEGREES."""

import math

import torch
from torch import Tensor

from whatsit.networks.augment.draws import Shape, uniform
from whatsit.networks.augment.matrices import turned


def rotation(degrees: float, shape: Shape, generator: torch.Generator) -> Tensor:
    """(n, 3, 3). Keras' `rotation_range`, torchvision's RandomRotation. The photo is not sheared."""
    most = math.radians(degrees)
    return turned(uniform(-most, most, (shape.n,), generator), shape)
