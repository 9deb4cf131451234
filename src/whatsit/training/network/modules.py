"""What every network here is: pixels → maps → embedding → one linear head.

The head is a `LinearHead` of the house once it is trained, and all before it a feature extractor; so a network
becomes a model folder by the same way as a probe.

What fine-tuning begins with: the probe's figures, and its head for where no epoch does better.

How tensors lie in memory, and in which precision sums are kept, on each device.

Apple's GPU ("mps") knows no float64, and its kernels are best tried on tensors whose channels come first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from whatsit.training.fitted import Epoch

RGB = tuple[float, float, float]


def outputs(classes: int) -> int:
    """Two classes need one logit, that of the second (binary cross-entropy); more need one each."""
    return 1 if classes == 2 else classes


class Network(nn.Module):
    """float pixels in [0, 255] (n, 3, h, w) → logits (n, outputs).

    maps: pixels, normalised, → feature maps; pool: feature maps → embedding (n, dim). averages_maps: whether the
    embedding is the mean of the maps over their places, so that class activation maps are exact. stage_names: of the
    parameters of `maps`, part by part.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        maps: nn.Module,
        pool: nn.Module,
        *,
        dim: int,
        classes: int,
        size: tuple[int, int],
        mean: RGB,
        std: RGB,
        averages_maps: bool,
        stage_names: Sequence[Sequence[str]],
        head_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.maps = maps
        self.pool = pool
        self.dropout = nn.Dropout(head_dropout)
        self.head = nn.Linear(dim, outputs(classes))
        self.dim = dim
        self.classes = classes
        self.size = size
        self.averages_maps = averages_maps
        self.stage_names = stage_names
        self.frozen_norms = False
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def stages(self) -> list[list[nn.Parameter]]:
        """The parameters before the head, part by part from the input onwards: what learns faster, the later it is."""
        of_name = dict(self.maps.named_parameters())
        listed = [[of_name[name] for name in names] for names in self.stage_names]
        rest = list(self.pool.parameters())
        return [*listed, rest] if rest else listed

    def train(self, mode: bool = True) -> "Network":
        """Batch norms keep their statistics where they are frozen."""
        super().train(mode)
        if self.frozen_norms:
            for module in self.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self

    def parts(self, x: Tensor) -> tuple[Tensor | list[Tensor], Tensor]:
        """Normalised pixels (n, 3, h, w) → the maps and the embedding (n, dim)."""
        maps = self.maps(x)
        return maps, self.pool(maps)

    def embed(self, pixels: Tensor) -> Tensor:
        """float (n, 3, h, w) in [0, 255] → (n, dim)."""
        return self.parts((pixels - self.mean) / self.std)[1]

    def forward(self, pixels: Tensor) -> Tensor:
        out: Tensor = self.head(self.dropout(self.embed(pixels)))
        return out


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
