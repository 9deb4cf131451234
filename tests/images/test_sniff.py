"""Formats are told by content."""

import doctest

import pytest

import whatsit.images.formats
from whatsit.images.formats import sniff

from .samples import encode, photo

KINDS = ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_pillow_writes(kind: str) -> None:
    assert sniff(encode(photo(), kind)[:32]) == kind.lower()


def test_heic() -> None:
    assert sniff(encode(photo(), "HEIF")[:32]) == "heic"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x00\x00\x00\x1cftypmif1\x00\x00\x00\x00mif1avif", "avif"),
        (b"\x00\x00\x00\x1cftypmif1\x00\x00\x00\x00mif1heic", "heic"),
        (b"\x00\x00\x00\x14ftypmif1\x00\x00\x00\x00mif1avif", "heic"),  # 'avif' is behind the box's end
        (b"\x00\x00\x00\x1cftypisom\x00\x00\x00\x00isommp42", None),  # a film
        (b"MM\x00+\x00\x08\x00\x00", "tiff"),
        (b"BMWs are cars, not bitmaps, mostly", None),
        (b"RIFF\x00\x00\x00\x00WAVE", None),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", None),
        (b"hello", None),
        (b"", None),
    ],
)
def test_heads(head: bytes, kind: str | None) -> None:
    assert sniff(head) == kind


def test_the_example() -> None:
    assert doctest.testmod(whatsit.images.formats) == (0, 5)
