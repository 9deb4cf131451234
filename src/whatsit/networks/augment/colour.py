"""Other light: brightness, contrast, saturation and, slightly, hue, as ONE matrix a photo from RGB to RGB.

Each of the four is linear in the colours, so their product is applied in one pass, and clamped once. Matrices are
(n, 4, 4): the last column adds a constant. They work on values from 0 to 255.
"""

import math

import torch
from torch import Tensor

from whatsit.networks.augment.draws import uniform

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
