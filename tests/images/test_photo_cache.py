"""Within a run a photo is read and decoded once, to the same pixels, where there is room and it was not changed."""

import errno
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawn import drawn_photo
from PIL import Image, ImageFile

from whatsit.errors import ImageError
from whatsit.images.colour import UNKNOWN
from whatsit.images.decode import load_noted, load_with_thumbnail, read_image, read_size
from whatsit.images.limits import DEFAULT_LIMITS
from whatsit.images.photo_cache import PhotoBytes, PhotoCache, current_cache, draft_scale, photo_cache
from whatsit.images.preprocessing import Preprocessing
from whatsit.images.source import read_bytes, taken_at

SMALL, LARGE = Preprocessing(32), Preprocessing(96, "crop")


@pytest.fixture
def photo(tmp_path: Path) -> str:
    """256 x 192 pixels, held upright, with a time."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    Image.fromarray(drawn_photo("leaves", 1)).save(tmp_path / "photo.jpg", exif=exif)
    return str(tmp_path / "photo.jpg")


@pytest.fixture
def decodes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The size of each image that Pillow decodes."""
    sizes, load = [], ImageFile.ImageFile.load

    def counted(image: ImageFile.ImageFile) -> object:
        if image.tile and image.fp:
            sizes.append(image.size)
        return load(image)

    monkeypatch.setattr(ImageFile.ImageFile, "load", counted)
    return sizes


def test_all_ways_to_ask_give_what_they_give_without_a_cache(photo: str, tmp_path: Path) -> None:
    def ask() -> list[bytes]:
        loaded = [
            load_with_thumbnail(read_bytes(photo), one) for one in (SMALL, LARGE, replace(SMALL, resize_mode="crop"))
        ]
        arrays = [part for one in loaded for part in (one.pixels, one.thumbnail)] + [read_image(photo, at_least=50)]
        return [array.tobytes() for array in arrays] + [f"{read_size(photo)} {taken_at(photo)}".encode()]

    expected = ask()
    with photo_cache(tmp_path):
        assert ask() == ask() == expected


def test_one_decode_serves_all_that_want_its_scale(photo: str, tmp_path: Path, decodes: list[tuple[int, int]]) -> None:
    with photo_cache(tmp_path / "not there yet"):
        for preprocessing in (LARGE, SMALL, replace(LARGE, resize_mode="squash"), SMALL):
            load_with_thumbnail(read_bytes(photo), preprocessing)
    assert decodes == [(256, 192), (128, 96)]
    assert list((tmp_path / "not there yet").iterdir()) == []


def test_the_scale_is_that_of_pillow() -> None:
    image = io.BytesIO()
    Image.new("RGB", (200, 100)).save(image, "JPEG")
    for at_least in (*range(1, 120), None):
        with Image.open(image) as opened:
            opened.draft(None, at_least and (at_least, at_least))
            assert opened.size[0] == -(-200 // draft_scale((200, 100), at_least))


def test_a_file_that_was_changed_or_has_gone_is_not_the_one_that_was_read(photo: str, tmp_path: Path) -> None:
    with photo_cache(tmp_path):
        first = read_bytes(photo)
        Path(photo).write_bytes(first + b"more")
        assert read_bytes(photo) == first + b"more"
        Path(photo).unlink()
        with pytest.raises(ImageError, match="no such file"):
            read_bytes(photo)


def test_the_same_limits_hold_for_what_is_kept(photo: str, tmp_path: Path) -> None:
    with photo_cache(tmp_path):
        data = read_bytes(photo)
        read_image(data)
        with pytest.raises(ImageError, match="too large"):
            read_bytes(photo, replace(DEFAULT_LIMITS, max_bytes=len(data) - 1))
        with pytest.raises(ImageError, match="too many pixels"):
            read_image(data, limits=replace(DEFAULT_LIMITS, max_pixels=1000))


def test_a_damaged_photo_keeps_its_message(photo: str, tmp_path: Path) -> None:
    Path(photo).write_bytes(Path(photo).read_bytes()[:3000])
    with photo_cache(tmp_path):
        for _ in range(2):
            with pytest.raises(ImageError, match="truncated JPEG"):
                read_image(photo)


def test_where_there_is_no_room_photos_are_decoded_again(
    photo: str, tmp_path: Path, decodes: list[tuple[int, int]]
) -> None:
    with photo_cache(tmp_path, most_bytes=Path(photo).stat().st_size + 10):
        assert np.array_equal(read_image(photo), read_image(photo))
        assert Path(photo).read_bytes() == read_bytes(photo)
    assert len(decodes) == 2


def test_a_sealed_cache_gives_what_it_has(photo: str, tmp_path: Path, decodes: list[tuple[int, int]]) -> None:
    with photo_cache(tmp_path) as cache:
        read_bytes(photo)
        cache.seal()
        path = Path(photo).rename(tmp_path / "other.jpg")
        read_image(str(path))
        assert read_image(str(path)).shape == (256, 192, 3)
    assert len(decodes) == 2


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(photo: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    expected = read_image(photo)
    with photo_cache(tmp_path / "file"):
        assert np.array_equal(read_image(photo), expected)
        assert np.array_equal(read_image(photo), expected)


class Disk(io.BytesIO):
    """Of which nothing can be read or written any more, once it is `failed`."""

    failed = False

    def seek(self, offset: int, whence: int = 0, /) -> int:
        if self.failed:
            raise OSError(errno.EIO, "Input/output error")
        return super().seek(offset, whence)


def test_a_disk_that_fails_costs_nothing_but_time(photo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, disk = read_image(photo), Disk()
    monkeypatch.setattr("tempfile.TemporaryFile", lambda dir: disk)
    with photo_cache(tmp_path):
        for _ in range(2):
            assert np.array_equal(read_image(photo), expected)
            disk.failed = True
        assert np.array_equal(read_image(photo, at_least=50), read_image(photo, at_least=50))


def test_deep_photos_are_decoded_by_each_range(tmp_path: Path, decodes: list[tuple[int, int]]) -> None:
    path = str(tmp_path / "deep.png")
    Image.fromarray(np.linspace(0, 4000, 64 * 64).reshape(64, 64).astype(np.uint16)).save(path)
    with photo_cache(tmp_path):
        data = read_bytes(path)
        for _ in range(2):
            dark, bright = (read_image(data, value_range=one) for one in ((0.0, 65535.0), (0.0, 4000.0)))
        noted = [load_noted(read_bytes(path), SMALL)[1] for _ in range(2)]
    assert dark.max() < 20
    assert bright.max() == 255
    assert noted == [UNKNOWN, UNKNOWN]
    assert len(decodes) == 3


def test_blocks_share_a_cache_and_nothing_is_kept_outside(photo: str, tmp_path: Path) -> None:
    assert current_cache() is None
    with photo_cache(tmp_path) as outer:
        with photo_cache(tmp_path) as inner:
            assert inner is outer
        assert isinstance(read_bytes(photo), PhotoBytes)
    assert current_cache() is None
    assert type(read_bytes(photo)) is bytes


def test_a_forked_process_leaves_the_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with photo_cache(tmp_path):
        monkeypatch.setattr("os.getpid", lambda: -1)
        assert current_cache() is None
        monkeypatch.undo()
        assert isinstance(current_cache(), PhotoCache)
