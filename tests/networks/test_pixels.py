"""The file of decoded pixels: the photos as every reader sees them, found again, and never half there."""

import errno
import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from steps.made import save

from whatsit.errors import DatasetError, WhatsitError
from whatsit.images.decode import load_for_network
from whatsit.images.limits import DEFAULT_LIMITS
from whatsit.images.preprocessing import Preprocessing
from whatsit.training.network import batches as pixels
from whatsit.training.network.batches import ListedPhoto, decoded

pytestmark = pytest.mark.slow

WIDE = Preprocessing((20, 31), "crop")


def sources(folder: Path, n: int = 5) -> list[ListedPhoto]:
    files = [save(folder / f"{seed}.jpg", seed, seed) for seed in range(n)]
    return [ListedPhoto(str(file), hashlib.sha256(file.read_bytes()).hexdigest()) for file in files]


def made(photos: list[ListedPhoto], folder: Path, preprocessing: Preprocessing = WIDE) -> tuple[Path, int]:
    """The file, and how many photos were told of."""
    told: list[int] = []
    file = decoded(photos, preprocessing, folder, limits=DEFAULT_LIMITS, advance=told.append)
    return file, sum(told)


def test_the_same_pixels_as_every_reader_sees(tmp_path: Path) -> None:
    photos = sources(tmp_path)
    file, told = made(photos, tmp_path / "cache")
    got: NDArray[np.uint8] = np.load(file)
    assert told == 5
    assert got.dtype == np.uint8
    assert np.array_equal(got, np.stack([load_for_network(photo.uri, WIDE) for photo in photos]))


def test_a_second_training_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = sources(tmp_path)
    first, _ = made(photos, tmp_path / "cache")
    monkeypatch.setattr(pixels, "load_for_network", None)
    assert made(photos, tmp_path / "cache") == (first, 5)
    monkeypatch.undo()
    others = {
        made(photos[::-1], tmp_path / "cache")[0],
        made(photos[:4], tmp_path / "cache")[0],
        made(photos, tmp_path / "cache", Preprocessing((20, 31), "squash"))[0],
    }
    assert len(others | {first}) == 4


def test_a_cut_file_is_made_anew(tmp_path: Path) -> None:
    photos = sources(tmp_path)
    file, _ = made(photos, tmp_path / "cache")
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    assert made(photos, tmp_path / "cache")[0].read_bytes() == whole


def test_the_oldest_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "MOST_BYTES", 2.5 * (5 * 20 * 31 * 3 + 128))
    sets = [sources(tmp_path / name) for name in "abc"]
    photos = [[*one[1:], one[0]][i:] + one[:i] for i, one in enumerate(sets)]
    a, _ = made(photos[0], tmp_path / "cache")
    b, _ = made(photos[1], tmp_path / "cache")
    os.utime(a, (time.time() - 50, time.time() - 50))
    os.utime(b, (time.time() - 90, time.time() - 90))
    made(sources(tmp_path / "d"), tmp_path / "cache", Preprocessing((2, 2), "squash"))
    assert b.exists(), "it may still be in use"
    monkeypatch.setattr(pixels, "IN_USE", 60)
    c, _ = made(photos[2], tmp_path / "cache")
    assert [one.exists() for one in (a, b, c)] == [True, False, True]


def test_what_a_killed_process_left_goes_in_time(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    old, new = (cache / f".pixels-{name}.npy.{name}" for name in ("old", "new"))
    old.touch()
    new.touch()
    os.utime(old, (time.time() - 2 * pixels.LEFT_OVER,) * 2)
    made(sources(tmp_path), cache)
    assert (old.exists(), new.exists()) == (False, True)


def test_a_changed_photo_is_named(tmp_path: Path) -> None:
    photos = sources(tmp_path)
    save(Path(photos[3].uri), 1, 99)
    with pytest.raises(DatasetError, match=r"3\.jpg: changed, but it was readable a moment ago"):
        made(photos, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_few_photos_wait_to_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = sources(tmp_path, 30)
    monkeypatch.setattr(pixels, "cores", lambda: 2)
    begun: list[ListedPhoto] = []
    monkeypatch.setattr(pixels, "load_for_network", lambda *_: begun.append(photos[0]))
    images = pixels._images(photos, WIDE, DEFAULT_LIMITS)
    next(images)
    time.sleep(0.2)
    assert 1 <= len(begun) <= pixels.AHEAD * 2 + 1
    assert len(list(images)) == 29


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(n: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decoded(sources(tmp_path), WIDE, tmp_path / "cache", limits=DEFAULT_LIMITS, advance=interrupt)
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(WhatsitError, match=r"^cannot write .*pixels-\w+\.npy: No space left on device$"):
        made(sources(tmp_path), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_folder_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"")
    with pytest.raises(WhatsitError, match=r"^cannot write .*cache"):
        made(sources(tmp_path), tmp_path / "cache")


def test_two_at_once(tmp_path: Path) -> None:
    photos = sources(tmp_path, 20)
    with ThreadPoolExecutor(4) as pool:
        files = set(pool.map(lambda _: made(photos, tmp_path / "cache")[0], range(4)))
    (file,) = files
    assert list((tmp_path / "cache").iterdir()) == [file]
    assert np.array_equal(np.load(file)[7], load_for_network(photos[7].uri, WIDE))


def test_each_range_of_values_has_a_file_of_its_own(tmp_path: Path) -> None:
    photos = sources(tmp_path)
    ranges = (None, (0, 4095), (0, 65535))
    files = {made(photos, tmp_path / "cache", replace(WIDE, value_range=one))[0] for one in ranges}
    assert len(files) == len(ranges)
    assert made(photos, tmp_path / "cache")[0] in files
