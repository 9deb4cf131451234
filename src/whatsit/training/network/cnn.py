"""A row of the table of architectures → PyTorch layers. It knows nothing of data or training.

The embedded EfficientNet-Lites as PyTorch layers, for fine-tuning, and the way back to convolutions.

They are made from the very list that the probe's graph is written from (`embedding/efficientnet.py`). So fine-tuning
begins exactly where the probe ends, tapped middle features and all, and what was learned is written by the same
writer. Batch norms stand folded in the convolutions, which is what keeping them frozen means; each weight is held as
it was before folding, times a constant a channel, so that a step of the optimizer weighs what it did in training.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from whatsit.embedding.backbones.efficientnet import Conv, convolutions, read_state_dict
from whatsit.embedding.backbones.lite import Lite, weights_file
from whatsit.embedding.graph import PIXEL_MEAN, PIXEL_SCALE, embedding_dim
from whatsit.training.network.architectures import CNN, kernels, map_size
from whatsit.training.network.depthwise import depthwise
from whatsit.training.network.modules import Network

WHITE = 255.0  # the classics take pixels from 0 to 1


class ResidualBlock(nn.Module):
    """A convolution of stride 2, then a second one that is added to what it was given (He et al. 2016)."""

    def __init__(self, inner: nn.Module, further: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.further = further
        self.activation = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.inner(x)
        out: Tensor = self.activation(x + self.further(x))
        return out


def _convolution(cnn: CNN, inputs: int, outputs: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    """With its batch norm, before the activation."""
    padding = kernel // 2 if cnn.padded else 0
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=not cnn.batch_norm)]
    return [*layers, nn.BatchNorm2d(outputs)] if cnn.batch_norm else layers


def _block(cnn: CNN, inputs: int, outputs: int, kernel: int) -> nn.Module:
    """Pooled before the activation, which gives the same as after it from a quarter of the numbers."""
    if not cnn.residual:
        return nn.Sequential(*_convolution(cnn, inputs, outputs, kernel), nn.MaxPool2d(2), nn.ReLU())
    first = nn.Sequential(*_convolution(cnn, inputs, outputs, kernel, stride=2), nn.ReLU())
    return ResidualBlock(first, nn.Sequential(*_convolution(cnn, outputs, outputs, kernel)))


def build_cnn(cnn: CNN, classes: int) -> Network:
    """With weights drawn anew from PyTorch's global generator."""
    widths = (3, *cnn.filters)
    maps = nn.Sequential(*(_block(cnn, a, b, k) for (a, b), k in zip(pairwise(widths), kernels(cnn), strict=True)))
    height, width = map_size(cnn)
    units = cnn.filters[-1] * (1 if cnn.average else height * width)
    pooled: list[nn.Module] = [nn.AdaptiveAvgPool2d(1)] if cnn.average else []
    after: list[nn.Module] = [*pooled, nn.Flatten()]
    if cnn.dropout and cnn.dense:
        after.insert(0, nn.Dropout(cnn.dropout))
    for a, b in pairwise((units, *cnn.dense)):
        after += [nn.Linear(a, b), nn.ReLU()]
    return Network(
        maps,
        nn.Sequential(*after),
        dim=cnn.dense[-1] if cnn.dense else units,
        classes=classes,
        size=(cnn.height, cnn.width),
        mean=(0.0, 0.0, 0.0) if not cnn.batch_norm else (127.5, 127.5, 127.5),
        std=(WHITE, WHITE, WHITE) if not cnn.batch_norm else (64.0, 64.0, 64.0),
        averages_maps=cnn.average and not cnn.dense,
        stage_names=[[f"{i}.{name}" for name, _ in block.named_parameters()] for i, block in enumerate(maps)],
        head_dropout=0.0 if cnn.dense else cnn.dropout,
    )


class FoldedConv(nn.Module):
    """A convolution with TensorFlow's "same" padding and, where it has one, its ReLU6."""

    scale: Tensor

    def __init__(self, conv: Conv) -> None:
        super().__init__()
        weight = torch.from_numpy(np.array(conv.weight))
        scale = weight.flatten(1).norm(dim=1) / weight[0].numel() ** 0.5  # (out,) root mean square of a filter
        scale = scale.clamp_min(1e-6).view(-1, 1, 1, 1)
        self.weight = nn.Parameter(weight / scale)
        self.bias = nn.Parameter(torch.from_numpy(np.array(conv.bias)))
        self.register_buffer("scale", scale)
        self.stride = conv.stride
        self.groups = conv.groups
        self.relu6 = conv.relu6

    def folded(self) -> Tensor:
        return self.weight * self.scale

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.weight.shape[-1]
        padding = kernel // 2
        if self.stride > 1:
            x, padding = functional.pad(x, _same(x.shape, kernel, self.stride)), 0
        if self.groups > 1:
            out = depthwise(x, self.folded(), self.bias, self.stride, padding)
        else:
            out = functional.conv2d(x, self.folded(), self.bias, self.stride, padding)
        return functional.relu6(out) if self.relu6 else out


def _same(shape: torch.Size, kernel: int, stride: int) -> list[int]:
    """(left, right, top, bottom): an odd pixel of padding goes to the right and the bottom."""
    out = []
    for side in (shape[3], shape[2]):
        total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        out += [total // 2, total - total // 2]
    return out


class LiteMaps(nn.Module):
    """float (n, 3, h, w) → the tapped maps, the last one first, as the probe's embedding joins them."""

    def __init__(self, convs: Sequence[Conv]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(FoldedConv(conv) for conv in convs)
        self.names = [conv.name for conv in convs]
        self.adds = [conv.adds for conv in convs]
        self.tapped = [conv.tapped for conv in convs]

    def stage_names(self) -> list[list[str]]:
        """Of the parameters, block by block."""
        blocks = [name.rpartition(".")[0] or name for name in self.names]  # "_blocks.3._bn1" is of block 3
        return [
            [f"layers.{i}.{kind}" for i, one in enumerate(blocks) if one == block for kind in ("weight", "bias")]
            for block in dict.fromkeys(blocks)
        ]

    def forward(self, x: Tensor) -> list[Tensor]:
        wanted = set(self.adds)
        kept: dict[str, Tensor] = {}
        taps = []
        for layer, name, adds, tapped in zip(self.layers, self.names, self.adds, self.tapped, strict=True):
            x = layer(x)
            if adds:
                x = x + kept[adds]
            if name in wanted:
                kept[name] = x
            if tapped:
                taps.append(x)
        return taps[::-1]


class Means(nn.Module):
    """Maps (n, c, h, w) → the means of all their channels, side by side, (n, sum of c)."""

    def forward(self, maps: list[Tensor]) -> Tensor:
        return torch.cat([one.float().mean(dim=(2, 3)) for one in maps], dim=1)


def build_lite(backbone: Lite, classes: int, size: tuple[int, int] | None = None) -> Network:
    """With its ImageNet weights, and a head that is still to be set. Raises BackboneError, MissingExtraError."""
    convs = convolutions(read_state_dict(weights_file(backbone)))
    mean, std = float(PIXEL_MEAN), 1 / float(PIXEL_SCALE)
    maps = LiteMaps(convs)
    return Network(
        maps,
        Means(),
        dim=embedding_dim(convs),
        classes=classes,
        size=size or (backbone.size, backbone.size),
        mean=(mean, mean, mean),
        std=(std, std, std),
        averages_maps=True,
        stage_names=maps.stage_names(),
    )


def learned_convolutions(backbone: Lite, maps: LiteMaps) -> list[Conv]:
    """The backbone's convolutions with the weights that were learned."""
    convs = convolutions(read_state_dict(weights_file(backbone)))
    layers = [layer for layer in maps.layers if isinstance(layer, FoldedConv)]
    return [
        replace(conv, weight=layer.folded().detach().numpy().copy(), bias=layer.bias.detach().numpy().copy())
        for conv, layer in zip(convs, layers, strict=True)
    ]
