"""A part of the photo, as large as the whole then: Inception's random resized crop.

The part is cut from the pixels that the network would see, so it is enlarged, and a little blurred. Cutting it from
the original would need that to be decoded anew every epoch, which takes longer than a small network's step.
"""

import math

import torch
from torch import Tensor

from whatsit.networks.augment.draws import Shape, uniform
from whatsit.networks.augment.matrices import moved, scaled

RATIOS = (3 / 4, 4 / 3)  # of width to height, as multiples of the photo's own (Szegedy et al. 2015)
TRIES = 10  # torchvision's, then the whole photo is taken


def crop(least: float, shape: Shape, generator: torch.Generator) -> Tensor:
    """(n, 3, 3). `least` to all of the area, uniform; proportions uniform in their logarithm, also torchvision's.

    A part that is wider or higher than the photo is drawn again.
    """
    size = (shape.n, TRIES)
    area = uniform(least, 1, size, generator)
    ratio = uniform(math.log(RATIOS[0]), math.log(RATIOS[1]), size, generator).exp()
    width, height = (area * ratio).sqrt(), (area / ratio).sqrt()  # shares of the sides, (n, tries)
    fits = (width <= 1) & (height <= 1)
    first = fits.int().argmax(dim=1, keepdim=True)
    found = fits.any(dim=1)
    width, height = (side.gather(1, first)[:, 0].where(found, torch.tensor(1.0)) for side in (width, height))
    x, y = uniform(-1, 1, (2, shape.n), generator)
    return moved(x * (1 - width), y * (1 - height)) @ scaled(width, height)
