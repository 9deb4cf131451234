"""Depthwise convolutions against PyTorch's own: outputs and gradients, in float32 and in bf16."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from whatsit.training.network.depthwise import DepthwiseConv2d, _Depthwise, depthwise, speed_up

pytestmark = pytest.mark.slow

CASES = [(kernel, stride, bias) for kernel in (3, 5) for stride in (1, 2) for bias in (True, False)]


def drawn(kernel: int, bias: bool) -> tuple[Tensor, Tensor, Tensor | None]:
    generator = torch.Generator().manual_seed(kernel)
    x = torch.randn(2, 6, 15, 18, generator=generator)
    weight = torch.randn(6, 1, kernel, kernel, generator=generator)
    return x, weight, torch.randn(6, generator=generator) if bias else None


def gradients(out: Tensor, *of: Tensor | None) -> list[Tensor]:
    pattern = 1 + torch.sin(torch.arange(out.numel(), dtype=torch.float32)).view(out.shape)  # of no sum near 0
    return list(torch.autograd.grad((out.float() * pattern).sum(), [one for one in of if one is not None]))


def leaves(*tensors: Tensor | None) -> list[Tensor | None]:
    return [None if one is None else one.clone().requires_grad_() for one in tensors]


@pytest.mark.parametrize(("kernel", "stride", "bias"), CASES)
def test_float32_gradients_are_those_of_a_plain_convolution(kernel: int, stride: int, bias: bool) -> None:
    x, weight, b = leaves(*drawn(kernel, bias))
    assert x is not None
    assert weight is not None
    expected = functional.conv2d(x, weight, b, stride, kernel // 2, groups=6)
    got = _Depthwise.apply(x, weight, b, stride, kernel // 2)
    torch.testing.assert_close(got, expected)
    for one, other in zip(gradients(got, x, weight, b), gradients(expected, x, weight, b), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("kernel", "stride", "bias"), CASES)
def test_bf16_gradients_are_near(kernel: int, stride: int, bias: bool) -> None:
    """And they are of the leaves' own type, as the optimizer keeps float32 weights."""
    x, weight, b = leaves(*drawn(kernel, bias))
    assert x is not None
    assert weight is not None
    expected = gradients(functional.conv2d(x, weight, b, stride, kernel // 2, groups=6), x, weight, b)
    with torch.autocast("cpu", torch.bfloat16):
        out = depthwise(x, weight, b, stride, kernel // 2)
    assert out.dtype == torch.bfloat16
    for one, other in zip(gradients(out, x, weight, b), expected, strict=True):
        assert one.dtype == torch.float32
        assert float((one - other).norm() / other.norm()) < 0.02  # bf16 has 8 bits


def test_only_what_learns_has_a_gradient() -> None:
    x, weight, _ = drawn(3, False)
    weight.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        depthwise(x, weight, None, 1, 1).float().sum().backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None
    assert x.grad is None


def test_speed_up_keeps_weights_and_names() -> None:
    plain = nn.Sequential(
        nn.Conv2d(8, 8, 3, 2, 1, groups=8),
        nn.Conv2d(8, 8, 3, groups=2),
        nn.Conv2d(8, 16, 3, groups=8),
        nn.Conv2d(16, 4, 1),
    )
    before = {name: tensor.clone() for name, tensor in plain.state_dict().items()}
    x = torch.randn(2, 8, 12, 12, generator=torch.Generator().manual_seed(0))
    expected = plain(x)
    speed_up(plain)
    assert [type(one) is DepthwiseConv2d for one in plain] == [True, False, False, False]
    after = plain.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    torch.testing.assert_close(plain(x), expected)
