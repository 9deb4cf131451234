"""Writes EfficientNet-Lite's list of convolutions as an ONNX graph, in float32 or 8 bits. It knows no files.

The graph takes `image` uint8 (n, size, size, 3) and gives `embedding` float32 (n, dim): the means over the
places of its last feature map, `features` (n, channels, h, w), and of a middle one, `features.middle`.
Normalising is the graph's first node, so no reader of the model can get it wrong.

8 bits: data-free quantisation (Nagel et al. 2019), without a photo, the same on every machine. Weights are symmetric
and per channel, activations per tensor. ReLU6 fixes most ranges at [0, 6]; where an output is linear, its batch norm's
mean and standard deviation tell the range, and they also tell by how much rounding the weights shifts each output on
average, which is taken off the bias. That shift is computed in float64: the last bit of a float32 sum differs by
processor, and an integer of the graph would now and then differ with it, and with that the fingerprint.

Weights are kept small enough that a product of two neighbours cannot overflow the 16-bit sums of processors
without VNNI, so that a model answers the same there. The form is standard ONNX: QLinearConv, so that a runtime has
little to rewrite (it opens in half the time of QuantizeLinear and DequantizeLinear pairs around each Conv).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from whatsit.embedding.backbones.efficientnet import Conv
from whatsit.embedding.nodes import NodeWriter, value_info
from whatsit.images.preprocessing import Size, sides

Array = NDArray[np.float32]
Precise = NDArray[np.float64]
GraphTensor = TypeVar("GraphTensor")

PIXEL_MEAN, PIXEL_SCALE = np.uint8(127), np.float32(1 / 128)  # x ↦ (x − 127) / 128, as the Lites were trained
FEATURES = ("features", "features.middle")  # the maps whose means make up the embedding, in this order


def embedding_dim(convs: Sequence[Conv]) -> int:
    return sum(conv.weight.shape[0] for conv in convs if conv.tapped)


class GraphWriter(NodeWriter, ABC, Generic[GraphTensor]):
    """Walks a network's convolutions; a precision says what each becomes, and what it holds of a tensor."""

    @abstractmethod
    def image(self) -> GraphTensor:
        """The image, ready for the first convolution."""

    @abstractmethod
    def conv(self, conv: Conv, x: GraphTensor) -> GraphTensor:
        """The convolution and, where it has one, its ReLU6."""

    @abstractmethod
    def sum(self, a: GraphTensor, b: GraphTensor, name: str) -> GraphTensor: ...

    @abstractmethod
    def as_float32(self, x: GraphTensor) -> str:
        """The name of the tensor's real numbers."""

    def network(self, convs: Sequence[Conv], size: Size) -> onnx.ModelProto:
        """For images of `size` pixels."""
        x = self.image()
        outputs: dict[str, GraphTensor] = {}
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


WEIGHT_TOP = 127
NEIGHBOURS_TOP = 127  # 255 × (127 + 1 for rounding) = 32,640 stays below 2¹⁵
BIAS_TOP = 2**30
SCALE_FLOOR = 1e-12  # of a channel whose weights and bias are all 0
DEVIATIONS = 5.0  # half-width of a linear output's range; 4 to 6 measure alike (docs/log.md)
IMAGENET_MEAN_COLOUR = np.array([123.7, 116.3, 103.5], np.float32)  # of 255; the usual figures


@dataclass(frozen=True)
class Statistics:
    """Of an activation, per channel, as the batch norms tell it."""

    mean: Array | Precise  # (channels,)
    variance: Array  # (channels,)
    relu6: bool = False

    @classmethod
    def after(cls, conv: Conv) -> "Statistics":
        if conv.relu6:
            return cls(_clipped_mean(conv.mean, conv.std), conv.std**2, relu6=True)
        return cls(conv.mean, conv.std**2)

    def __add__(self, other: "Statistics") -> "Statistics":
        return Statistics(self.mean + other.mean, self.variance + other.variance)

    def scale_and_zero(self) -> tuple[np.float32, np.uint8]:
        """real = scale × (byte − zero)."""
        if self.relu6:
            return np.float32(6 / 255), np.uint8(0)
        reach = DEVIATIONS * np.sqrt(self.variance)
        low, high = min((self.mean - reach).min(), 0), max((self.mean + reach).max(), 0)
        scale = np.float32((high - low) / 255)
        return scale, np.uint8(np.rint(-low / scale))


def _clipped_mean(mean: Array, std: Array) -> Precise:
    """E[min(max(x, 0), 6)] of a normal x (Nagel et al. 2019, appendix C)."""
    from scipy.special import ndtr

    middle, spread = mean.astype(np.float64), np.maximum(std.astype(np.float64), 1e-6)
    low, high = -middle / spread, (6 - middle) / spread
    density = (np.exp(-(low**2) / 2) - np.exp(-(high**2) / 2)) / np.sqrt(2 * np.pi)
    clipped: Precise = middle * (ndtr(high) - ndtr(low)) + spread * density + 6 * (1 - ndtr(high))
    return clipped


def _weight_scale(conv: Conv, input_scale: np.float32) -> Array:
    """(out,): as fine as the largest weight, the neighbours' sum and the bias allow."""
    scale = np.abs(conv.weight).max(axis=(1, 2, 3)) / WEIGHT_TOP
    if conv.weight.shape[1] > 1:
        rows = conv.weight.transpose(0, 2, 3, 1).reshape(len(scale), -1)  # (out, k·k·in), as kernels walk it
        rows = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2)))
        scale = np.maximum(scale, np.abs(rows[:, 0::2] + rows[:, 1::2]).max(axis=1) / NEIGHBOURS_TOP)
    dead = np.abs(conv.bias) / (input_scale * BIAS_TOP)  # weights near 0 under a bias that is not
    limit: Array = np.maximum(np.maximum(scale, dead), SCALE_FLOOR).astype(np.float32)
    return limit


def _mean_shift(conv: Conv, rounded: Array, entering: Array | Precise) -> Precise:
    """(out,): how far rounding the weights moves the output on average, borders aside."""
    error = (rounded - conv.weight).sum(axis=(2, 3), dtype=np.float64)  # (out, in / groups)
    shift: Precise = error[:, 0] * entering if conv.groups > 1 else error @ entering
    return shift


@dataclass(frozen=True)
class QuantizedTensor:
    """A tensor of the graph in 8 bits, and what its bytes mean."""

    name: str
    statistics: Statistics
    scale: np.float32
    grid: tuple[str, str]  # the constants of its scale and zero


class _QuantisedWriter(GraphWriter[QuantizedTensor]):
    def bytes_of(self, name: str, statistics: Statistics, scale: np.float32, zero: np.uint8) -> QuantizedTensor:
        grid = self.constant(f"{name}.scale", scale), self.constant(f"{name}.zero", zero)
        return QuantizedTensor(name, statistics, scale, grid)

    def image(self) -> QuantizedTensor:
        """A pixel is a quantised number as it stands."""
        mean = (IMAGENET_MEAN_COLOUR - PIXEL_MEAN) * PIXEL_SCALE
        statistics = Statistics(mean, np.zeros_like(mean))
        return self.bytes_of(self.channels_first(), statistics, PIXEL_SCALE, PIXEL_MEAN)

    def conv(self, conv: Conv, x: QuantizedTensor) -> QuantizedTensor:
        """Its ReLU6 is the range of its output: bytes end where it does."""
        statistics = Statistics.after(conv)
        y = self.bytes_of(f"{conv.name}.conv", statistics, *statistics.scale_and_zero())
        weight_scale = _weight_scale(conv, x.scale)
        integers = np.rint(conv.weight / weight_scale[:, None, None, None]).astype(np.int8)
        shift = _mean_shift(conv, integers * weight_scale[:, None, None, None], x.statistics.mean)
        bias = np.rint((conv.bias - shift) / (x.scale * weight_scale)).astype(np.int32)
        weight = [
            self.constant(f"{conv.name}.weight.q", integers),
            self.constant(f"{conv.name}.weight.scale", weight_scale),
            self.constant(f"{conv.name}.weight.zero", np.zeros(len(integers), np.int8)),
        ]
        inputs = [x.name, *x.grid, *weight, *y.grid, self.constant(f"{conv.name}.bias.q", bias)]
        self.convolution("QLinearConv", conv, inputs, y.name)
        return y

    def sum(self, a: QuantizedTensor, b: QuantizedTensor, name: str) -> QuantizedTensor:
        """A runtime fuses these nodes into one."""
        statistics = a.statistics + b.statistics
        y = self.bytes_of(name, statistics, *statistics.scale_and_zero())
        terms = [self._dequantised(one, f"{name}.{which}") for which, one in zip("ab", (a, b), strict=True)]
        self.node("QuantizeLinear", [self.node("Add", terms, f"{name}.float32"), *y.grid], name)
        return y

    def as_float32(self, x: QuantizedTensor) -> str:
        return self._dequantised(x, f"{x.name}.float32")

    def _dequantised(self, x: QuantizedTensor, name: str) -> str:
        return self.node("DequantizeLinear", [x.name, *x.grid], name)


def int8_graph(convs: Sequence[Conv], size: Size) -> onnx.ModelProto:
    """The network in 8 bits, for images of `size` pixels."""
    return _QuantisedWriter().network(convs, size)
