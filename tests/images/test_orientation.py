"""A photo lies upright whatever way the camera was held."""

import numpy as np
import pytest
from PIL import Image

from whatsit.images.decode import load_with_thumbnail, read_image, read_size
from whatsit.images.preprocessing import Preprocessing

from .samples import STORED, difference, encode, held, photo

PHOTO = photo(96, 160)


def photo_held(orientation: int, kind: str) -> bytes:
    lossless = {"lossless": True} if kind == "WEBP" else {}
    return held(Image.fromarray(PHOTO), orientation, kind, **lossless)


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_lossless_formats_come_out_the_same(kind: str, orientation: int) -> None:
    data = photo_held(orientation, kind)
    loaded, expected = (load_with_thumbnail(d, Preprocessing(size=32)) for d in (data, encode(PHOTO)))
    assert np.array_equal(read_image(data), PHOTO)
    assert np.array_equal(loaded.pixels, expected.pixels)
    assert np.array_equal(loaded.thumbnail, expected.thumbnail)
    assert (loaded.width, loaded.height) == (160, 96)


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", ["JPEG", "AVIF"])
def test_lossy_formats_come_out_nearly_the_same(kind: str, orientation: int) -> None:
    loaded = load_with_thumbnail(photo_held(orientation, kind), Preprocessing(size=40))  # the JPEG scaled down by 1
    expected = load_with_thumbnail(encode(PHOTO), Preprocessing(size=40))
    assert difference(loaded.pixels, expected.pixels).mean() < 3
    assert (loaded.width, loaded.height) == (160, 96)


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "JPEG", "AVIF"])
def test_the_header_tells_the_upright_size(kind: str, orientation: int) -> None:
    assert read_size(photo_held(orientation, kind)) == (160, 96)


@pytest.mark.parametrize("orientation", STORED)
def test_a_scaled_down_jpeg_tells_the_size_of_the_original(orientation: int) -> None:
    loaded = load_with_thumbnail(photo_held(orientation, "JPEG"), Preprocessing(size=12))  # scaled down by 4
    expected = load_with_thumbnail(encode(PHOTO), Preprocessing(size=12))
    assert difference(loaded.pixels, expected.pixels).mean() < 4
    assert (loaded.width, loaded.height) == (160, 96)


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\x00\x00",
        b"Exif\x00\x00garbage",
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff\x12\x01",  # 65535 entries announced, none there
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x02\x00\x04\x00\x00\x00abc\x00",  # a text
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x63\x00\x00\x00",  # 99
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_damaged_exif_block_costs_nothing_but_the_orientation(kind: str, exif: bytes) -> None:
    plain, damaged = encode(PHOTO, kind), encode(PHOTO, kind, exif=exif)
    assert np.array_equal(read_image(damaged), read_image(plain))


@pytest.mark.parametrize("orientation", STORED)
def test_heic_is_turned_once(orientation: int) -> None:
    """libheif turns the pixels itself; the EXIF block must not turn them again."""
    assert difference(read_image(photo_held(orientation, "HEIF")), PHOTO).mean() < 9
