"""How many processors count, those that this process may use and no more than its container's share; and its memory."""

import ctypes
import os
import resource
import sys
from pathlib import Path

import pytest

from whatsit import machine


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


SIZE, PAGES = 40_000_000, 40_000_000 // 4096


def page_faults(rounds: int) -> int:
    """Of taking, filling and freeing a large block so many times."""
    library = ctypes.CDLL(None)
    library.malloc.restype = ctypes.c_void_p
    library.free.argtypes = [ctypes.c_void_p]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        block = library.malloc(ctypes.c_size_t(SIZE))
        ctypes.memset(block, 1, SIZE)
        library.free(block)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(sys.platform != "linux", reason="it is glibc's memory")
def test_freed_memory_is_used_again_until_the_block_ends() -> None:
    with machine.memory_kept():
        page_faults(1)
        kept = page_faults(5)
    assert kept < PAGES / 2
    assert page_faults(5) > kept


def test_other_systems_keep_their_memory_as_they_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_library(name: str | None) -> ctypes.CDLL:
        raise TypeError("bad argument type")  # as on Windows

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "CDLL", no_such_library)
    with machine.memory_kept():
        machine.keep_memory()
