"""The 3 × 3 matrices that geometric steps are made of, one a photo.

They take a point of the *result* to the point of the photo that is seen there, in coordinates in which the photo
reaches from -1 to 1 both ways, x to the right and y down. So do `grid_sample` and Keras. Steps that follow each other
are multiplied in their order: the first one's matrix stands on the left.
"""

import torch
from torch import Tensor

from whatsit.networks.augment.draws import Shape


def scaled(x: Tensor, y: Tensor) -> Tensor:
    """(n,), (n,) → (n, 3, 3): so much of the photo's width and height is seen; negative: mirrored."""
    one = torch.ones_like(x)
    return torch.diag_embed(torch.stack([x, y, one], dim=1))


def moved(x: Tensor, y: Tensor) -> Tensor:
    """(n,), (n,) → (n, 3, 3): what is seen in the middle, in half sides from the photo's middle."""
    matrix = torch.eye(3).repeat(len(x), 1, 1)
    matrix[:, 0, 2], matrix[:, 1, 2] = x, y
    return matrix


def turned(radians: Tensor, shape: Shape) -> Tensor:
    """(n,) → (n, 3, 3): the photo turns clockwise. Distances in pixels stay, also where it is no square."""
    matrix = torch.eye(3).repeat(len(radians), 1, 1)
    cos, sin = radians.cos(), radians.sin()
    matrix[:, 0, 0], matrix[:, 0, 1] = cos, sin * (shape.height / shape.width)
    matrix[:, 1, 0], matrix[:, 1, 1] = -sin * (shape.width / shape.height), cos
    return matrix


def sheared(x: Tensor, y: Tensor, shape: Shape) -> Tensor:
    """(n,), (n,) → (n, 3, 3): pixels to the side a pixel down, and pixels down a pixel to the side."""
    matrix = torch.eye(3).repeat(len(x), 1, 1)
    matrix[:, 0, 1] = x * (shape.height / shape.width)
    matrix[:, 1, 0] = y * (shape.width / shape.height)
    return matrix
