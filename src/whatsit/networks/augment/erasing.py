"""A rectangle of noise over a part of the photo, so that a network learns to look at more than one part."""

import math

import torch
from torch import Tensor

from whatsit.networks.augment.draws import uniform

AREAS = (0.02, 1 / 3)  # shares of the photo; timm's and torchvision's (Zhong et al. 2020 went to 0.4)
RATIOS = (0.3, 1 / 0.3)  # of height to width, as multiples of the photo's own


def erasing(pixels: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """(n, 3, h, w) float32, changed in place and given back: random erasing (Zhong et al. 2020).

    Every pixel of the rectangle becomes a random colour, which was best in the paper.
    """
    n, _, h, w = pixels.shape
    chosen = torch.rand(n, generator=generator) < probability
    tops, bottoms, lefts, rights = _boxes(n, h, w, generator)
    for i in chosen.nonzero()[:, 0].tolist():
        rows, columns = slice(tops[i], bottoms[i]), slice(lefts[i], rights[i])
        noise = torch.rand(3, bottoms[i] - tops[i], rights[i] - lefts[i], generator=generator) * 255
        pixels[i, :, rows, columns] = noise.to(pixels)
    return pixels


def _boxes(n: int, h: int, w: int, generator: torch.Generator) -> list[list[int]]:
    """Tops, bottoms, lefts and rights in pixels: areas uniform, proportions uniform in their logarithm."""
    area = uniform(*AREAS, (n,), generator)
    ratio = uniform(math.log(RATIOS[0]), math.log(RATIOS[1]), (n,), generator).exp()
    down, across = torch.rand(2, n, generator=generator)
    edges = []
    for share, place, side in (((area * ratio).sqrt(), down, h), ((area / ratio).sqrt(), across, w)):
        length = (share * side).round().clamp(1, side)
        start = (place * (side - length + 1)).floor().clamp(max=side - length)
        edges += [start.int().tolist(), (start + length).int().tolist()]
    return edges
