"""Files as GDAL, libtiff, Windows and cameras write them, drawn by hand: what these writers mean by their bytes."""

import struct
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

from whatsit.errors import ImageError
from whatsit.images.decode import read_deep_values, read_image, read_size

from .samples import difference, encode, photo
from .test_by_hand import GREY, HEIGHT, PHOTO, WIDTH, bmp, grey_tags, tiff

FLOATS = (GREY / 255).astype(np.float32)
TOP = np.s_[: HEIGHT // 2]


def lerc(values: NDArray[Any], tags: list[tuple[int, int, list[int]]], order: str = "<", **options: Any) -> bytes:
    stored = bytes(imagecodecs.lerc_encode(np.ascontiguousarray(values), **options))
    return tiff([*tags, (259, 3, [34887]), (50674, 4, [4, 0])], stored, order)


def test_lerc_masks_floats_that_are_not_a_number() -> None:
    valid = np.full(GREY.shape, True)
    valid[TOP] = False
    found = read_deep_values(lerc(FLOATS, [*grey_tags(32), (339, 3, [3])], masks=valid))
    assert found is not None
    assert np.isnan(found[TOP]).all()
    assert np.array_equal(found[HEIGHT // 2 :], FLOATS[HEIGHT // 2 :])


@pytest.mark.parametrize("hidden", [False, True])
def test_lerc_masks_opacity_of_8_bits(hidden: bool) -> None:
    """libtiff leaves opacity out where it is nothing but 0 and 255, and has no mask where it is 255."""
    valid = np.full(GREY.shape, True)
    valid[TOP] = not hidden
    tags = [(258, 3, [8, 8]), (262, 3, [1]), (277, 3, [2]), (338, 3, [2])]
    found = read_image(lerc(GREY, tags, masks=valid if hidden else None))[..., 0]
    assert np.array_equal(found, np.where(valid, GREY, 255))


def test_lerc_in_a_big_endian_file_holds_swapped_numbers() -> None:
    values = GREY.astype(np.uint16) * 257 - (GREY % 7)
    found = read_deep_values(lerc(values.byteswap(), grey_tags(16), ">"))
    assert found is not None
    assert np.array_equal(found, values)
    with pytest.raises(ImageError, match=r"^not supported: big-endian TIFF of floats with LERC. Save it with"):
        read_image(lerc(FLOATS, [*grey_tags(32), (339, 3, [3])], ">"))


@pytest.mark.parametrize(("mark", "shown"), [(0, 0), (255, 0)])
def test_no_data_in_8_bits_is_black(mark: int, shown: int) -> None:
    grey = GREY.clip(40, 200)
    grey[TOP] = mark
    found = read_image(tiff([*grey_tags(8), (42113, 1, list(f"{mark}\0 ".encode()))], grey.tobytes()))[..., 0]
    assert (found[TOP] == shown).all()
    assert np.array_equal(found[HEIGHT // 2 :], grey[HEIGHT // 2 :])


MASKS = {
    "RGBX": (0xFF, 0xFF00, 0xFF0000),
    "BGRX": (0xFF0000, 0xFF00, 0xFF),
    "XBGR": (0xFF000000, 0xFF0000, 0xFF00),
    "10 bits": (0x3FF << 20, 0x3FF << 10, 0x3FF),
    "565": (0xF800, 0x7E0, 0x1F),
    "4444": (0xF00, 0xF0, 0xF, 0xF000),
    "RGBA": (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
}


@pytest.mark.parametrize("size", [40, 52, 56, 108, 124])
@pytest.mark.parametrize("top_first", [False, True])
@pytest.mark.parametrize("name", MASKS)
def test_a_bmp_whose_masks_say_where_its_colours_are(name: str, top_first: bool, size: int) -> None:
    masks, bits = MASKS[name], 16 if name in ("565", "4444") else 32
    alpha = np.where(np.arange(HEIGHT)[:, None] < HEIGHT // 2, 0, 255) + np.zeros_like(GREY, int)
    channels = [*np.moveaxis(PHOTO, -1, 0).astype(np.int64), alpha][: len(masks)]
    levels = [
        np.rint(one / 255 * (mask >> _shift(mask))).astype(np.int64) for one, mask in zip(channels, masks, strict=True)
    ]
    numbers = sum(level << _shift(mask) for level, mask in zip(levels, masks, strict=True)).astype(f"<u{bits // 8}")
    pixels = (numbers if top_first else numbers[::-1]).tobytes()
    compression = 6 if len(masks) == 4 and size < 56 else 3
    header = struct.pack(
        "<IiiHHIIiiII", size, WIDTH, -HEIGHT if top_first else HEIGHT, 1, bits, compression, 0, 0, 0, 0, 0
    )
    table = struct.pack(f"<{len(masks)}I", *masks)
    inside = max(40, size) - 40
    expected = np.stack(
        [np.rint(v * 255 / (m >> _shift(m))) for v, m in zip(levels[:3], masks[:3], strict=True)], axis=-1
    )
    if len(masks) == 4:
        expected[TOP] = 255
        if size == 52:
            return  # no such header says where opacity is
    data = bmp((header + table.ljust(inside, b"\0")) if inside else header, b"" if inside else table, pixels)
    assert np.array_equal(read_image(data), expected)
    assert np.array_equal(read_image(data[14:]), expected), "as DIB"
    assert read_size(data) == (WIDTH, HEIGHT)


def _shift(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


def test_a_bmp_with_masks_that_is_cut_off() -> None:
    header = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 32, 3, 0, 0, 0, 0, 0)
    with pytest.raises(ImageError, match=r"^truncated BMP: its pixels should end at byte"):
        read_image(bmp(header, struct.pack("<3I", *MASKS["RGBX"]), bytes(WIDTH * HEIGHT * 4 - 1)))


def tga(kind: int, bits: int, descriptor: int, pixels: bytes) -> bytes:
    return struct.pack("<3B5x4H2B", 0, 0, kind, 0, 0, WIDTH, HEIGHT, bits, descriptor) + pixels


@pytest.mark.parametrize("attribute_bits", [0, 8])
def test_a_tga_says_whether_its_fourth_byte_is_opacity(attribute_bits: int) -> None:
    """Truevision's specification, field 5.6."""
    pixels = np.dstack([PHOTO[..., ::-1], np.full_like(GREY, 128)])
    pixels[TOP, :, 3] = 255
    found = read_image(tga(2, 32, 0x20 | attribute_bits, pixels.tobytes()))
    expected = np.where((pixels[..., 3:] == 128) & (attribute_bits == 8), np.rint(PHOTO * (128 / 255) + 127), PHOTO)
    assert difference(found, expected.astype(np.uint8)).max() <= 1


def test_a_tga_whose_runs_cross_rows() -> None:
    """Older files do, and the specification asks readers to take them."""
    flat = np.repeat(np.arange(0, 250, 5).astype(np.uint8), 100)[: WIDTH * HEIGHT]
    packets, at = b"", 0
    while at < len(flat):
        run = min(128, int(np.argmax(np.append(flat[at:], 255) != flat[at])))
        packets += bytes([0x80 | (run - 1), flat[at]]) if run > 1 else bytes([0, flat[at]])
        at += run
    assert np.array_equal(read_image(tga(11, 8, 0x20, packets))[..., 0], flat.reshape(HEIGHT, WIDTH))
    with pytest.raises(ImageError, match=r"truncated|not enough"):
        read_image(tga(11, 8, 0x20, packets[:-20]))


@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"restart_marker_rows": 1}])
def test_a_jpeg_that_lacks_its_end_and_no_pixel(options: dict[str, int]) -> None:
    """Some cameras leave it out; one that lacks pixels as well is cut off."""
    data = encode(photo(100, 140), "JPEG", **options)
    assert data.endswith(b"\xff\xd9")
    for cut in (data[:-2], data[:-1]):
        assert np.array_equal(read_image(cut), read_image(data))
        assert np.array_equal(read_image(cut, at_least=20), read_image(data, at_least=20))
    for missing in range(4, 200, 3):
        with pytest.raises(ImageError, match=r"^truncated JPEG"):
            read_image(data[:-missing])


@pytest.mark.parametrize("masked", [False, True])
def test_an_icon_without_opacity_has_its_mask(masked: bool) -> None:
    """Of 32 bits with alpha of nothing but 0, as Windows shows it."""
    picture = np.ascontiguousarray(PHOTO[:, :32])
    mask = np.zeros((32, 32), np.uint8)
    mask[:9] = masked
    bitmap = struct.pack("<IiiHHIIiiII", 40, 32, 64, 1, 32, 0, 0, 0, 0, 0, 0)
    bitmap += np.dstack([picture[::-1, :, ::-1], mask * 0]).tobytes() + np.packbits(mask[::-1], axis=1).tobytes()
    data = struct.pack("<3H", 0, 1, 1) + struct.pack("<4B2H2I", 32, 32, 0, 0, 1, 32, len(bitmap), 22) + bitmap
    assert np.array_equal(read_image(data), np.where(mask[..., None] == 1, 255, picture))


def test_an_empty_line_in_a_pam_header() -> None:
    header = f"P7\nHEIGHT {HEIGHT}\n\n# a comment\nWIDTH {WIDTH}\nDEPTH 3\nMAXVAL 255\nENDHDR\n"
    assert np.array_equal(read_image(header.encode() + PHOTO.tobytes()), PHOTO)


@pytest.mark.parametrize("bits", [1, 2, 4, 7])
@pytest.mark.parametrize("colour", [False, True])
def test_jpeg_2000_of_few_bits_reaches_white(bits: int, colour: bool) -> None:
    most = (1 << bits) - 1
    values = np.rint((PHOTO if colour else GREY) / 255 * most).astype(np.uint8)
    data = imagecodecs.jpeg2k_encode(values, level=0, reversible=True, bitspersample=bits)
    expected = np.rint(values * (255 / most))
    assert np.array_equal(read_image(bytes(data)), expected if colour else np.repeat(expected[..., None], 3, axis=2))


@pytest.mark.parametrize("colour", [False, True])
def test_jpeg_2000_of_signed_numbers_keeps_their_sign(colour: bool) -> None:
    values = ((PHOTO if colour else GREY).astype(np.int32) * 200 - 20000).astype(np.int16)
    found = read_deep_values(bytes(imagecodecs.jpeg2k_encode(values, level=0, reversible=True)))
    assert found is not None
    assert np.array_equal(found, values)


def test_a_tiff_whose_pixels_lie_in_its_header_is_damaged() -> None:
    """Pillow writes such files: 16 bits, big-endian, as BigTIFF."""
    with pytest.raises(ImageError, match=r"^damaged TIFF: its pixels should lie at byte 0, in its header$"):
        read_image(tiff([*grey_tags(8), (273, 4, [0])], GREY.tobytes()))


@pytest.mark.parametrize("tag", [None, [1, 1], [2, 2], [2, 1]])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_a_jpeg_in_a_tiff_says_itself_how_its_chroma_is_subsampled(subsampling: int, tag: list[int] | None) -> None:
    stored = encode(PHOTO, "JPEG", quality=98, subsampling=subsampling)
    tags = [(258, 3, [8] * 3), (259, 3, [7]), (262, 3, [6]), (277, 3, [3])]
    found = read_image(tiff(tags + ([(530, 3, tag)] if tag else []), stored))
    assert difference(found, read_image(stored)).max() <= 2
