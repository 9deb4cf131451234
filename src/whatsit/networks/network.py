"""What every network here is: pixels → maps → embedding → one linear head.

The head is a `LinearHead` of the house once it is trained, and all before it a feature extractor; so a network
becomes a model folder by the same way as a probe.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

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
