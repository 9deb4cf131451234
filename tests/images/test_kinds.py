"""Kinds of files beside the common ones: read, or refused by their names."""

import io
import struct
import sys
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageChops
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLosslessSV1, RLELossless

from whatsit.errors import ImageError
from whatsit.images.decode import load_for_network, read_deep_values, read_image, read_size
from whatsit.images.formats import HEAD, sniff
from whatsit.images.limits import Limits
from whatsit.images.preprocessing import Preprocessing

from .samples import difference, encode, photo

PHOTO = photo(30, 45)
GREY = PHOTO[..., 0]
HEIGHT, WIDTH = GREY.shape
DEEP = GREY.astype(np.uint16) * 257


def jpeg(values: NDArray[Any], **options: Any) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(values, **options))


def jpeg2000(values: NDArray[Any], **options: Any) -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(values, level=0, **options))


@pytest.mark.parametrize("kind", ["PPM", "TGA", "DIB", "JPEG2000"])
def test_what_pillow_writes(kind: str) -> None:
    data = encode(PHOTO, kind, **({"irreversible": False} if kind == "JPEG2000" else {}))
    assert np.array_equal(read_image(data), PHOTO)
    assert read_size(data) == (WIDTH, HEIGHT)


@pytest.mark.parametrize("options", [{}, {"rle": True}, {"orientation": 1}])
@pytest.mark.parametrize("mode", ["L", "P", "RGB"])
def test_tga(mode: str, options: dict[str, int]) -> None:
    image = Image.fromarray(PHOTO).convert(mode)
    assert np.array_equal(read_image(encode(image, "TGA", **options)), np.asarray(image.convert("RGB")))


def test_a_tga_whose_alpha_is_all_zero_is_opaque() -> None:
    pixels = np.dstack([PHOTO, np.zeros_like(GREY)])
    assert np.array_equal(read_image(encode(pixels, "TGA")), PHOTO)


@pytest.mark.parametrize("text", [b"\0\1\1", b"BMW " * 40, b"P6 is a magic number, they say", b"\x0a\0\2" + b"x" * 40])
def test_other_bytes_are_no_picture(text: bytes) -> None:
    assert sniff(text[:HEAD]) is None


def test_an_icon_of_its_largest_picture() -> None:
    file = io.BytesIO()
    Image.new("RGBA", (64, 64), (10, 200, 30, 255)).save(file, "ICO", sizes=[(16, 16), (64, 64), (32, 32)])
    assert read_size(file.getvalue()) == (64, 64)
    assert read_image(file.getvalue())[5, 5].tolist() == [10, 200, 30]


def test_an_icon_that_hides_a_huge_picture_is_refused_by_its_header() -> None:
    huge = encode(Image.new("1", (9000, 9000)))
    data = struct.pack("<3H", 0, 1, 1) + struct.pack("<4B2H2I", 16, 16, 0, 0, 1, 32, len(huge), 22) + huge
    with pytest.raises(ImageError, match="too many pixels: 9000 x 9000"):
        read_image(data)


PNM = [
    (b"P1\n# a comment\n3 2\n1 0 1\n010", [[0, 255, 0], [255, 0, 255]]),
    (b"P4 3 2\n" + bytes([0b10100000, 0b01000000]), [[0, 255, 0], [255, 0, 255]]),
    (b"P2 3 1 15\n0 15 # white\n5", [[0, 255, 85]]),
    (b"P5\n3 1\n255\n" + bytes([0, 10, 255]), [[0, 10, 255]]),
    (b"P5 3 1 100\n" + bytes([0, 60, 100]), [[0, 153, 255]]),
    (b"P5 3 1 65535\n" + struct.pack(">3H", 0, 32768, 65535), [[0, 128, 255]]),
    (b"P5 3 1 4095\n" + struct.pack(">3H", 0, 2048, 4095), [[0, 128, 255]]),
    (b"P2 3 1 4095\n0 2048 4095\n", [[0, 128, 255]]),
    (
        b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 2\nMAXVAL 255\nTUPLTYPE GRAYSCALE_ALPHA\nENDHDR\n" + bytes([9, 255, 9, 0]),
        [[9, 255]],
    ),
    (b"Pf\n2 2\n-1.0\n" + struct.pack("<4f", 0, 1, 0.5, 1), [[128, 255], [0, 255]]),
    (b"Pf\n2 1\n1.0\n" + struct.pack(">2f", 1, 0), [[255, 0]]),
]


@pytest.mark.parametrize(("data", "levels"), PNM)
def test_netpbm(data: bytes, levels: list[list[int]]) -> None:
    assert read_image(data)[..., 1].tolist() == levels
    assert read_size(data) == (len(levels[0]), len(levels))


def test_netpbm_colour_of_16_bits_comes_as_16_bits() -> None:
    values = np.arange(12, dtype=np.uint16).reshape(2, 2, 3) * 999
    found = read_deep_values(b"P6 2 2 65535\n" + values.astype(">u2").tobytes())
    assert found is not None
    assert np.array_equal(found, values)


def test_a_netpbm_file_that_is_cut_off() -> None:
    with pytest.raises(ImageError, match=r"^truncated PNM: 2 numbers where 3 are expected$"):
        read_image(PNM[3][0][:-1])


def test_a_large_lossless_jpeg_is_read_though_a_small_picture_is_asked_for() -> None:
    whole = photo(300, 400)
    data = jpeg(whole, lossless=True)
    assert np.array_equal(
        load_for_network(data, Preprocessing(size=32)), load_for_network(encode(whole), Preprocessing(size=32))
    )


@pytest.mark.parametrize("lossless", [False, True])
def test_a_jpeg_of_12_bits(lossless: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    data = jpeg(DEEP >> 4, level=98, bitspersample=12, lossless=lossless)
    assert read_size(data) == (WIDTH, HEIGHT)
    assert difference(read_image(data)[..., 0], GREY).max() <= 4
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(ImageError, match=r"^not supported: JPEG of 12 bits, .*pip install 'whatsit\[science\]'$"):
        read_image(data)


def test_cmyk_without_adobes_mark_is_not_inverted() -> None:
    inks = Image.fromarray(PHOTO).convert("CMYK")
    marked = encode(inks, "JPEG", quality=95)
    at = marked.find(b"\xff\xee")
    bare = marked[:at] + marked[at + 2 + int.from_bytes(marked[at + 2 : at + 4], "big") :]
    assert difference(read_image(marked), PHOTO).mean() < 6
    as_inks = ImageChops.invert(inks).convert("RGB")  # Pillow wrote the inks inverted, and nothing says so now
    assert difference(read_image(bare), np.asarray(as_inks)).mean() < 6


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_jpeg_2000_of_each_depth(bits: int) -> None:
    data = jpeg2000(DEEP >> (16 - bits) if bits > 8 else GREY, bitspersample=bits)
    assert difference(read_image(data)[..., 0], GREY).max() <= 1
    if bits > 8:
        colours = jpeg2000(PHOTO.astype(np.uint16) * 257 >> (16 - bits), bitspersample=bits)
        assert difference(read_image(colours), PHOTO).max() <= 1


def test_jpeg_2000_of_bands_that_are_no_colours() -> None:
    bands = np.dstack([PHOTO, GREY])
    with pytest.raises(ImageError, match=r"^not supported: JPEG 2000 of 4 bands"):
        read_image(jpeg2000(bands, codecformat="j2k"))


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\xff\x0a\x10\x20", "JPEG XL"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\4CgBI\x50\0\x20\2", "PNG as Apple's tools"),
        (b"8BPS\0\1", r"PSD \(Photoshop\)"),
        (b"<?xml version='1.0'?>\n<!-- me -->\n<svg xmlns='a'>", "SVG"),
        (b"  <svg>", "SVG"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", r"CR3 \(a camera's raw data\)"),
        (b"FUJIFILMCCD-RAW 0201", "RAF"),
        (b"\0\0\0\x20ftypisom\0\0\2\0", r"a film \(MP4\)"),
        (b"%PDF-1.7", "PDF"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
    ],
)
def test_known_but_unread_files_are_named(head: bytes, name: str) -> None:
    with pytest.raises(ImageError, match=f"^not supported: {name}.* Save it as PNG or JPEG$"):
        read_image(head + bytes(600))


def dicom(values: NDArray[np.generic], **elements: object) -> Dataset:
    found = Dataset()
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.7")
    found.file_meta.MediaStorageSOPInstanceUID = found.SOPInstanceUID = pydicom.uid.generate_uid()
    found.SOPClassUID = found.file_meta.MediaStorageSOPClassUID
    bits = values.dtype.itemsize * 8
    said = {"Rows": HEIGHT, "Columns": WIDTH, "SamplesPerPixel": 3 if values.ndim == 3 else 1, "BitsAllocated": bits}
    said |= {"BitsStored": bits, "HighBit": bits - 1, "PixelRepresentation": int(values.dtype.kind == "i")}
    said |= {"PhotometricInterpretation": "RGB" if values.ndim == 3 else "MONOCHROME2", **elements}
    said |= {"PlanarConfiguration": 0} if values.ndim == 3 else {}
    for name, value in said.items():
        setattr(found, name, value)
    found.PixelData = values.tobytes()
    found["PixelData"].VR = "OW"
    return found


def dicom_bytes(found: Dataset) -> bytes:
    file = io.BytesIO()
    pydicom.dcmwrite(file, found, enforce_file_format=True)
    return file.getvalue()


@pytest.mark.parametrize("syntax", [None, RLELossless, JPEG2000Lossless, JPEGLosslessSV1])
def test_dicom_of_12_bits(syntax: UID | None) -> None:
    values = (DEEP >> 4).astype(np.uint16)
    found = dicom(values, BitsStored=12, HighBit=11)
    if syntax == RLELossless:
        found.compress(RLELossless)
    elif syntax is not None:
        coded = (
            jpeg2000(values, bitspersample=12, codecformat="j2k")
            if syntax == JPEG2000Lossless
            else jpeg(values, lossless=True, bitspersample=12)
        )
        found.PixelData = pydicom.encaps.encapsulate([coded])
        found.file_meta.TransferSyntaxUID = syntax
    data = dicom_bytes(found)
    assert np.array_equal(read_image(data)[..., 0], np.rint(values * (255 / 4095)))
    assert read_size(data) == (WIDTH, HEIGHT)
    deep = read_deep_values(data)
    assert deep is not None
    assert np.array_equal(deep, values)


def test_dicom_where_0_is_white_in_hounsfield_units_and_in_colour() -> None:
    assert np.array_equal(
        read_image(dicom_bytes(dicom(255 - GREY, PhotometricInterpretation="MONOCHROME1")))[..., 0], GREY
    )
    assert np.array_equal(read_image(dicom_bytes(dicom(PHOTO))), PHOTO)
    counts = GREY.astype(np.int16) * 4
    units = read_deep_values(dicom_bytes(dicom(counts, RescaleSlope=2, RescaleIntercept=-1024)))
    assert units is not None
    assert np.array_equal(units, counts * 2.0 - 1024)


def test_dicom_without_the_extra_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    data = dicom_bytes(dicom(GREY))
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(
        ImageError, match=r"^not supported: DICOM, without pydicom\. .*pip install 'whatsit\[science\]'$"
    ):
        read_image(data)


def test_dicom_beyond_the_limits_is_refused_by_its_header() -> None:
    with pytest.raises(ImageError, match="too many pixels"):
        read_image(dicom_bytes(dicom(GREY)), limits=Limits(max_pixels=100))
