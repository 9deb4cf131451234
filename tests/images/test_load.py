"""One way into the network, whoever asks; and how far a scaled-down decode is from a full one."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from whatsit.images.decode import load_for_network, load_with_thumbnail, read_image
from whatsit.images.preprocessing import Preprocessing, ResizeMode, Size
from whatsit.images.resize import fit_image

from .samples import difference, encode, held, photo, real_photos

FITS: list[ResizeMode] = ["squash", "crop", "letterbox"]
KINDS = ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "HEIF"]

# The stated tolerance of a scaled-down decode, in levels of 255 on the network's input. Measured on 100 real
# photos each at 28, 56 and 80 px: 1.2 at most on average, 3.4 for the worst photo, 51 for the worst pixel.
MEAN_TOLERANCE, MAX_TOLERANCE = 5, 80


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("resize_mode", FITS)
def test_path_and_bytes_and_both_steps_agree(tmp_path: Path, kind: str, resize_mode: ResizeMode) -> None:
    path, preprocessing = tmp_path / "photo.any", Preprocessing(32, resize_mode)
    path.write_bytes(encode(photo(150, 200), kind))
    pixels = load_for_network(path, preprocessing)
    assert pixels.shape == (32, 32, 3)
    assert np.array_equal(pixels, load_for_network(path.read_bytes(), preprocessing))
    assert np.array_equal(pixels, load_for_network(path.as_uri(), preprocessing))
    assert np.array_equal(pixels, load_with_thumbnail(path, preprocessing).pixels)
    assert np.array_equal(pixels, fit_image(read_image(path, at_least=64), preprocessing))
    in_full = difference(pixels, fit_image(read_image(path), preprocessing))
    assert in_full.max() == 0 or (kind == "JPEG" and in_full.mean() < MEAN_TOLERANCE)


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("resize_mode", FITS)
@pytest.mark.parametrize("size", [(10, 50), (50, 10)])
def test_a_jpeg_has_enough_pixels_for_the_longer_side(
    size: tuple[int, int], resize_mode: ResizeMode, orientation: int
) -> None:
    """Though the camera be held the other way: twice 50 of the shorter side's 240."""
    data = held(Image.fromarray(photo(240, 900)), orientation, "JPEG")
    preprocessing = Preprocessing(size, resize_mode)
    enough = read_image(data, at_least=100)
    assert enough.shape == (120, 450, 3)
    assert np.array_equal(load_for_network(data, preprocessing), fit_image(enough, preprocessing))


@pytest.mark.parametrize("at_least", [1, 37, 74, 75, 76, 149, 150, 151, 299, 300, 301, 5000])
def test_a_scaled_down_jpeg_keeps_the_shorter_side(at_least: int) -> None:
    height, width, _ = read_image(encode(photo(300, 401), "JPEG"), at_least=at_least).shape
    factor = next(factor for factor in (8, 4, 2, 1) if 300 / factor >= at_least or factor == 1)
    assert (height, width) == (math.ceil(300 / factor), math.ceil(401 / factor))


def test_other_formats_are_never_scaled_down() -> None:
    assert read_image(encode(photo(300, 400)), at_least=10).shape == (300, 400, 3)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("size", [37, 75, 150, 224, (20, 150), (150, 20)])
def test_the_tolerance_on_a_drawn_photo(size: Size, progressive: bool) -> None:
    assert_close(encode(photo(600, 800), "JPEG", quality=90, progressive=progressive), size)


def test_the_tolerance_on_real_photos() -> None:
    drawn = encode(photo(448, 500), "JPEG")
    sources: list[bytes | Path] = [drawn, *real_photos(at_least=320, count=12)]
    for source in sources:
        assert_close(source, 80)


def assert_close(source: bytes | Path, size: Size) -> None:
    preprocessing = Preprocessing(size)
    apart = difference(load_for_network(source, preprocessing), fit_image(read_image(source), preprocessing))
    assert apart.mean() <= MEAN_TOLERANCE
    assert apart.max() <= MAX_TOLERANCE


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_the_thumbnail_is_the_whole_image_whatever_the_fit(kind: str) -> None:
    data = encode(photo(200, 600), kind)
    loaded = [load_with_thumbnail(data, Preprocessing(64, resize_mode)) for resize_mode in FITS]
    assert loaded[0].thumbnail.shape == (32, 32)
    assert loaded[0].thumbnail.dtype == np.uint8
    assert all(np.array_equal(one.thumbnail, loaded[0].thumbnail) for one in loaded)
    assert all((one.width, one.height) == (600, 200) for one in loaded)
    squashed = load_for_network(data, Preprocessing(32, "squash"))
    grey = squashed @ np.array([0.299, 0.587, 0.114])  # ITU-R 601-2
    assert np.abs(grey - loaded[0].thumbnail).mean() < 2


def test_the_thumbnail_of_one_pixel() -> None:
    loaded = load_with_thumbnail(encode(np.full((1, 1, 3), 77, np.uint8)), Preprocessing(8))
    assert (loaded.thumbnail == 77).all()


def test_importing_the_room_is_cheap() -> None:
    heavy = "{'pillow_heif', 'fsspec', 'scipy', 'onnxruntime'}"
    code = f"import sys, whatsit.images.decode; print(*{heavy} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""
