"""Files that may be a picture or not: bytes flipped anywhere, damage beside the pixels, two files in one.

Which of them are pictures is not told here: the server must say what `Classifier.predict` says.
"""

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from images.samples import encode, photo
from images.test_damage import SAMPLES
from PIL import Image

from . import files as made
from .files import CMYK, GIF, JPEG, PNG, WEBP
from .images import PIXELS, File, zip_of_a_photo

FLIPS = 12  # files a format


def unsure() -> Iterator[File]:
    """All of them."""
    yield from _flipped()
    yield "PPM", b"P6 8 8 255\n" + bytes(192)
    yield "ICO", encode(photo(32, 32), "ICO")
    yield "TGA", encode(photo(8, 8), "TGA")
    yield "JPEG of 12 bits", made.replaced(JPEG, made.frame_at(JPEG) + 4, b"\x0c")  # with the extra `science`
    yield "TIFF of 7 bits", made.grey_tiff(bytes(64), bits=7)
    yield "GIF of 0 × 0", made.replaced(GIF, 6, bytes(4))
    yield "PNG compressed by an unknown method", made.png_of((8, 8, 8, 2, 1, 0, 0), PIXELS)
    yield "PNG with a chunk of 4 GB", made.replaced(PNG, 33, b"\xff\xff\xff\xff")
    yield "JPEG with a segment of 0 bytes", JPEG[:2] + b"\xff\xe1\0\0" + JPEG[4:]
    yield "JPEG with a ZIP behind", JPEG + zip_of_a_photo()
    yield "PNG with HTML behind", PNG + b"<script>alert(1)</script>"
    yield "GIF that is JavaScript", made.replaced(GIF, 6, b"=1") + b"/*"
    yield "JPEG of damaged EXIF", made.jpeg_with(made.segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff"))
    yield "JPEG of EXIF in a loop", made.jpeg_with(made.segment(0xE1, b"Exif\0\0" + made.tiff_of([(34665, 4, 1, 8)])))
    yield "JPEG turned by 99", made.jpeg_with(made.segment(0xE1, b"Exif\0\0" + made.tiff_of([(274, 3, 1, 99)])))
    yield "JPEG of a damaged profile", made.jpeg_with(made.segment(0xE2, b"ICC_PROFILE\0\xff\0not a profile"))
    yield "JPEG of a damaged Adobe segment", made.jpeg_with(made.segment(0xEE, b"Adobe"))
    yield "CMYK JPEG of another transform", CMYK.replace(b"Adobe\0d\0\0\0\0\0", b"Adobe\0d\0\0\0\0\x09")
    yield "JPEG of many comments", made.jpeg_with(*[made.segment(0xFE, b"")] * 20_000)
    yield "PNG of damaged EXIF", made.png_with(made.chunk(b"eXIf", b"II*\0\xff\xff\xff\xff"))
    yield "PNG of EXIF that points to itself", made.png_with(made.chunk(b"eXIf", _tag_bomb(300, 1_000_000)))
    yield "PNG of a damaged profile", made.png_with(made.chunk(b"iCCP", b"a\0\0not zlib"))
    yield "PNG that says it moves", made.png_with(made.chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)))
    yield "PNG of 20,000 empty chunks", made.png_with(*[made.chunk(b"teSt", b"")] * 20_000)
    yield "PNG of unknown filters", made.png_of((8, 8, 8, 0, 0, 0, 0), made.chunk(b"IDAT", zlib.compress(b"\x09" * 72)))
    yield "PNG of pixels with a wrong checksum", PNG[:-20] + bytes(4) + PNG[-16:]
    yield (
        "palette PNG without a palette",
        made.png_of((8, 8, 8, 3, 0, 0, 0), made.chunk(b"IDAT", zlib.compress(bytes(72)))),
    )
    yield "GIF of a large comment", _gif_of_a_large_comment()
    yield "TIFF whose second directory is its first", made.grey_tiff(bytes(64))[:-68] + b"\x08\0\0\0" + bytes(64)
    yield "TIFF of tags that share their data", _tiff_of_shared_data()
    yield "JPEG of 1,000 scans", made.in_many_scans(1_000, 64, 64)
    yield "TIFF in one large tile", made.tile_bomb(1_024)
    yield "WebP of a wrong length", made.replaced(WEBP, 4, b"\xff\xff\xff\x7f")
    yield "deep TIFF of no numbers", encode(Image.fromarray(np.full((8, 8), np.nan, np.float32)), "TIFF")


def _flipped() -> Iterator[File]:
    """Three bytes changed, most of them in the header."""
    for kind, data in SAMPLES.items():
        rng = np.random.default_rng([7, len(data)])
        for number in range(FLIPS):
            flipped = bytearray(data)
            for at in (*rng.integers(min(64, len(data)), size=2), rng.integers(len(data))):
                flipped[at] ^= int(rng.integers(1, 256))
            yield f"{kind} flipped, number {number}", bytes(flipped)


def _tag_bomb(tags: int, size: int) -> bytes:
    """As if each tag had all of the data for itself."""
    place = 14 + 12 * tags
    return made.tiff_of([(30_000 + number, 7, size, place) for number in range(tags)], bytes(size))


def _tiff_of_shared_data() -> bytes:
    numbers = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 273: 14 + 12 * 309, 277: 1, 278: 8, 279: 64}
    tags = [(number, 4, 1, value) for number, value in numbers.items()]
    tags += [(30_000 + number, 7, 1_000_000, 14 + 12 * 309) for number in range(300)]
    return made.tiff_of(tags, bytes(1_000_000))


def _gif_of_a_large_comment() -> bytes:
    at = 13 + 3 * 2 ** ((GIF[10] & 7) + 1)
    return GIF[:at] + b"!\xfe" + (b"\xff" + bytes(255)) * 8_000 + b"\0" + GIF[at:]
