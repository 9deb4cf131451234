"""How tensors lie in memory, and in which precision sums are kept, on each device.

Apple's GPU ("mps") knows no float64, and its kernels are best tried on tensors whose channels come first.
"""

import torch

WIDEST = {"mps": torch.float32}  # of devices that have no float64


def layout(device: str) -> torch.memory_format:
    """Of a network's weights and its input."""
    return torch.contiguous_format if device == "mps" else torch.channels_last


def widest(device: str) -> torch.dtype:
    """The most precise floating-point type, for sums over an epoch."""
    return WIDEST.get(device, torch.float64)


def augments(device: str) -> bool:
    """Whether photos are changed there. For Apple's GPU the processor does it: not every operation is known to it."""
    return device != "mps"
