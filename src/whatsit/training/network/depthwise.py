"""Depthwise convolutions in bf16 on a CPU, with a backward pass that is not ten times slower than the forward one.

PyTorch's bf16 kernels for the gradients of depthwise convolutions with a stride, or of 5 × 5 ones, fall back to slow
code: they took three quarters of a training step of EfficientNet-Lite0. The same gradients in float32 do not. So each
is computed in the precision in which it is fast (benchmarks/RESULTS.md); sums are the better for it.
"""

from typing import Any

import torch
from torch import Tensor, nn

LARGE = 5  # pixels a side, from which on float32 is the faster one for the gradient of the weights


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.geometry = (stride, padding, bias is not None)
        return nn.functional.conv2d(x, weight, bias, stride, padding, groups=len(weight))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        stride, padding, has_bias = ctx.geometry
        for_input, for_weight = ctx.needs_input_grad[:2]
        both = (x, weight, gradient)
        wide = tuple(one.float() for one in both) if stride > 1 or weight.shape[-1] >= LARGE else both
        to_input = _gradient(wide if stride > 1 else both, stride, padding, (True, False)) if for_input else None
        to_weight = _gradient(wide, stride, padding, (False, True)) if for_weight else None
        to_bias = gradient.float().sum((0, 2, 3)).to(gradient.dtype) if has_bias else None
        return (
            None if to_input is None else to_input.to(x.dtype),
            None if to_weight is None else to_weight.to(weight.dtype),
            to_bias,
            None,
            None,
        )


def _gradient(tensors: tuple[Tensor, ...], stride: int, padding: int, wanted: tuple[bool, bool]) -> Tensor:
    x, weight, gradient = tensors
    of_input, of_weight, _ = torch.ops.aten.convolution_backward(
        gradient,
        x,
        weight,
        None,
        [stride, stride],
        [padding, padding],
        [1, 1],
        False,
        [0, 0],
        len(weight),
        [*wanted, False],
    )
    out: Tensor = of_input if wanted[0] else of_weight
    return out


def depthwise(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
    """As `functional.conv2d` with one group a channel: x (n, c, h, w), weight (c, 1, k, k) → (n, c, h', w')."""
    if x.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
        return nn.functional.conv2d(x, weight, bias, stride, padding, groups=len(weight))
    dtype = torch.get_autocast_dtype("cpu")
    narrow_bias = None if bias is None else bias.to(dtype)
    with torch.autocast("cpu", enabled=False):
        out: Tensor = _Depthwise.apply(x.to(dtype), weight.to(dtype), narrow_bias, stride, padding)
    return out


def speed_up(network: nn.Module) -> None:
    """Lets a network's plain depthwise convolutions take this way. Their weights and names stay."""
    for module in network.modules():
        if type(module) is nn.Conv2d and _is_depthwise(module):
            module.__class__ = DepthwiseConv2d


def _is_depthwise(conv: nn.Conv2d) -> bool:
    square = len({*conv.kernel_size}) == len({*conv.stride}) == 1 and isinstance(conv.padding, tuple)
    alone = conv.groups == conv.in_channels == conv.out_channels > 1
    return square and alone and conv.padding_mode == "zeros" and conv.dilation == (1, 1) and len({*conv.padding}) == 1


class DepthwiseConv2d(nn.Conv2d):
    """What `speed_up` makes of a depthwise convolution."""

    def forward(self, input: Tensor) -> Tensor:
        padding = self.padding[0]
        if not isinstance(padding, int):
            raise TypeError(f"padding is {self.padding!r}")
        return depthwise(input, self.weight, self.bias, self.stride[0], padding)
