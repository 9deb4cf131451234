"""Writes a list of convolutions as an ONNX graph in float32. It knows nothing of files or sessions.

The graph takes `image` uint8 (n, size, size, 3) and gives `embedding` float32 (n, dim): the means over the
places of its last feature map, `features` (n, channels, h, w), and of a middle one, `features.middle`.
Normalising is the graph's first node, so no reader of the model can get it wrong.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

import numpy as np
import onnx
from onnx import TensorProto

from whatsit.embedding.backbones.efficientnet import Conv
from whatsit.embedding.nodes import NodeWriter, value_info
from whatsit.images.preprocessing import Size, sides

Tensor = TypeVar("Tensor")

PIXEL_MEAN, PIXEL_SCALE = np.uint8(127), np.float32(1 / 128)  # x ↦ (x − 127) / 128, as the Lites were trained
FEATURES = ("features", "features.middle")  # the maps whose means make up the embedding, in this order


def embedding_dim(convs: Sequence[Conv]) -> int:
    return sum(conv.weight.shape[0] for conv in convs if conv.tapped)


class GraphWriter(NodeWriter, ABC, Generic[Tensor]):
    """Walks a network's convolutions; a precision says what each becomes, and what it holds of a tensor."""

    @abstractmethod
    def image(self) -> Tensor:
        """The image, ready for the first convolution."""

    @abstractmethod
    def conv(self, conv: Conv, x: Tensor) -> Tensor:
        """The convolution and, where it has one, its ReLU6."""

    @abstractmethod
    def sum(self, a: Tensor, b: Tensor, name: str) -> Tensor: ...

    @abstractmethod
    def as_float32(self, x: Tensor) -> str:
        """The name of the tensor's real numbers."""

    def network(self, convs: Sequence[Conv], size: Size) -> onnx.ModelProto:
        """For images of `size` pixels."""
        x = self.image()
        outputs: dict[str, Tensor] = {}
        taps: list[str] = []
        for conv in convs:
            x = self.conv(conv, x)
            if conv.adds:
                x = self.sum(x, outputs[conv.adds], f"{conv.name}.sum")
            outputs[conv.name] = x
            taps += [self.as_float32(x)] if conv.tapped else []
        return self.model(taps, embedding_dim(convs), size)

    def channels_first(self) -> str:
        """uint8 (n, h, w, 3) → uint8 (n, 3, h, w)"""
        return self.node("Transpose", ["image"], "channels_first", perm=[0, 3, 1, 2])

    def convolution(self, kind: str, conv: Conv, inputs: Sequence[str], output: str) -> str:
        kernel = conv.weight.shape[-1]
        sides = {"kernel_shape": [kernel, kernel], "strides": [conv.stride, conv.stride]}
        return self.node(kind, inputs, output, **sides, group=conv.groups, auto_pad="SAME_UPPER")

    def model(self, taps: Sequence[str], dim: int, size: Size) -> onnx.ModelProto:
        """Closes the graph: the means of the tapped feature maps, the last one first, are the embedding."""
        means = []
        for name, tap in zip(FEATURES, reversed(taps), strict=True):
            self.node("Identity", [tap], name)
            pooled = self.node("GlobalAveragePool", [name], f"{name}.mean")
            means.append(self.node("Flatten", [pooled], f"{name}.flat"))
        self.node("Concat", means, "embedding", axis=1)
        image = value_info("image", ["n", *sides(size), 3], TensorProto.UINT8)
        model = self.whole_model("backbone", [image], [value_info("embedding", ["n", dim])])
        model.producer_name = "whatsit"
        return model


class WriteGraph(Protocol):
    """Convolutions → graph: what both precisions share."""

    def __call__(self, convs: Sequence[Conv], size: Size) -> onnx.ModelProto: ...


class _PlainWriter(GraphWriter[str]):
    def __init__(self) -> None:
        super().__init__()
        self.constant("zero", np.float32(0))
        self.constant("six", np.float32(6))

    def image(self) -> str:
        """uint8 (n, h, w, 3) → float32 (n, 3, h, w): one DequantizeLinear normalises exactly."""
        grid = [self.constant("pixel_scale", PIXEL_SCALE), self.constant("pixel_mean", PIXEL_MEAN)]
        return self.node("DequantizeLinear", [self.channels_first(), *grid], "normalised")

    def conv(self, conv: Conv, x: str) -> str:
        weight = self.constant(f"{conv.name}.weight", conv.weight)
        bias = self.constant(f"{conv.name}.bias", conv.bias)
        y = self.convolution("Conv", conv, [x, weight, bias], f"{conv.name}.conv")
        return self.node("Clip", [y, "zero", "six"], f"{conv.name}.relu6") if conv.relu6 else y

    def sum(self, a: str, b: str, name: str) -> str:
        return self.node("Add", [a, b], name)

    def as_float32(self, x: str) -> str:
        return x


def float32_graph(convs: Sequence[Conv], size: Size) -> onnx.ModelProto:
    """The network in float32, for images of `size` pixels."""
    return _PlainWriter().network(convs, size)
