"""Other light: brightness, contrast, saturation and, slightly, hue, as ONE matrix a photo from RGB to RGB.

Each of the four is linear in the colours, so their product is applied in one pass, and clamped once. Matrices are
(n, 4, 4): the last column adds a constant. They work on values from 0 to 255.

Contrast by the histogram: stretched to the full range, or equalised, each channel on its own.

A rectangle of noise over a part of the photo, so that a network learns to look at more than one part.

Two photos laid over each other, and their labels mixed alike.

A rectangle of another photo pasted in, and its label mixed in by the rectangle's share of the area.
"""

import math

import torch
from torch import Tensor

from whatsit.training.network.augment.geometry import beta, uniform

LUMA = (0.299, 0.587, 0.114)  # red, green and blue in grey (ITU-R BT.601)
HUE_SHARE = 0.1  # turns of the hue at strength 1: colour often tells classes apart, so less than SimCLR's 0.25


def colour(pixels: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """(n, 3, h, w) float32 → the same, each photo by its own draw.

    Brightness, contrast and saturation are multiplied by 1 - strength to 1 + strength, uniform: torchvision's
    ColorJitter (Krizhevsky et al. 2012; Howard 2013), always in this order.
    """
    factors = uniform(1 - strength, 1 + strength, (3, len(pixels)), generator).to(pixels.device)
    turns = uniform(-strength, strength, (len(pixels),), generator).to(pixels.device) * HUE_SHARE
    matrix = brightness(factors[0])
    matrix = contrast(factors[1], mean_grey(pixels, matrix)) @ matrix
    return recoloured(pixels, hue(turns) @ saturation(factors[2]) @ matrix)


def recoloured(pixels: Tensor, matrix: Tensor) -> Tensor:
    """(n, 3, h, w) and (n, 4, 4) → (n, 3, h, w), clamped to 0 to 255."""
    flat = pixels.reshape(len(pixels), 3, -1)
    return torch.baddbmm(matrix[:, :3, 3:], matrix[:, :3, :3], flat).clamp_(0, 255).view(pixels.shape)


def mean_grey(pixels: Tensor, matrix: Tensor) -> Tensor:
    """(n,): how bright each photo is on average, after its matrix (and before it is clamped)."""
    mean = pixels.mean(dim=(2, 3))[:, :, None]  # (n, 3, 1)
    return _luma(pixels) @ (matrix[:, :3, :3] @ mean + matrix[:, :3, 3:])[:, :, 0].T


def brightness(factor: Tensor) -> Tensor:
    """(n,) → (n, 4, 4): 0 is black, 1 the photo."""
    matrix = _identity(factor)
    return matrix * torch.stack([factor, factor, factor, torch.ones_like(factor)], dim=1)[:, None]


def contrast(factor: Tensor, grey: Tensor) -> Tensor:
    """(n,) and each photo's mean grey → (n, 4, 4): 0 is that grey, 1 the photo."""
    matrix = brightness(factor)
    matrix[:, :3, 3] = ((1 - factor) * grey)[:, None]
    return matrix


def saturation(factor: Tensor) -> Tensor:
    """(n,) → (n, 4, 4): 0 is the photo in greys, 1 the photo."""
    matrix = brightness(factor)
    matrix[:, :3, :3] += (1 - factor)[:, None, None] * _luma(factor)
    return matrix


def hue(turns: Tensor) -> Tensor:
    """(n,) → (n, 4, 4): red towards yellow, greys stay; a rotation of the chroma plane of YIQ."""
    angle = 2 * math.pi * turns
    matrix, cos, sin = _identity(angle), angle.cos()[:, None, None], angle.sin()[:, None, None]
    to_yiq = torch.tensor([LUMA, (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112)], device=turns.device)
    luma, i, q = torch.diag_embed(torch.eye(3, device=turns.device))
    quarter = torch.zeros_like(i)
    quarter[1, 2], quarter[2, 1] = 1, -1
    matrix[:, :3, :3] = torch.linalg.inv(to_yiq) @ (luma + cos * (i + q) + sin * quarter) @ to_yiq
    return matrix


def _identity(like: Tensor) -> Tensor:
    return torch.eye(4, device=like.device).repeat(len(like), 1, 1)


def _luma(like: Tensor) -> Tensor:
    return torch.tensor(LUMA, device=like.device)


def stretched(pixels: Tensor) -> Tensor:
    """(n, 3, h, w) float32 → the darkest value becomes 0 and the brightest 255, as Pillow's `autocontrast`.

    A channel of one value stays.
    """
    low, high = pixels.amin((2, 3), keepdim=True), pixels.amax((2, 3), keepdim=True)
    flat = high == low
    scale = 255 / (high - low).masked_fill(flat, 1)
    return torch.where(flat, pixels, ((pixels - low) * scale).clamp_(0, 255))


def equalised(pixels: Tensor) -> Tensor:
    """(n, 3, h, w) float32 → whole numbers whose histogram is about flat, by the rule of Pillow's `equalize`."""
    values = pixels.round().long().flatten(2)  # (n, 3, h * w)
    counts = torch.zeros((*values.shape[:2], 256), dtype=torch.long, device=pixels.device)
    counts.scatter_add_(2, values, torch.ones_like(values))
    brightest = counts.gather(2, values.amax(2, keepdim=True))
    step = (values.shape[2] - brightest) // 255  # (n, 3, 1)
    below = counts.cumsum(2) - counts
    table = ((below + step // 2) // step.clamp(min=1)).clamp(max=255)
    table = torch.where(step == 0, torch.arange(256, device=pixels.device), table)
    return table.gather(2, values).view(pixels.shape).to(pixels)


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


def mixup(pixels: Tensor, targets: Tensor, alpha: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """(n, 3, h, w) and (n, classes) → the same shapes; mixup (Zhang et al. 2018).

    One share a batch, from Beta(alpha, alpha), and each photo with another of the batch, drawn without repetition.
    """
    share = beta(alpha, generator)
    partners = torch.randperm(len(pixels), generator=generator).to(pixels.device)
    return pixels[partners].lerp_(pixels, share), targets[partners].lerp_(targets, share)


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
