"""How many processors count, those that this process may use and no more than its container's share; and its memory."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from whatsit import machine
from whatsit.errors import OutOfMemoryError


@pytest.mark.parametrize(
    ("said", "share"),
    [("100000 100000", 1), ("150000 100000", 2), ("50000 100000", 1), ("max 100000", None), ("", None), ("x y", None)],
)
def test_a_containers_share(said: str, share: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(64)), raising=False)
    monkeypatch.setattr(machine, "QUOTA", tmp_path / "cpu.max")
    assert machine.cores() == 64
    (tmp_path / "cpu.max").write_text(f"{said}\n", encoding="ascii")
    assert machine.cores() == (share or 64)


MEMORY = """
import ctypes, mmap, pathlib
from whatsit import machine

SIZE = 40_000_000
library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
library.free.argtypes = [ctypes.c_void_p]

def resident():
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE

def taken_and_freed():
    block = library.malloc(ctypes.c_size_t(SIZE))
    ctypes.memset(block, 1, SIZE)
    library.free(block)
    return (resident() - before) / SIZE

before = resident()
with machine.memory_kept():
    print(taken_and_freed(), taken_and_freed())
print((resident() - before) / SIZE, taken_and_freed())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it is glibc's memory")
def test_freed_memory_stays_until_the_block_ends() -> None:
    said = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True).stdout
    first, again, after, then = map(float, said.split())
    assert first > 0.8
    assert 0.8 < again < 1.5
    assert after < 0.2
    assert then < 0.2


def test_other_systems_keep_their_memory_as_they_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_library(name: str | None) -> ctypes.CDLL:
        raise TypeError("bad argument type")  # as on Windows

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "CDLL", no_such_library)
    with machine.memory_kept():
        machine.keep_memory()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"),
        type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory. Tried to allocate 2.00 GiB"),
    ],
)
def test_too_little_memory_is_one_line(error: Exception) -> None:
    with pytest.raises(OutOfMemoryError, match="smaller --batch-size"), machine.enough_memory():
        raise error


def test_other_errors_stay_as_they_are() -> None:
    with pytest.raises(RuntimeError, match="shape"), machine.enough_memory():
        raise RuntimeError("shape '[3]' is invalid")
