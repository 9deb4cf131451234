"""However often its model changes, a server holds one: memory stays where it was."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from whatsit.training.run import Trained

from .running import Running, free_port, serving

pytestmark = pytest.mark.slow

SWAPS = 40  # a model that stays is some 13 MB; benchmarks/swaps.py does 200
AT_MOST = 1.2  # times the memory before the first swap


def resident(server: Running) -> int:
    """Bytes of memory that it holds now."""
    status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii", errors="replace")
    found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read as Linux tells it")
def test_swaps_leave_memory_as_it_was(model: Trained, asked: list[bytes], tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(model.folder, folder)
    port = free_port()
    with serving(folder, "--quiet", "--admin-port", str(port)) as server:
        admin = Running(server.process, port)
        for photo in asked[:8]:
            assert server.ask("POST", "/predict", photo).status == 200
        before = resident(server)
        for swap in range(1, SWAPS + 1):
            os.utime(folder / "model.json")
            state = json.loads(admin.ask("POST", "/reload").body)
            assert [one["versions"] for one in state.values()] == [[swap + 1]]
            assert server.ask("POST", "/predict", asked[swap % len(asked)]).status == 200
        assert resident(server) <= AT_MOST * before
