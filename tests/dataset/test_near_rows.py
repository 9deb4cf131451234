"""Rows that are many lie in a temporary file, and the search through them gives the same."""

import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from whatsit.data.near import neighbours, rows, search
from whatsit.data.near.rows import Table, some_rows
from whatsit.data.near.search import Reduced, near_duplicates
from whatsit.errors import DatasetError


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "IN_MEMORY", 0)
    monkeypatch.setattr(rows, "TOUCHED", 100_000)  # so that pages are handed back, too


def table(values: np.ndarray) -> Table:
    made = Table(len(values), values.shape[1:], values.dtype)
    for start in range(0, len(values), 100):
        made.add(values[start : start + 100])
    return made


@pytest.mark.usefixtures("on_disk")
def test_rows_in_a_file_are_what_was_added() -> None:
    values = np.random.default_rng(0).normal(size=(1234, 3, 7)).astype(np.float32)
    made = table(values)
    assert made.shape == values.shape
    for index in (slice(None), slice(5, 700), np.array([3, 1233, 3]), np.array([[1, 2], [0, 9]])):
        assert np.array_equal(made[index], values[index])
    made = Table(2, (3, 7), np.float32)
    assert made[:].shape == (0, 3, 7)
    made.add(values[:1])
    assert np.array_equal(made[:], values[:1])
    made.add(values[1:2])  # after a look at what was there
    assert np.array_equal(some_rows(made, np.array([1]))[:], values[1:2])


def photos(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n)
    thumbnails = rng.integers(0, 256, (n, 32, 32), dtype=np.uint8)
    vectors = rng.normal(size=(n, 16)).astype(np.float32)
    for copy, original in ((n - 1, 0), (n - 9, n // 2), (7, 8)):
        thumbnails[copy], vectors[copy] = thumbnails[original], vectors[original]
    thumbnails[n // 3] = 128  # flat, so that it takes no part
    return vectors, thumbnails


@pytest.mark.usefixtures("on_disk")
def test_the_search_through_files_finds_the_same() -> None:
    vectors, thumbnails = photos(3000)
    assert near_duplicates(table(vectors), table(thumbnails)) == [(0, 2999), (7, 8), (1500, 2991)]
    assert near_duplicates(vectors, thumbnails) == [(0, 2999), (7, 8), (1500, 2991)]


@pytest.mark.slow
@pytest.mark.usefixtures("on_disk")
def test_more_photos_take_next_to_no_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before, 1.5 kB and more for each."""
    monkeypatch.setattr(neighbours, "TILE", 512 * 512)  # so that both are many tiles
    monkeypatch.setattr(search, "cores", lambda: 1)  # how many blocks several threads hold at once is chance
    peaks = []
    for n in (2_000, 5_000):
        vectors, thumbnails = (table(values) for values in photos(n))
        tracemalloc.start()
        assert len(near_duplicates(vectors, thumbnails)) == 3
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 3_000 * 40  # (15)


@pytest.mark.usefixtures("on_disk")
def test_reduced_vectors_of_many_photos() -> None:
    values = np.random.default_rng(1).normal(size=(1100, 200)).astype(np.float32)
    kept = Reduced(1100, 200)
    for row in values:
        kept.add(row)
    assert np.allclose(kept.rows()[:], kept.reduced(values), atol=1e-4)


@pytest.mark.usefixtures("on_disk")
def test_a_folder_for_temporary_files_that_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(DatasetError, match=r"gone: no room for .* Free some space, or set TMPDIR"):
        Table(10, (32, 32), np.uint8)
