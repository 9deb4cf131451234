"""Files by hand, of kinds that no common writer makes: the picture is what the format's own text says."""

import struct
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from whatsit.errors import ImageError
from whatsit.images.decode import read_deep_values, read_image, read_size

from .samples import difference, encode, photo

PHOTO = photo(32, 48)
GREY = PHOTO[..., 0]
HEIGHT, WIDTH = GREY.shape
RGB_TAGS = [(258, 3, [8, 8, 8]), (262, 3, [2]), (277, 3, [3])]
_SIZES = {1: 1, 3: 2, 4: 4, 16: 8}
_CODES = {1: "B", 3: "H", 4: "I", 16: "Q"}
Tags = list[tuple[int, int, list[int]]]


def tiff(tags: Tags, pixels: bytes, order: str = "<", big: bool = False) -> bytes:
    """One strip of `WIDTH` x `HEIGHT` pixels. Tags: (number, type, values)."""
    head, count, entry, field = (16, "Q", "HHQ", 8) if big else (8, "H", "HHI", 4)
    offset = "Q" if big else "I"
    given = {tag for tag, *_ in tags}
    base = [(256, 3, [WIDTH]), (257, 3, [HEIGHT]), (259, 3, [1]), (278, 3, [HEIGHT]), (273, 4, [head])]
    ordered = sorted([*tags, *(one for one in [*base, (279, 4, [len(pixels)])] if one[0] not in given)])
    pixels += b"\0" * (-len(pixels) % 8)
    start = head + len(pixels)
    place = start + struct.calcsize(f"={count}") + len(ordered) * (struct.calcsize(f"={entry}") + field) + field
    directory, beyond = struct.pack(order + count, len(ordered)), b""
    for tag, kind, values in ordered:
        packed = struct.pack(f"{order}{len(values)}{_CODES[kind]}", *values)
        if len(packed) > field:
            packed, beyond = struct.pack(order + offset, place + len(beyond)), beyond + packed
        directory += struct.pack(order + entry, tag, kind, len(values)) + packed.ljust(field, b"\0")
    directory += b"\0" * field
    mark = b"II" if order == "<" else b"MM"
    version = struct.pack(order + "HHHQ", 43, 8, 0, start) if big else struct.pack(order + "HI", 42, start)
    return mark + version + pixels + directory + beyond


def grey_tags(bits: int, photometric: int = 1) -> Tags:
    return [(258, 3, [bits]), (262, 3, [photometric]), (277, 3, [1])]


@pytest.mark.parametrize("kind", [1, 3, 4])
@pytest.mark.parametrize(("value", "turned"), [(6, np.rot90(PHOTO, -1)), (3, np.rot90(PHOTO, 2))])
def test_orientation_of_any_whole_type(kind: int, value: int, turned: NDArray[np.uint8]) -> None:
    data = tiff([*RGB_TAGS, (274, kind, [value])], PHOTO.tobytes())
    assert np.array_equal(read_image(data), turned)
    assert read_size(data) == turned.shape[1::-1]


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_of_both_kinds_of_tiff(order: str, big: bool) -> None:
    assert np.array_equal(read_image(tiff(RGB_TAGS, PHOTO.tobytes(), order, big)), PHOTO)


@pytest.mark.parametrize("shift", [0, 8])
def test_a_palette_of_8_and_of_16_bits(shift: int) -> None:
    table = [value << shift for value in (*range(256), *range(255, -1, -1), *range(256))]
    data = tiff([*grey_tags(8, 3), (320, 3, table)], GREY.tobytes())
    assert np.array_equal(read_image(data), np.dstack([GREY, 255 - GREY, GREY]))


@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("photometric", [0, 1, 3])
def test_bits_in_reverse(photometric: int, bits: int) -> None:
    """FillOrder 2, as fax machines have it."""
    levels = GREY >> (8 - bits)
    most = (1 << bits) - 1
    places = np.unpackbits(levels.astype(np.uint8)[..., None], axis=2)[..., 8 - bits :].reshape(HEIGHT, -1)
    packed = np.packbits(places, axis=1, bitorder="little").tobytes()
    table = [v * 65535 // most for v in range(most + 1)] * 3
    extra: Tags = [(266, 3, [2]), *([(320, 3, table)] if photometric == 3 else [])]
    found = read_image(tiff([*grey_tags(bits, photometric), *extra], packed))[..., 0]
    assert np.array_equal(found, (most - levels if photometric == 0 else levels) * (255 // most))


@pytest.mark.parametrize(("across", "down"), [(1, 1), (2, 1), (2, 2), (4, 2)])
@pytest.mark.parametrize("compressed", [False, True])
def test_chroma_that_pixels_share(across: int, down: int, compressed: bool) -> None:
    """TIFF 6.0, section 21: luma of a block, then its Cb and Cr."""
    y = np.rint(PHOTO @ [0.299, 0.587, 0.114])
    cb, cr = 128 + (PHOTO[..., 2] - y) / 1.772, 128 + (PHOTO[..., 0] - y) / 1.402
    units, expected = b"", np.empty((HEIGHT, WIDTH, 3))
    for row in range(0, HEIGHT, down):
        for column in range(0, WIDTH, across):
            box = np.s_[row : row + down, column : column + across]
            b, r = round(cb[box].mean()), round(cr[box].mean())
            units += y[box].astype(np.uint8).tobytes() + bytes([b, r])
            green = y[box] - 0.344136 * (b - 128) - 0.714136 * (r - 128)
            expected[box] = np.dstack([y[box] + 1.402 * (r - 128), green, y[box] + 1.772 * (b - 128)])
    tags: Tags = [(258, 3, [8, 8, 8]), (262, 3, [6]), (277, 3, [3]), (530, 3, [across, down])]
    data = tiff([*tags, (259, 3, [8])], zlib.compress(units)) if compressed else tiff(tags, units)
    assert difference(read_image(data), expected.clip(0, 255).astype(np.uint8)).max() <= 1


def test_a_fax() -> None:
    bits = np.kron(GREY > 128, np.ones((4, 4), bool))
    for kind in ("group3", "group4"):
        assert np.array_equal(read_image(encode(Image.fromarray(bits), "TIFF", compression=kind))[..., 0], bits * 255)


def png_of(bits: int, colour: int, rows: list[bytes], key: list[int] | None, interlaced: bool = False) -> bytes:
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, bits, colour, 0, 0, interlaced)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))), (b"IEND", b"")]
    if key is not None:
        chunks.insert(1, (b"tRNS", struct.pack(f">{len(key)}H", *key)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("high", [0, 0x5A00])
def test_a_transparent_grey_at_each_depth(bits: int, high: int) -> None:
    """PNG, third edition, 11.3.1.1: a value of the image's own depth, its further bits masked."""
    levels = GREY.astype(np.uint16) * 257 >> (16 - bits)
    key = int(levels[3, 3])
    if bits == 16:
        rows, high = [row.astype(">u2").tobytes() for row in levels], 0
    else:
        places = np.unpackbits(levels.astype(np.uint8)[..., None], axis=2)[..., 8 - bits :]
        rows = [row.tobytes() for row in np.packbits(places.reshape(HEIGHT, -1), axis=1)]
    grey = np.rint(levels * (255 / ((1 << bits) - 1)))
    found = read_image(png_of(bits, 0, rows, [key | high]))[..., 0]
    assert np.array_equal(found, np.where(levels == key, 255, grey))


def test_a_transparent_colour_of_16_bits_is_one_colour() -> None:
    deep = PHOTO.astype(np.uint16) * 256 + np.arange(WIDTH, dtype=np.uint16)[:, None]
    deep[:, :9] = key = (0x12FF, 0x34FF, 0x56FF)
    deep[:, 9:12] = (0x1200, 0x34FF, 0x56FF)  # of the same high bytes
    rows = [row.astype(">u2").tobytes() for row in deep]
    expected = np.rint(deep / 257).astype(np.uint8)
    expected[:, :9] = 255
    assert np.array_equal(read_image(png_of(16, 2, rows, list(key))), expected)


@pytest.mark.parametrize(("left", "top", "transparent"), [(3, 3, False), (0, 5, True), (6, 0, False)])
def test_a_gif_frame_smaller_than_its_screen(left: int, top: int, transparent: bool) -> None:
    """Beyond the frame is transparent, so white here, whatever colour the screen's background is said to be."""
    codes = [code for _ in range(16) for code in (4, 1)] + [5]
    bits = "".join(f"{code:03b}"[::-1] for code in codes)
    body = bytes(int(bits[i : i + 8].ljust(8, "0")[::-1], 2) for i in range(0, len(bits), 8))
    palette = bytes([255, 0, 0, 0, 0, 255, 0, 255, 0, 255, 255, 255])
    control = b"\x21\xf9\x04\x01\0\0\x02\0" if transparent else b""
    frame = control + b"\x2c" + struct.pack("<4HB", left, top, 4, 4, 0) + b"\2" + bytes([len(body)]) + body + b"\0"
    data = b"GIF89a" + struct.pack("<2H3B", 10, 10, 0xF1, 2, 0) + palette + frame + b"\x3b"
    expected = np.full((10, 10, 3), 255)
    expected[top : top + 4, left : left + 4] = (0, 0, 255)
    assert np.array_equal(read_image(data), expected)


def bmp(header: bytes, table: bytes, pixels: bytes) -> bytes:
    start = 14 + len(header) + len(table)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + header + table + pixels


@pytest.mark.parametrize("opacity", [0, 255])
def test_a_bmp_whose_alpha_is_all_zero_is_opaque(opacity: int) -> None:
    pixels = np.dstack([PHOTO[::-1, :, ::-1], np.full_like(GREY, opacity)]).tobytes()
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 124, WIDTH, HEIGHT, 1, 32, 3, len(pixels), 0, 0, 0, 0) + masks
    assert np.array_equal(read_image(bmp(header.ljust(124, b"\0"), b"", pixels)), PHOTO)


@pytest.mark.parametrize(("bits", "colours"), [(8, 2), (4, 16), (8, 256), (1, 2), (4, 2)])
def test_a_bmp_with_a_palette_of_greys_at_each_depth(bits: int, colours: int) -> None:
    greys = [0, 255] if colours == 2 else list(range(colours))
    index = (GREY.astype(int) * colours // 256).astype(np.uint8)[::-1]
    places = np.unpackbits(index[..., None], axis=2)[..., 8 - bits :].reshape(HEIGHT, -1)
    pixels = np.pad(packed := np.packbits(places, axis=1), ((0, 0), (0, -packed.shape[1] % 4))).tobytes()
    header = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, bits, 0, len(pixels), 0, 0, colours, 0)
    table = b"".join(bytes([grey, grey, grey, 0]) for grey in greys)
    found = read_image(bmp(header, table, pixels))[..., 0]
    assert np.array_equal(found, np.array(greys)[index[::-1]])


def moved(rest: bytearray, shift: int) -> bytes:
    """An AVIF's boxes with all places that `iloc` names that much further on."""
    at = rest.find(b"iloc") + 4
    version, sizes = rest[at], (rest[at + 4] >> 4, rest[at + 4] & 15, rest[at + 5] >> 4)
    count, at = int.from_bytes(rest[at + 6 : at + 8], "big"), at + 8
    for _ in range(count):
        at += 4 + (2 if version else 0) + sizes[2]
        extents, at = int.from_bytes(rest[at : at + 2], "big"), at + 2
        for _ in range(extents):
            place = int.from_bytes(rest[at : at + sizes[0]], "big") + shift
            rest[at : at + sizes[0]] = place.to_bytes(sizes[0], "big")
            at += sizes[0] + sizes[1]
    return bytes(rest)


def with_late_brand(avif: bytes) -> bytes:
    """Brand 'mif1', and 'avif' the fifth of the compatible ones."""
    old = int.from_bytes(avif[:4], "big")
    brands = b"ftypmif1\0\0\0\0mif1miafMA1BMiPravif"
    new = (len(brands) + 4).to_bytes(4, "big") + brands
    return new + moved(bytearray(avif[old:]), len(new) - old)


def with_clean_aperture(avif: bytes) -> bytes:
    """One property more, essential, of its only picture: of the middle, 20 x 10 pixels are to be shown."""
    box = struct.pack(">I4s8I", 40, b"clap", 20, 1, 10, 1, 0, 1, 0, 1)
    changed = bytearray(avif)
    properties, links = changed.find(b"ipco") - 4, changed.find(b"ipma") - 4
    size = int.from_bytes(changed[properties : properties + 4], "big")
    count, at = 0, properties + 8
    while at < properties + size:
        count, at = count + 1, at + int.from_bytes(changed[at : at + 4], "big")
    link = links + 8 + 4 + 4 + 2  # version and flags, entries, the picture's number; then how many links it has
    changed[link] += 1
    changed[link + changed[link] : link + changed[link]] = bytes([0x80 | (count + 1)])
    changed[properties + size : properties + size] = box
    for name, more in ((b"meta", 41), (b"iprp", 41), (b"ipco", 40), (b"ipma", 1)):
        place = changed.find(name) - 4
        changed[place : place + 4] = (int.from_bytes(changed[place : place + 4], "big") + more).to_bytes(4, "big")
    return moved(changed, 41)


def test_an_avif_with_a_late_brand() -> None:
    plain = encode(PHOTO, "AVIF", quality=90)
    assert np.array_equal(read_image(with_late_brand(plain)), read_image(plain))


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_avif_and_heic_are_not_turned_by_xmp_or_exif_alone(kind: str) -> None:
    """MIAF: only the file's own properties turn it."""
    plain = encode(PHOTO, kind, quality=90)
    upright = XMP.replace(b'"6"', b'"1"')  # a writer may make a property of it
    turned = encode(PHOTO, kind, quality=90, xmp=upright).replace(b'Orientation="1"', b'Orientation="6"')
    assert np.array_equal(read_image(turned), read_image(plain))
    assert read_size(turned) == (WIDTH, HEIGHT)
    exif = Image.Exif()
    exif[0x0113] = 6  # an unknown tag, so that the writer makes no property of it; Orientation is 0x0112
    data = encode(PHOTO, kind, quality=90, exif=exif.tobytes())
    assert data.count(b"\x01\x13\x00\x03") + data.count(b"\x13\x01\x03\x00") == 1
    data = data.replace(b"\x01\x13\x00\x03", b"\x01\x12\x00\x03").replace(b"\x13\x01\x03\x00", b"\x12\x01\x03\x00")
    assert np.array_equal(read_image(data), read_image(plain))


def test_an_avif_of_which_a_part_is_to_be_shown_is_refused() -> None:
    with pytest.raises(ImageError, match=r"^not supported: AVIF of which only a part is to be shown"):
        read_image(with_clean_aperture(encode(PHOTO, "AVIF")))


def numbers(values: Any) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)


def test_floats_where_0_is_white() -> None:
    pixels = np.tile(numbers([0, 1, 0.25]), HEIGHT * WIDTH // 3)
    tags: Tags = [*grey_tags(32, 0), (339, 3, [3])]
    assert read_image(tiff(tags, pixels.tobytes()))[0, :3, 0].tolist() == [255, 0, 191]
    with pytest.raises(ImageError, match=r"^not supported: TIFF where 0 is white, .* Save it with 0 as black$"):
        read_image(tiff(tags, (pixels * 300).tobytes()))


def test_two_bytes_of_sign_keep_their_order() -> None:
    shifted = (GREY.astype(int) - 128).astype(np.int8)
    assert np.array_equal(read_image(tiff([*grey_tags(8), (339, 3, [2])], shifted.tobytes()))[..., 0], GREY)


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ([(258, 3, [8] * 5), (262, 3, [1]), (277, 3, [5])], "TIFF of 5 bands, without a word"),
        ([*grey_tags(8, 32803)], "TIFF with a camera's raw data"),
        ([*grey_tags(32), (339, 3, [6])], "TIFF of complex numbers"),
        ([*grey_tags(24)], "TIFF of 24-bit"),
        ([(258, 3, [5, 6, 5]), (262, 3, [2]), (277, 3, [3])], "TIFF whose samples differ in depth"),
        ([*grey_tags(8), (259, 3, [34661])], "TIFF compressed with JBIG"),
        ([*grey_tags(8), (259, 3, [64123])], "TIFF compressed with compression 64123"),
        ([*grey_tags(8), (317, 3, [2])], "TIFF with predictor 2"),
    ],
)
def test_valid_but_unread_is_not_called_damaged(tags: Tags, reason: str) -> None:
    with pytest.raises(ImageError, match=f"^not supported: {reason}.*([.:] Sav|[.] Name them)"):
        read_image(tiff(tags, bytes(WIDTH * HEIGHT * 8)))


@pytest.mark.parametrize(("kind", "bits", "mark"), [("f", 32, -9999), ("i", 16, -9999), ("u", 16, 65535)])
def test_no_data_is_dark(kind: str, bits: int, mark: int) -> None:
    """GDAL's mark must be neither white nor the lowest value that a range is measured by."""
    values = (GREY.astype(f"{kind}{bits // 8}") * 100) / (1 if kind != "f" else 25500)
    values = values.astype(f"{kind}{bits // 8}")
    values[:4] = mark
    text = list(f"{mark} \0".encode())
    tags: Tags = [*grey_tags(bits), (339, 3, [{"u": 1, "i": 2, "f": 3}[kind]]), (42113, 1, text)]
    found = read_deep_values(tiff(tags, values.tobytes()))
    assert found is not None
    assert np.array_equal(found[4:], values[4:])
    assert np.isnan(found[:4]).all() if kind == "f" else (found[:4] == values[4:].min()).all()
    assert read_image(tiff(tags, values.tobytes()))[:4].max() <= read_image(tiff(tags, values.tobytes()))[4:].min()
