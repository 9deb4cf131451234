"""A rectangle of another photo pasted in, and its label mixed in by the rectangle's share of the area."""

import math

import torch
from torch import Tensor

from whatsit.networks.augment.draws import beta


def cutmix(pixels: Tensor, targets: Tensor, alpha: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """(n, 3, h, w) and (n, classes) → the same shapes; CutMix (Yun et al. 2019).

    One rectangle a batch, of the photo's proportions, and each photo with another of the batch. Its area is from
    Beta(alpha, alpha), its middle anywhere; what reaches beyond the border is cut off and does not count.
    """
    top, bottom, left, right = _box(pixels.shape[2], pixels.shape[3], beta(alpha, generator), generator)
    partners = torch.randperm(len(pixels), generator=generator).to(pixels.device)
    mixed = pixels.clone()
    mixed[:, :, top:bottom, left:right] = pixels[partners, :, top:bottom, left:right]
    kept = 1 - (bottom - top) * (right - left) / (pixels.shape[2] * pixels.shape[3])
    return mixed, targets[partners].lerp_(targets, kept)


def _box(h: int, w: int, share: float, generator: torch.Generator) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of a rectangle of `share` of the area, as far as it is within the photo."""
    edges: list[int] = []
    for side, place in zip((h, w), torch.rand(2, generator=generator).tolist(), strict=True):
        start = round(side * (place - math.sqrt(share) / 2))
        length = round(side * math.sqrt(share))
        edges += [max(0, start), max(0, min(side, start + length))]
    top, bottom, left, right = edges
    return top, bottom, left, right
