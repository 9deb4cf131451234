"""Writes a list of convolutions as an ONNX graph in 8 bits, without a photo, the same on every machine.

Data-free quantisation (Nagel et al. 2019): weights symmetric and per channel, activations per tensor. ReLU6
fixes most ranges at [0, 6]; where an output is linear, its batch norm's mean and standard deviation tell the
range, and they also tell by how much rounding the weights shifts each output on average, which is taken off
the bias. That shift is computed in float64: the last bit of a float32 sum differs by processor, and an
integer of the graph would now and then differ with it, and with that the fingerprint.

Weights are kept small enough that a product of two neighbours cannot overflow the 16-bit sums of processors
without VNNI, so that a model answers the same there. The form is standard ONNX: QLinearConv, so that a runtime has
little to rewrite (it opens in half the time of QuantizeLinear and DequantizeLinear pairs around each Conv).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from whatsit.embedding.backbones.efficientnet import Conv
from whatsit.embedding.graph import PIXEL_MEAN, PIXEL_SCALE, GraphWriter
from whatsit.images.preprocessing import Size

Array = NDArray[np.float32]
Precise = NDArray[np.float64]

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
class Bytes:
    """A tensor of the graph in 8 bits, and what its bytes mean."""

    name: str
    statistics: Statistics
    scale: np.float32
    grid: tuple[str, str]  # the constants of its scale and zero


class _QuantisedWriter(GraphWriter[Bytes]):
    def bytes_of(self, name: str, statistics: Statistics, scale: np.float32, zero: np.uint8) -> Bytes:
        grid = self.constant(f"{name}.scale", scale), self.constant(f"{name}.zero", zero)
        return Bytes(name, statistics, scale, grid)

    def image(self) -> Bytes:
        """A pixel is a quantised number as it stands."""
        mean = (IMAGENET_MEAN_COLOUR - PIXEL_MEAN) * PIXEL_SCALE
        statistics = Statistics(mean, np.zeros_like(mean))
        return self.bytes_of(self.channels_first(), statistics, PIXEL_SCALE, PIXEL_MEAN)

    def conv(self, conv: Conv, x: Bytes) -> Bytes:
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

    def sum(self, a: Bytes, b: Bytes, name: str) -> Bytes:
        """A runtime fuses these nodes into one."""
        statistics = a.statistics + b.statistics
        y = self.bytes_of(name, statistics, *statistics.scale_and_zero())
        terms = [self._dequantised(one, f"{name}.{which}") for which, one in zip("ab", (a, b), strict=True)]
        self.node("QuantizeLinear", [self.node("Add", terms, f"{name}.float32"), *y.grid], name)
        return y

    def as_float32(self, x: Bytes) -> str:
        return self._dequantised(x, f"{x.name}.float32")

    def _dequantised(self, x: Bytes, name: str) -> str:
        return self.node("DequantizeLinear", [x.name, *x.grid], name)


def int8_graph(convs: Sequence[Conv], size: Size) -> onnx.ModelProto:
    """The network in 8 bits, for images of `size` pixels."""
    return _QuantisedWriter().network(convs, size)
