"""Contrast by the histogram: stretched to the full range, or equalised, each channel on its own."""

import torch
from torch import Tensor


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
