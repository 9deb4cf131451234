"""Two operations a photo, drawn from fourteen, all of one magnitude: RandAugment (Cubuk et al. 2020).

The operations and their strengths are torchvision's, where 30 is the most and 9 the default. Two things differ: the
photos of a batch that drew the same operation go through it together, and what is turned, sheared or moved is sampled
bilinearly about the middle, and the border goes on, as everywhere here.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from whatsit.training.network.augment import pixels as colour
from whatsit.training.network.augment.geometry import Shape, coins, moved, sample, sheared, turned
from whatsit.training.network.augment.pixels import equalised, stretched

OPERATIONS_A_PHOTO = 2  # the paper's and torchvision's
MOST = 30  # the magnitude at which torchvision's strengths are reached
SHEAR, SHIFT, TURN, FACTOR = 0.3, 150 / 331, math.radians(30), 0.9  # at the most, torchvision's


def randaugment(pixels: Tensor, magnitude: float, generator: torch.Generator) -> Tensor:
    """(n, 3, h, w) float32 from 0 to 255, changed in place and given back; each photo by its own draws."""
    for _ in range(OPERATIONS_A_PHOTO):
        drawn = torch.randint(len(OPERATIONS), (len(pixels),), generator=generator)
        levels = (1.0 - 2.0 * coins(len(pixels), generator)) * magnitude / MOST  # (n,) from -1 to 1
        for number in sorted(set(drawn.tolist())):
            rows = (drawn == number).nonzero()[:, 0]
            here = rows.to(pixels.device)
            pixels[here] = OPERATIONS[number](pixels[here], levels[rows])
    return pixels


def _identity(pixels: Tensor, _: Tensor) -> Tensor:
    return pixels


def _shear_x(pixels: Tensor, level: Tensor) -> Tensor:
    return sample(pixels, sheared(SHEAR * level, torch.zeros_like(level), _shape(pixels)))


def _shear_y(pixels: Tensor, level: Tensor) -> Tensor:
    return sample(pixels, sheared(torch.zeros_like(level), SHEAR * level, _shape(pixels)))


def _shift_x(pixels: Tensor, level: Tensor) -> Tensor:
    return sample(pixels, moved(2 * SHIFT * level, torch.zeros_like(level)))


def _shift_y(pixels: Tensor, level: Tensor) -> Tensor:
    return sample(pixels, moved(torch.zeros_like(level), 2 * SHIFT * level))


def _rotate(pixels: Tensor, level: Tensor) -> Tensor:
    return sample(pixels, turned(TURN * level, _shape(pixels)))


def _brightness(pixels: Tensor, level: Tensor) -> Tensor:
    return colour.recoloured(pixels, colour.brightness(_factor(pixels, level)))


def _saturation(pixels: Tensor, level: Tensor) -> Tensor:
    return colour.recoloured(pixels, colour.saturation(_factor(pixels, level)))


def _contrast(pixels: Tensor, level: Tensor) -> Tensor:
    factor = _factor(pixels, level)
    grey = colour.mean_grey(pixels, colour.brightness(torch.ones_like(factor)))
    return colour.recoloured(pixels, colour.contrast(factor, grey))


def _sharpness(pixels: Tensor, level: Tensor) -> Tensor:
    """Away from, or towards, Pillow's `SMOOTH`; the outermost pixels stay."""
    if min(pixels.shape[2:]) < 3:
        return pixels  # all are outermost
    kernel = torch.ones(3, 3, device=pixels.device)
    kernel[1, 1] = 5
    smooth = conv2d(pixels, (kernel / kernel.sum()).expand(3, 1, 3, 3), groups=3)
    sharp = pixels.clone()
    inner = sharp[:, :, 1:-1, 1:-1]
    inner.copy_(smooth + _factor(pixels, level)[:, None, None, None] * (inner - smooth))
    return sharp.clamp_(0, 255)


def _posterize(pixels: Tensor, level: Tensor) -> Tensor:
    """The lowest 0 to 4 of 8 bits become 0."""
    step = (2 ** (4 * level.abs()).round())[:, None, None, None].to(pixels.device)
    return (pixels / step).floor_() * step


def _solarize(pixels: Tensor, level: Tensor) -> Tensor:
    threshold = 255 * (1 - level.abs())[:, None, None, None].to(pixels.device)
    return torch.where(pixels >= threshold, 255 - pixels, pixels)


def _stretch(pixels: Tensor, _: Tensor) -> Tensor:
    return stretched(pixels)


def _equalise(pixels: Tensor, _: Tensor) -> Tensor:
    return equalised(pixels)


def _factor(pixels: Tensor, level: Tensor) -> Tensor:
    return (1 + FACTOR * level).to(pixels.device)


def _shape(pixels: Tensor) -> Shape:
    return Shape(len(pixels), pixels.shape[2], pixels.shape[3])


OPERATIONS: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (
    _identity,
    _shear_x,
    _shear_y,
    _shift_x,
    _shift_y,
    _rotate,
    _brightness,
    _saturation,
    _contrast,
    _sharpness,
    _posterize,
    _solarize,
    _stretch,
    _equalise,
)
"""(k, 3, h, w) and (k,) levels from -1 to 1 → (k, 3, h, w). Those without a direction take the level's size."""
