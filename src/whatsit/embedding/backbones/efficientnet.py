"""EfficientNet-Lite as a list of convolutions, read from an old-style PyTorch file without PyTorch.

Such a file (before the zip format of 1.6) is a row of pickles followed by the raw storages. A pickle can run code, so
this one is read by an unpickler that knows four names (`OrderedDict`, the tensor rebuilder, two storage types) and
refuses every other by name.

Architecture: Tan & Le 2019 (EfficientNet), in the "Lite" variant of Google's TPU repository: no squeeze-and-excite,
ReLU6 in place of swish, stem and head not widened. The shapes stand in the weights; strides and residuals stand here.
Batch norms are folded into the convolutions. The module knows nothing of ONNX.
"""

import os
import pickle
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from whatsit.errors import BackboneError

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001


class _FloatStorage:
    dtype = np.dtype("<f4")


class _LongStorage:
    dtype = np.dtype("<i8")


@dataclass(frozen=True)
class _Tensor:
    """A view into a storage that is not read yet; offsets and strides count elements, not bytes."""

    key: str
    dtype: np.dtype[Any]
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def view(self, storages: dict[str, NDArray[Any]]) -> NDArray[Any]:
        storage = storages[self.key]
        reach = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))
        if min(self.offset, *self.strides, *self.shape, 0) < 0 or reach >= storage.size:
            raise BackboneError(f"tensor of shape {self.shape} reaches outside its storage of {storage.size}")
        steps = [s * storage.itemsize for s in self.strides]
        return np.ascontiguousarray(as_strided(storage[self.offset :], self.shape, steps, writeable=False))


def _rebuild_tensor(storage: tuple[Any, ...], offset: int, shape: Any, strides: Any, *_: Any) -> _Tensor:
    kind, key = storage[1:3]
    return _Tensor(key, kind.dtype, offset, tuple(shape), tuple(strides))


_ADMITTED = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch", "FloatStorage"): _FloatStorage,
    ("torch", "LongStorage"): _LongStorage,
}


class _SafeUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ADMITTED[module, name]
        except KeyError:
            refusal = f"refused to load {module}.{name}: weights hold tensors, nothing else"
            raise BackboneError(refusal) from None

    def persistent_load(self, pid: Any) -> Any:
        return pid


def _read_storage(file: BinaryIO, dtype: np.dtype[Any]) -> NDArray[Any]:
    expected = int.from_bytes(file.read(8), "little") * dtype.itemsize
    left = os.fstat(file.fileno()).st_size - file.tell()
    if left < expected:  # before reading: a damaged count may stand for more than any memory
        raise BackboneError(f"truncated storage: got {left} bytes, expected {expected}")
    return np.frombuffer(file.read(expected), dtype)


def read_state_dict(path: Path) -> dict[str, NDArray[Any]]:
    """Name → array for every tensor of the file.

    Raises BackboneError where the file is missing, truncated, of another format, or names anything but
    tensors.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except BackboneError as error:
        raise BackboneError(f"{path}: {error}") from None
    except Exception as error:  # a damaged pickle makes Python raise nearly any type: this is the one gate
        raise BackboneError(f"{path}: cannot be read as PyTorch weights ({error})") from error


def _read(file: BinaryIO) -> dict[str, NDArray[Any]]:
    magic, protocol, _sizes = (_SafeUnpickler(file).load() for _ in range(3))
    if (magic, protocol) != (MAGIC, PROTOCOL):
        raise BackboneError(f"not an old-style PyTorch file (got magic {magic!r}, protocol {protocol!r})")
    tensors: dict[str, _Tensor] = _SafeUnpickler(file).load()
    dtypes = {tensor.key: tensor.dtype for tensor in tensors.values()}
    storages = {key: _read_storage(file, dtypes[key]) for key in _SafeUnpickler(file).load()}
    return {name: tensor.view(storages) for name, tensor in tensors.items()}


BATCH_NORM_EPSILON = 1e-3
FIRST_BLOCK_STRIDES = (1, 2, 2, 2, 1, 2, 1)  # of the seven stages; later blocks of a stage have stride 1
TAPPED_STAGE = 4  # counted from 0; the last depthwise convolution of the fifth, at twice the final resolution
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Conv:
    """A convolution with "same" padding, then ReLU6 if `relu6`, then the residual sum if `adds` names one."""

    name: str
    weight: Array  # (out, in / groups, kernel, kernel)
    bias: Array  # (out,)
    stride: int
    groups: int
    relu6: bool
    mean: Array  # (out,) of the output before ReLU6 on ImageNet, as its batch norm has learned it
    std: Array  # (out,) likewise
    adds: str | None = None  # the block whose output is added to this one's
    tapped: bool = False  # whether the means of its channels are part of the embedding


def _fold(state: Mapping[str, Array], conv: str, norm: str, **rest: Any) -> Conv:
    """y = γ (w·x − μ) / √(σ² + ε) + β, as one convolution (Jacob et al. 2018, section 3.2)."""
    gamma, beta = state[f"{norm}.weight"], state[f"{norm}.bias"]
    scale = gamma / np.sqrt(state[f"{norm}.running_var"] + BATCH_NORM_EPSILON)
    weight = state[f"{conv}.weight"] * scale[:, None, None, None]
    bias = beta - state[f"{norm}.running_mean"] * scale
    return Conv(conv, weight, bias, mean=beta, std=np.abs(gamma), **rest)


def _starts_stage(block: int, outs: list[int], kernels: list[int]) -> bool:
    return block == 0 or (outs[block], kernels[block]) != (outs[block - 1], kernels[block - 1])


def _strides(state: Mapping[str, Array]) -> list[int]:
    """The stride of each block, from where a stage (a run of blocks of equal width and kernel) begins."""
    count = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("_blocks."))
    outs = [state[f"_blocks.{i}._project_conv.weight"].shape[0] for i in range(count)]
    kernels = [state[f"_blocks.{i}._depthwise_conv.weight"].shape[-1] for i in range(count)]
    starts = [_starts_stage(i, outs, kernels) for i in range(count)]
    if sum(starts) != len(FIRST_BLOCK_STRIDES):
        expected = len(FIRST_BLOCK_STRIDES)
        raise BackboneError(f"not an EfficientNet-Lite: {sum(starts)} stages, expected {expected}")
    of_stage = iter(FIRST_BLOCK_STRIDES)
    return [next(of_stage) if start else 1 for start in starts]


def _tapped_block(state: Mapping[str, Array], strides: list[int]) -> int:
    """The last block of the stage whose features join the embedding.

    ImageNet's last features forget what its classes did not need; earlier ones carry more of other textures.
    Of all blocks tried, this one cut the log loss most on six data sets for its size (docs/log.md).
    """
    outs = [state[f"_blocks.{i}._project_conv.weight"].shape[0] for i in range(len(strides))]
    kernels = [state[f"_blocks.{i}._depthwise_conv.weight"].shape[-1] for i in range(len(strides))]
    starts = [i for i in range(len(strides)) if _starts_stage(i, outs, kernels)]
    return starts[TAPPED_STAGE + 1] - 1


def _block(state: Mapping[str, Array], index: int, stride: int, before: str) -> Iterator[Conv]:
    """A mobile inverted bottleneck (Sandler et al. 2018): widen, depthwise, project, add if shapes allow."""
    at = f"_blocks.{index}"
    if f"{at}._expand_conv.weight" in state:
        yield _fold(state, f"{at}._expand_conv", f"{at}._bn0", stride=1, groups=1, relu6=True)
    depthwise = state[f"{at}._depthwise_conv.weight"]
    yield _fold(state, f"{at}._depthwise_conv", f"{at}._bn1", stride=stride, groups=depthwise.shape[0], relu6=True)
    residual = f"{at}._expand_conv.weight" in state and stride == 1
    entering = state[f"{at}._expand_conv.weight"].shape[1] if residual else -1
    leaving = state[f"{at}._project_conv.weight"].shape[0]
    adds = before if entering == leaving else None
    yield _fold(state, f"{at}._project_conv", f"{at}._bn2", stride=1, groups=1, relu6=False, adds=adds)


def convolutions(state: Mapping[str, Array]) -> list[Conv]:
    """The network up to its last feature map, in the order of computation.

    Raises BackboneError where a tensor is missing or the stages are not EfficientNet-Lite's.
    """
    try:
        convs = [_fold(state, "_conv_stem", "_bn0", stride=2, groups=1, relu6=True)]
        strides = _strides(state)
        tapped = _tapped_block(state, strides)
        for index, stride in enumerate(strides):
            block = list(_block(state, index, stride, before=convs[-1].name))
            if index == tapped:
                block[-2] = replace(block[-2], tapped=True)
            convs += block
        convs.append(_fold(state, "_conv_head", "_bn1", stride=1, groups=1, relu6=True, tapped=True))
    except (KeyError, ValueError) as error:
        raise BackboneError(f"not the weights of an EfficientNet-Lite: {error} is missing") from error
    return convs
