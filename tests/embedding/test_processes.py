"""Several processes share one cache folder, and a kill at any moment leaves it usable."""

import signal
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from whatsit.embedding.embedder import Embedder

from .samples import finish, save_drawings, start_python, tiny_extractor

pytestmark = pytest.mark.slow

FILL = """
import sys, time
from pathlib import Path
from embedding.samples import tiny_extractor
from whatsit.embedding.embedder import Embedder

cache, pause, *photos = sys.argv[1:]

def tell(done):
    print(done, flush=True)
    time.sleep(float(pause) if done else 0)

with Embedder(tiny_extractor(), Path(cache)) as embedder:
    embedded = embedder.fill(photos, tell)
    print(len(embedder.vectors(embedded.digests)), len(embedded.errors), flush=True)
"""


def _result(cache: Path, photos: list[str]) -> tuple[int, bytes]:
    """How many vectors had to be computed, and all of them."""
    with Embedder(tiny_extractor(), cache) as embedder:
        embedded = embedder.fill(photos)
        return embedded.computed, embedder.vectors([d for d in embedded.digests if d]).tobytes()


def test_several_at_once_on_a_new_cache(tmp_path: Path) -> None:
    photos = save_drawings(tmp_path / "photos", 60)
    processes = [start_python(FILL, str(tmp_path / "cache"), "0", *photos) for _ in range(3)]
    assert [finish(process).splitlines()[-1] for process in processes] == ["60 0"] * 3
    computed, vectors = _result(tmp_path / "cache", photos)
    assert computed == 0
    assert vectors == _result(tmp_path / "undisturbed", photos)[1]


@pytest.mark.parametrize("pause", ["60", "0.01"])
def test_a_kill_loses_at_most_what_was_not_stored(tmp_path: Path, pause: str) -> None:
    """Killed while it stands still between two transactions, and while it is at full work."""
    photos = save_drawings(tmp_path / "photos", 300)
    process = start_python(FILL, str(tmp_path / "cache"), pause, *photos)
    assert process.stdout is not None
    assert process.stdout.readline() == "0\n"
    stored = int(process.stdout.readline())
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    for path in (tmp_path / "cache").glob("*.sqlite"):
        assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)
    computed, vectors = _result(tmp_path / "cache", photos)
    assert computed <= 300 - stored < 300
    assert vectors == _result(tmp_path / "undisturbed", photos)[1]
    assert np.frombuffer(vectors, np.float32).any()
