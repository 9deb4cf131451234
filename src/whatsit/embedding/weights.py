"""Reads the tensors of an old-style PyTorch file (before the zip format of 1.6) without PyTorch.

Such a file is a row of pickles followed by the raw storages. A pickle can run code, so this one is read by an
unpickler that knows four names (`OrderedDict`, the tensor rebuilder, two storage types) and refuses every
other by name. It knows nothing of networks: names and arrays are all that comes out.
"""

import os
import pickle
from collections import OrderedDict
from dataclasses import dataclass
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
