"""Random numbers for a batch, one a photo, always drawn on the CPU: a seed means the same on every device.

The 3 × 3 matrices that geometric steps are made of, one a photo.

They take a point of the *result* to the point of the photo that is seen there, in coordinates in which the photo
reaches from -1 to 1 both ways, x to the right and y down. So do `grid_sample` and Keras. Steps that follow each other
are multiplied in their order: the first one's matrix stands on the left.

A batch seen through its matrices: one sampling for all that was turned, moved, zoomed or cropped.

Bilinear, so a photo is blurred once however many steps there are. Beyond the border the border's pixels go on, as
Keras' `fill_mode="nearest"` has it.

Mirrored, each photo with probability one half. For what has no left and right (`hflip`), or no up and down.

Turned about the middle, by an angle that is uniform from -DEGREES to DEGREES.

Moved to the side, up or down, by a share of the width or height that is uniform from -SHARE to SHARE.

Nearer or farther: 1 - SHARE to 1 + SHARE of the width is seen, and of the height by a draw of its own.

A part of the photo, as large as the whole then: Inception's random resized crop.

The part is cut from the pixels that the network would see, so it is enlarged, and a little blurred. Cutting it from
the original would need that to be decoded anew every epoch, which takes longer than a small network's step.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample


@dataclass(frozen=True)
class Shape:
    """Of a batch: how many photos, and their size in pixels."""

    n: int
    height: int
    width: int


def uniform(low: float, high: float, size: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """float32 of that size, uniform from low to high, on the CPU."""
    return low + (high - low) * torch.rand(size, generator=generator)


def coins(n: int, generator: torch.Generator) -> Tensor:
    """(n,) bool: heads or tails, on the CPU."""
    return torch.rand(n, generator=generator) < 0.5


def beta(alpha: float, generator: torch.Generator) -> float:
    """One number of the symmetrical beta distribution, in [0, 1].

    PyTorch's takes no generator, so NumPy's draws, seeded from the generator.
    """
    seed = int(torch.randint(2**63 - 1, (), generator=generator))
    return float(np.random.default_rng(seed).beta(alpha, alpha))


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


def sample(pixels: Tensor, matrices: Tensor) -> Tensor:
    """(n, 3, h, w) of any number type, and (n, 3, 3) on the CPU → float32 (n, 3, h, w), contiguous.

    Values are from 0 to 255, before and after. Photos that are only mirrored come out exactly.
    """
    still = pixels.to(torch.float32, memory_format=torch.contiguous_format)
    if torch.equal(matrices.abs(), torch.eye(3).expand_as(matrices)):
        return _mirrored(still, matrices)
    seen_at = _grid(matrices.to(still.device), *still.shape[2:])
    seen = grid_sample(still, seen_at, mode="bilinear", padding_mode="border", align_corners=False)
    return seen.clamp_(0, 255)  # the four weights may sum to a little more than 1


def _mirrored(pixels: Tensor, matrices: Tensor) -> Tensor:
    for entry, side in ((0, -1), (1, -2)):
        rows = (matrices[:, entry, entry] < 0).nonzero()[:, 0].to(pixels.device)
        pixels = pixels.index_copy(0, rows, pixels[rows].flip(side)) if len(rows) else pixels
    return pixels


def _grid(matrices: Tensor, height: int, width: int) -> Tensor:
    """(n, 3, 3) → (n, h, w, 2): `affine_grid` in a fraction of its time, as a sum of a row's and a column's share."""
    across, down = (_centres(side, matrices.device) for side in (width, height))
    of_row = matrices[:, :2, 1, None] * down + matrices[:, :2, 2, None]  # (n, 2, h)
    of_column = matrices[:, :2, 0, None] * across  # (n, 2, w)
    return (of_row[:, :, :, None] + of_column[:, :, None, :]).permute(0, 2, 3, 1)


def _centres(pixels: int, device: torch.device) -> Tensor:
    """Of the pixels along a side, which reaches from -1 to 1."""
    return (2 * torch.arange(pixels, dtype=torch.float32, device=device) + 1) / pixels - 1


def hflip(_: float, shape: Shape, generator: torch.Generator) -> Tensor:
    """(n, 3, 3). Krizhevsky et al. 2012; Keras' `horizontal_flip`, torchvision's RandomHorizontalFlip."""
    return scaled(_signs(shape.n, generator), torch.ones(shape.n))


def vflip(_: float, shape: Shape, generator: torch.Generator) -> Tensor:
    """(n, 3, 3). For photos from above, as of cells or fields. Keras' `vertical_flip`."""
    return scaled(torch.ones(shape.n), _signs(shape.n, generator))


def _signs(n: int, generator: torch.Generator) -> Tensor:
    return 1.0 - 2.0 * coins(n, generator)


def rotation(degrees: float, shape: Shape, generator: torch.Generator) -> Tensor:
    """(n, 3, 3). Keras' `rotation_range`, torchvision's RandomRotation. The photo is not sheared."""
    most = math.radians(degrees)
    return turned(uniform(-most, most, (shape.n,), generator), shape)


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


def zoom(share: float, shape: Shape, generator: torch.Generator) -> Tensor:
    """(n, 3, 3). Keras' `zoom_range`, which draws width and height apart, so that proportions change a little, too."""
    x, y = uniform(1 - share, 1 + share, (2, shape.n), generator)
    return scaled(x, y)


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
