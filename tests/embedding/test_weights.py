"""Old-style PyTorch files are read without PyTorch; nothing that they name is ever run."""

import io
import os
import pickle
import sys
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from whatsit.embedding.backbones.efficientnet import MAGIC, PROTOCOL, read_state_dict
from whatsit.errors import BackboneError


def _rebuild_tensor_v2(*_: Any) -> None: ...


class FloatStorage: ...


class LongStorage: ...


class HalfStorage: ...


for _each in (FloatStorage, LongStorage, HalfStorage):
    _each.__module__ = "torch"
_rebuild_tensor_v2.__module__ = "torch._utils"


class _Storage:
    """What stands in a tensor's pickle in place of its numbers."""

    def __init__(self, kind: type, key: str, size: int) -> None:
        self.pid = ("storage", kind, key, "cpu", size, None)


class _Tensor:
    def __init__(self, storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
        self.parts: tuple[Any, ...] = (storage, offset, shape, strides, False, OrderedDict())

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_tensor_v2, self.parts


class _Pickler(pickle.Pickler):
    def persistent_id(self, value: Any) -> Any:
        return value.pid if isinstance(value, _Storage) else None


@pytest.fixture(autouse=True)
def fake_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pickle writes a name only where it can be imported."""
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")
    for kind in (FloatStorage, LongStorage, HalfStorage):
        setattr(torch, kind.__name__, kind)
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)


def _file(
    tensors: dict[str, _Tensor],
    storages: dict[str, NDArray[Any]],
    magic: int = MAGIC,
    protocol: int = PROTOCOL,
) -> bytes:
    """As `torch.save` wrote it up to 1.5."""
    file = io.BytesIO()
    for head in (magic, protocol, {"little_endian": True}):
        pickle.dump(head, file, protocol=2)
    _Pickler(file, protocol=2).dump(OrderedDict(tensors))
    pickle.dump(list(storages), file, protocol=2)
    for numbers in storages.values():
        file.write(numbers.size.to_bytes(8, "little") + numbers.tobytes())
    return file.getvalue()


def _two_tensors() -> bytes:
    floats, count = np.arange(12, dtype=np.float32), np.array([7], np.int64)
    storage = _Storage(FloatStorage, "1", 12)
    return _file(
        {
            "conv.weight": _Tensor(storage, 0, (2, 3), (3, 1)),
            "turned": _Tensor(storage, 6, (3, 2), (1, 3)),
            "seen": _Tensor(_Storage(LongStorage, "2", 1), 0, (), ()),
        },
        {"1": floats, "2": count},
    )


def _read(folder: Path, data: bytes) -> dict[str, NDArray[Any]]:
    path = folder / "weights.pth"
    path.write_bytes(data)
    return read_state_dict(path)


def test_names_shapes_and_numbers(tmp_path: Path) -> None:
    state = _read(tmp_path, _two_tensors())
    assert list(state) == ["conv.weight", "turned", "seen"]
    assert state["conv.weight"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert state["conv.weight"].dtype == np.float32
    assert state["turned"].tolist() == [[6, 9], [7, 10], [8, 11]]
    assert state["seen"] == 7


class _Harm:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


def test_a_call_in_the_pickle_is_refused_by_name_and_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "harm"
    harmful: dict[str, Any] = {"w": _Harm(mark)}
    with pytest.raises(BackboneError, match=r"weights.pth: refused to load (posix|nt)\.system: weights hold"):
        _read(tmp_path, _file(harmful, {}))
    assert not mark.exists()


def test_a_storage_of_another_kind_is_refused_by_name(tmp_path: Path) -> None:
    half = _Tensor(_Storage(HalfStorage, "1", 2), 0, (2,), (1,))
    with pytest.raises(BackboneError, match=r"refused to load torch\.HalfStorage"):
        _read(tmp_path, _file({"w": half}, {"1": np.zeros(2, np.float16)}))


@pytest.mark.parametrize(("offset", "shape", "strides"), [(9, (2, 2), (2, 1)), (0, (2,), (-1,)), (-1, (2,), (1,))])
def test_a_tensor_outside_its_storage_is_refused(
    tmp_path: Path, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    tensor = _Tensor(_Storage(FloatStorage, "1", 12), offset, shape, strides)
    with pytest.raises(BackboneError, match="reaches outside its storage of 12"):
        _read(tmp_path, _file({"w": tensor}, {"1": np.zeros(12, np.float32)}))


def test_another_magic_or_protocol(tmp_path: Path) -> None:
    for wrong in ({"magic": 1}, {"protocol": 1002}):
        with pytest.raises(BackboneError, match="not an old-style PyTorch file"):
            _read(tmp_path, _file({}, {}, **wrong))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=r"gone.pth: cannot be read as PyTorch weights"):
        read_state_dict(tmp_path / "gone.pth")


def test_cut_off_anywhere(tmp_path: Path) -> None:
    data = _two_tensors()
    for end in range(len(data)):
        with pytest.raises(BackboneError, match=r"weights\.pth: "):
            _read(tmp_path, data[:end])


def test_a_storage_that_claims_more_than_the_file_holds(tmp_path: Path) -> None:
    tensor = _Tensor(_Storage(FloatStorage, "1", 1), 0, (1,), (1,))
    data = _file({"w": tensor}, {"1": np.zeros(1, np.float32)})
    with pytest.raises(BackboneError, match="truncated storage: got 4 bytes"):
        _read(tmp_path, data[:-12] + b"\xff" * 8 + data[-4:])


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10_000), bits=st.integers(1, 255))
def test_any_damaged_byte_is_an_error_of_ours_or_harmless(tmp_path: Path, place: int, bits: int) -> None:
    data = bytearray(_two_tensors())
    data[place % len(data)] ^= bits
    try:
        state = _read(tmp_path, bytes(data))
    except BackboneError:
        return
    assert all(isinstance(array, np.ndarray) for array in state.values())
