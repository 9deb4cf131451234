"""How many processors count: those that this process may use, and no more than its container's share."""

import os
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
