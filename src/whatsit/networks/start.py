"""What fine-tuning begins with: the probe's figures, and its head for where no epoch does better."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from whatsit.learning.history import Epoch
from whatsit.networks.network import Network

SHARE = 0.2  # of the probe's logits: 0.1 to 0.3 were about as good on three sets, 1 was worse on all (docs/log.md)

Losses = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Start:
    """The probe as epoch 0."""

    epoch: Epoch
    losses: Losses  # (valid,) in nats, calibrated
    head: Mapping[str, Tensor]  # the network's name of each tensor → the probe's own


def temper(network: Network) -> None:
    """Shrinks the head. Its answers stay, less sure: a head that knows all photos by heart leaves nothing to learn.

    The layers below learn from what the head is not sure of (Ren et al. 2023).
    """
    with torch.no_grad():
        for parameter in network.head.parameters():
            parameter.mul_(SHARE)


def clearly_worse(losses: Losses, than: Losses) -> bool:
    """Whether the mean of one rises above the other's, photo by photo, by more than its standard error.

    With few photos the least loss is half luck: the one-standard-error rule (Breiman et al. 1984).
    """
    apart = losses - than
    error = apart.std(ddof=1) / np.sqrt(len(apart)) if len(apart) > 1 else 0.0
    return bool(apart.mean() > error)
