"""Whatever the bytes are, the answer is an image or an `ImageError`: no other error, and no warning."""

import sys
import warnings
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from whatsit.errors import ImageError
from whatsit.images.decode import load_with_thumbnail, read_image
from whatsit.images.limits import Limits
from whatsit.images.preprocessing import Preprocessing

from .matrix import Case, written
from .samples import encode, photo
from .test_kinds import dicom, dicom_bytes

_EXIF = Image.Exif()
_EXIF[ExifTags.Base.Orientation] = 6
_EXIF[ExifTags.Base.XResolution] = 72.0
_EXIF[ExifTags.Base.Make] = "maker"
_PHOTO = Image.fromarray(photo(16, 24))


def _tiff(*kind: Any) -> bytes:
    file = written(Case(*kind))
    assert file is not None
    return file[0]


SAMPLES = {
    "jpeg": encode(_PHOTO, "JPEG", exif=_EXIF),
    "progressive jpeg": encode(_PHOTO, "JPEG", progressive=True),
    "cmyk jpeg": encode(_PHOTO.convert("CMYK"), "JPEG"),
    "png": encode(_PHOTO, "PNG", exif=_EXIF),
    "animated png": encode(_PHOTO, "PNG", save_all=True, append_images=[_PHOTO.rotate(90)]),
    "palette png": encode(_PHOTO.quantize(16), "PNG", transparency=b"\x00\x80"),
    "deep png": encode(np.arange(384, dtype=np.uint16).reshape(16, 24), "PNG", transparency=5),
    "gif": encode(_PHOTO, "GIF", save_all=True, append_images=[_PHOTO.rotate(90)]),
    "webp": encode(_PHOTO, "WEBP", exif=_EXIF),
    "bmp": encode(_PHOTO, "BMP"),
    "tiff": encode(_PHOTO, "TIFF", exif=_EXIF),
    "lzw tiff": encode(_PHOTO, "TIFF", compression="tiff_lzw"),
    "avif": encode(_PHOTO, "AVIF", exif=_EXIF),
    "heic": encode(_PHOTO, "HEIF"),
    "pnm": b"P6 24 16 4095\n" + np.arange(1152, dtype=">u2").tobytes(),
    "tga": encode(_PHOTO, "TGA", rle=True),
    "ico": encode(_PHOTO, "ICO", sizes=[(16, 11)]),
    "dib": encode(_PHOTO, "DIB"),
    "jp2": encode(_PHOTO, "JPEG2000"),
    "tiff in planes": _tiff("rgb", "u2", "lzw", "separate", "unassalpha", ">", True, "tiles", True),
    "tiff of floats": _tiff("minisblack", "f4", "zlib", "contig", None, ">", True, "strips", False),
    "tiff of 12 bits": _tiff("minisblack", "12", None, "contig", None, "<", False, "one", False),
    "tiff with a palette": _tiff("palette", "u1", None, "contig", None, "<", False, "one", False),
    "tiff with JPEG": _tiff("rgb", "u1", "jpeg", "contig", None, "<", False, "tiles", False),
    "tiff with JPEG 2000": _tiff("rgb", "u2", "jpeg2000", "contig", None, "<", False, "one", False),
    "tiff with LERC": _tiff("minisblack", "f4", "lerc", "contig", None, "<", False, "one", False),
    "dicom": dicom_bytes(dicom(np.arange(1350, dtype=np.uint16).reshape(30, 45))),
    "12-bit jpeg": bytes(imagecodecs.jpeg8_encode(np.arange(384, dtype=np.uint16).reshape(16, 24), bitspersample=12)),
}


@pytest.mark.parametrize("kind", SAMPLES)
@settings(max_examples=60)
@given(data=st.data())
def test_changed_and_cut_files_are_images_or_image_errors(kind: str, data: st.DataObject) -> None:
    content = bytearray(SAMPLES[kind])
    places = st.integers(0, len(content) - 1) | st.integers(0, min(200, len(content) - 1))  # mostly headers
    for place, byte in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=8)):
        content[place] = byte
    content = content[: data.draw(st.just(len(content)) | st.integers(0, len(content)))]
    try:
        loaded = load_with_thumbnail(bytes(content), Preprocessing(size=8), Limits(max_pixels=1_000_000))
    except ImageError as error:
        assert_short_reason(error)
    else:
        assert loaded.pixels.shape == (8, 8, 3)
        assert loaded.pixels.dtype == loaded.thumbnail.dtype == np.uint8
        assert loaded.thumbnail.shape == (32, 32)


def assert_short_reason(error: ImageError) -> None:
    assert 0 < len(str(error)) < 250
    assert "\n" not in str(error)


@given(st.binary(max_size=200))
def test_any_bytes(content: bytes) -> None:
    with pytest.raises(ImageError):
        read_image(content)


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_third_of_a_file_is_no_image(kind: str) -> None:
    with pytest.raises(ImageError, match=r"^(truncated|damaged) \w+: \S"):
        read_image(SAMPLES[kind][: len(SAMPLES[kind]) // 3])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"^empty file \(0 bytes\)$"),
        (b"hello", r"^not an image: text that starts with 'hello'$"),
        (b"no\n", r"^not an image: text that starts with 'no'$"),
        ("größe\r\n".encode(), r"^not an image: text that starts with 'größe'$"),
        (b"a" * 600, r"^not an image: text that starts with 'a{40}…'$"),
        (b"<!DOCTYPE html><html>", r"^not an image: a web page \(HTML\)$"),
        (b"\x00" * 5, r"^not an image: its first bytes are those of no known format$"),
        (SAMPLES["jpeg"][:-20], r"^truncated JPEG: image file is truncated \(\d+ bytes not processed\)$"),
        (SAMPLES["png"][:36], r"^truncated PNG: ends in the middle of a header$"),
    ],
)
def test_reasons(content: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        read_image(content)


def test_heic_without_pillow_heif_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError, match=r"pip install 'whatsit\[heif\]'$"):
        read_image(SAMPLES["heic"])


def test_pillows_bomb_warning_stays_as_its_owner_set_it() -> None:
    read_image(SAMPLES["png"])
    with pytest.raises(Image.DecompressionBombWarning):
        warnings.warn_explicit("bomb", Image.DecompressionBombWarning, "Image.py", 1, module="PIL.Image")
