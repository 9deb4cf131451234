"""Random numbers for a batch, one a photo, always drawn on the CPU: a seed means the same on every device."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


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
