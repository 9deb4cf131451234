"""Batches: each photo once an epoch, in an order that the seed and the epoch alone decide, shared out fairly."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatsit.training.network.batches import Batches

pytestmark = pytest.mark.slow

ALL = 70  # photos in the file


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo's number is its first pixel."""
    pixels = np.zeros((ALL, 4, 6, 3), np.uint8)
    pixels[:, 0, 0, 0] = np.arange(ALL)
    path = tmp_path_factory.mktemp("pixels") / "pixels.npy"
    np.save(path, pixels)
    return path


def made(
    file: Path, n: int, size: int, shuffled: bool, *, world: int = 1, seed: int = 0, epoch: int = 0
) -> list[Batches]:
    """Of the last n photos, one for each process; a label is ten times the photo's number."""
    rows = np.arange(ALL - n, ALL)
    return [Batches(file, rows, rows * 10, size, shuffled, seed, rank, world, epoch) for rank in range(world)]


def seen(batches: Batches) -> list[list[int]]:
    out = []
    for batch in batches:
        assert batch.pixels.shape[1:] == (3, 4, 6)
        numbers = batch.pixels[:, 0, 0, 0].tolist()
        assert batch.labels.tolist() == [10 * number for number in numbers]
        out.append(numbers)
    assert len(out) == len(batches)
    return out


def flat(*shares: list[list[int]]) -> list[int]:
    return [number for share in shares for batch in share for number in batch]


shapes = {"n": st.integers(1, ALL), "size": st.integers(1, 40), "epoch": st.integers(0, 5), "world": st.integers(1, 4)}


@given(**shapes)
def test_valid_photos_come_once_in_order(file: Path, n: int, size: int, epoch: int, world: int) -> None:
    shares = [seen(one) for one in made(file, n, size, shuffled=False, world=world, epoch=epoch)]
    assert len({len(share) for share in shares}) == 1
    assert sorted(flat(*shares)) == list(range(ALL - n, ALL))
    if world == 1:
        assert flat(*shares) == list(range(ALL - n, ALL))


@given(**shapes)
def test_photos_to_learn_from_come_at_most_once(file: Path, n: int, size: int, epoch: int, world: int) -> None:
    """No process has more batches than another, or an empty one, where a batch can be shared out at all."""
    shares = [seen(one) for one in made(file, n, size, shuffled=True, world=world, epoch=epoch)]
    everyone = flat(*shares)
    assert len(set(everyone)) == len(everyone)
    assert set(everyone) <= set(range(ALL - n, ALL))
    assert n - len(everyone) < max(size // 2, world)
    assert len({len(share) for share in shares}) == 1
    if min(n, size) >= world:
        assert all(batch for share in shares for batch in share)


@given(n=st.integers(20, ALL), seed=st.integers(0, 3), epoch=st.integers(0, 3))
def test_the_order_hangs_on_seed_and_epoch(file: Path, n: int, seed: int, epoch: int) -> None:
    (one,), (same,) = (made(file, n, 8, True, seed=seed, epoch=epoch) for _ in range(2))
    assert seen(one) == seen(same)
    assert [b.draw for b in one] == [b.draw for b in same]
    for other in (
        made(file, n, 8, True, seed=seed + 1, epoch=epoch),
        made(file, n, 8, True, seed=seed, epoch=epoch + 1),
    ):
        assert seen(other[0]) != seen(one)
        assert not {b.draw for b in other[0]} & {b.draw for b in one}


def test_processes_draw_differently(file: Path) -> None:
    first, second = made(file, 40, 8, True, world=2)
    assert not {b.draw for b in first} & {b.draw for b in second}


def test_a_small_rest_waits_for_another_epoch(file: Path) -> None:
    assert [len(batch) for batch in seen(made(file, 67, 32, True)[0])] == [32, 32]
    assert [len(batch) for batch in seen(made(file, 50, 32, True)[0])] == [32, 18]
    assert [len(batch) for batch in seen(made(file, 67, 32, False)[0])] == [32, 32, 3]


def test_one_photo(file: Path) -> None:
    for shuffled in (True, False):
        assert seen(made(file, 1, 32, shuffled)[0]) == [[ALL - 1]]


def test_the_file_may_go_once_it_is_mapped(file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "pixels.npy"
    copy.write_bytes(file.read_bytes())
    (batches,) = made(copy, 40, 8, True)
    before = seen(batches)
    copy.unlink()
    assert seen(batches) == before
    assert seen(replace(batches, epoch=0)) == before


def test_another_process_is_handed_no_pixels(file: Path) -> None:
    (batches,) = made(file, 40, 8, True)
    expected = seen(batches)
    data = pickle.dumps(batches)
    assert len(data) < 2500
    assert seen(pickle.loads(data)) == expected
