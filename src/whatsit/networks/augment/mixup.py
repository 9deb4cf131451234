"""Two photos laid over each other, and their labels mixed alike."""

import torch
from torch import Tensor

from whatsit.networks.augment.draws import beta


def mixup(pixels: Tensor, targets: Tensor, alpha: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """(n, 3, h, w) and (n, classes) → the same shapes; mixup (Zhang et al. 2018).

    One share a batch, from Beta(alpha, alpha), and each photo with another of the batch, drawn without repetition.
    """
    share = beta(alpha, generator)
    partners = torch.randperm(len(pixels), generator=generator).to(pixels.device)
    return pixels[partners].lerp_(pixels, share), targets[partners].lerp_(targets, share)
