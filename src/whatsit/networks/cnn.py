"""A row of the table of architectures → PyTorch layers. It knows nothing of data or training."""

from itertools import pairwise

from torch import Tensor, nn

from whatsit.networks.architectures import CNN, kernels, map_size
from whatsit.networks.network import Network

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
