"""Every mode becomes the RGB that a viewer shows."""

import struct

import numpy as np
import pytest
from PIL import Image

from whatsit.images.decode import read_image

from .samples import difference, encode, photo, png

PHOTO = photo()
GREY = PHOTO[..., 0]


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
def test_lossless_formats_give_the_very_pixels(kind: str) -> None:
    pixels = read_image(encode(PHOTO, kind, **({"lossless": True} if kind == "WEBP" else {})))
    assert np.array_equal(pixels, PHOTO)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF", "HEIF", "GIF", "MPO"])
def test_lossy_formats_come_close(kind: str) -> None:
    assert difference(read_image(encode(PHOTO, kind)), PHOTO).mean() < 9


@pytest.mark.parametrize("options", [{"progressive": True}, {"quality": 95, "subsampling": 0}])
def test_jpeg_variants(options: dict[str, int]) -> None:
    assert difference(read_image(encode(PHOTO, "JPEG", **options)), PHOTO).mean() < 6


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_is_not_inverted(kind: str) -> None:
    pixels = read_image(encode(Image.fromarray(PHOTO).convert("CMYK"), kind))
    assert difference(pixels, PHOTO).mean() < 6


def test_one_bit() -> None:
    bits = GREY > 128
    assert np.array_equal(read_image(encode(bits))[..., 0], np.where(bits, 255, 0))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_not_clipped(kind: str) -> None:
    deep = np.array([[0, 128, 129, 257, 32768, 65278, 65535]], np.uint16)
    assert read_image(encode(deep, kind))[0, :, 1].tolist() == [0, 0, 1, 1, 128, 254, 255]


def test_sixteen_bit_grey_with_a_transparent_level() -> None:
    deep = np.array([[0, 1, 65535]], np.uint16)
    assert read_image(encode(deep, transparency=0))[0, :, 0].tolist() == [255, 0, 255]


def test_sixteen_bit_colour_png() -> None:
    colour = np.array([0, 256, 65535, 65535, 32768, 512], ">u2").tobytes()
    assert read_image(png(2, 1, 16, 2, [colour])).tolist() == [[[0, 1, 255], [255, 128, 2]]]
    with_alpha = np.array([0, 256, 65535, 65535, 65535, 32768, 512, 0], ">u2").tobytes()
    assert read_image(png(2, 1, 16, 6, [with_alpha])).tolist() == [[[0, 1, 255], [255, 255, 255]]]
    grey_with_alpha = np.array([256, 65535, 256, 0], ">u2").tobytes()
    assert read_image(png(2, 1, 16, 4, [grey_with_alpha])).tolist() == [[[1, 1, 1], [255, 255, 255]]]


def test_sixteen_bit_colour_tiff() -> None:
    """Pillow writes none, so this one is by hand: TIFF, 2 x 1, one strip."""
    tags = [(256, 3, 1, 2), (257, 3, 1, 1), (258, 3, 3, 122), (262, 3, 1, 2), (273, 4, 1, 128)]
    tags += [(277, 3, 1, 3), (278, 3, 1, 1), (279, 4, 1, 12)]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    head = (b"II*\x00" + struct.pack("<I", 8) + directory).ljust(122, b"\0") + struct.pack("<3H", 16, 16, 16)
    pixels = read_image(head + np.array([0, 256, 65535, 65535, 32768, 512], "<u2").tobytes())
    assert pixels.tolist() == [[[0, 1, 255], [255, 128, 2]]]


def test_twelve_bit_grey() -> None:
    """A microscope's: two values in three bytes."""
    tags = [(256, 3, 1, 2), (257, 3, 1, 1), (258, 3, 1, 12), (262, 3, 1, 1), (273, 4, 1, 128)]
    tags += [(277, 3, 1, 1), (278, 3, 1, 1), (279, 4, 1, 3)]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    head = (b"II*\x00" + struct.pack("<I", 8) + directory).ljust(128, b"\0")
    assert read_image(head + b"\xff\xf8\x00")[0, :, 0].tolist() == [255, 128]  # 4095 and 2048


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        (np.array([[0, 32896, 65535]], np.int32), [0, 128, 255]),
        (np.array([[-5, 0, 200_000]], np.int32), [0, 0, 255]),
        (np.array([[0, 0.5, 1]], np.float32), [0, 128, 255]),
        (np.array([[0, 128, 200]], np.float32), [0, 128, 200]),
        (np.array([[0, 25700, 65535]], np.float32), [0, 100, 255]),
        (np.array([[np.nan, -np.inf, 1]], np.float32), [0, 0, 255]),
        (np.array([[np.inf, 0, 1]], np.float32), [255, 0, 255]),
        (np.array([[np.nan, np.nan]], np.float32), [0, 0]),
    ],
)
def test_integers_and_floats_of_32_bits(values: np.ndarray, levels: list[int]) -> None:
    assert read_image(encode(values, "TIFF"))[0, :, 0].tolist() == levels


def test_lab_tiff() -> None:
    pixels = read_image(encode(Image.fromarray(PHOTO).convert("LAB"), "TIFF"))
    assert difference(pixels, PHOTO).mean() < 4


TRANSPARENT = np.dstack([PHOTO, np.where(GREY > 128, 255, 0).astype(np.uint8)])  # hidden colours under alpha 0


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_transparency_is_laid_on_white(kind: str) -> None:
    data = encode(TRANSPARENT, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))
    expected = np.where(TRANSPARENT[..., 3:] == 255, PHOTO, 255)
    assert np.array_equal(read_image(data), expected)


def test_half_transparent_black_is_mid_grey() -> None:
    assert read_image(encode(np.full((2, 2, 4), (0, 0, 0, 128), np.uint8)))[0, 0].tolist() == [127, 127, 127]


def test_grey_with_alpha() -> None:
    pixels = read_image(encode(np.array([[[0, 255], [0, 0]]], np.uint8)))
    assert pixels[0, :, 2].tolist() == [0, 255]


@pytest.mark.parametrize(("transparency", "levels"), [(1, [10, 255, 30]), (b"\x00\xff\x80", [255, 20, 142])])
def test_palette_with_transparency_as_index_and_as_bytes(transparency: int | bytes, levels: list[int]) -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([10, 10, 10, 20, 20, 20, 30, 30, 30])
    image.putdata([0, 1, 2])
    assert read_image(encode(image, transparency=transparency))[0, :, 0].tolist() == levels


def test_grey_and_colour_with_a_transparent_value() -> None:
    grey = np.array([[0, 7, 255]], np.uint8)
    assert read_image(encode(grey, transparency=7))[0, :, 0].tolist() == [0, 255, 255]
    colour = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
    assert read_image(encode(colour, transparency=(1, 2, 3))).tolist() == [[[255, 255, 255], [4, 5, 6]]]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "MPO"])
def test_the_first_frame_of_an_animation(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:])
    assert difference(read_image(data), np.full((8, 8, 3), (255, 0, 0), np.uint8)).max() < 4
