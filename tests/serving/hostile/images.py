"""Files that are surely no picture: of other kinds, damaged, bombs, far too large."""

import gzip
import io
import pickle
import struct
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np
from images.samples import photo

from . import files as made
from .files import AVIF, BMP, CMYK, GIF, HEIC, JPEG, LZW, PNG, PROGRESSIVE, TIFF, WEBP

File = tuple[str, bytes]  # its name, which tells the damage, and its content
KINDS = {"JPEG": JPEG, "progressive JPEG": PROGRESSIVE, "CMYK JPEG": CMYK, "PNG": PNG, "GIF": GIF, "WebP": WEBP}
KINDS |= {"BMP": BMP, "TIFF": TIFF, "LZW TIFF": LZW, "AVIF": AVIF, "HEIC": HEIC}
PIXELS = made.chunk(b"IDAT", zlib.compress(bytes(25)))  # of an 8 × 8 picture at 1 bit, or of less


def no_images() -> Iterator[File]:
    """Of other kinds altogether."""
    yield "empty", b""
    yield "a NUL", b"\0"
    yield "SVG", b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'
    yield (
        "SVG of entities",
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><svg>&b;</svg>',
    )
    yield "HTML", b"<!DOCTYPE html><html><script>alert(1)</script></html>"
    yield "text", b"shells, photographed on a beach\n"
    yield "text in UTF-16", "shells".encode("utf-16")
    yield "text of BM", b"BMWs are cars. This is a text of more than thirty characters about them."
    yield "path", b"../../../../etc/passwd"
    yield "URL", b"http://169.254.169.254/latest/meta-data/"
    yield "JSON", b'{"instances": []}'
    yield "PDF", b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n"
    yield "PDF with a JPEG in it", b"%PDF-1.7\nstream\n" + JPEG + b"\nendstream"
    yield "PostScript", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n"
    yield "ZIP", zip_of_a_photo()
    yield "ZIP with a JPEG behind", zip_of_a_photo() + JPEG
    yield "gzip of a JPEG", gzip.compress(JPEG, mtime=0)
    yield "ELF", b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHI", 2, 62, 1) + bytes(44)
    yield "EXE", b"MZ\x90\0\x03" + bytes(60)
    yield "pickle", b"cos\nsystem\n(S'touch owned'\ntR."
    yield "pickle of a photo", pickle.dumps(photo())
    yield "NumPy file", _numpy_file()
    yield "MP4", b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + bytes(64)
    yield "WAV", b"RIFF" + struct.pack("<I", 36) + b"WAVEfmt " + bytes(28)
    yield "PSD", b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 8, 8, 8, 3) + bytes(12)
    yield "JPEG 2000", b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(64)
    yield "FITS", b"SIMPLE  =                    T" + bytes(100)
    yield "a megabyte of zeros", bytes(1_000_000)
    yield "a megabyte of noise", np.random.default_rng(1).bytes(1_000_000)
    for name, data in KINDS.items():
        yield f"a line in front of {name}", b"\n" + data


def zip_of_a_photo() -> bytes:
    """Its name leads out of the folder."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../../escaped.jpg", JPEG)
    return file.getvalue()


def _numpy_file() -> bytes:
    file = io.BytesIO()
    np.save(file, photo(8, 8))
    return file.getvalue()


def cut() -> Iterator[File]:
    """Ends too early, in the header or in the data."""
    for name, data in KINDS.items():
        for end in (3, 12, 26, 34):
            yield f"{name} of {end} bytes", data[:end]
        for share in (0.2, 0.5, 0.8):
            yield f"{share:.0%} of a {name}", data[: int(share * len(data))]


def too_large() -> Iterator[File]:
    """Bombs: little data, or none, for very many pixels."""
    yield "PNG bomb of 88 million pixels", made.png_bomb()
    for width, height in ((2**31 - 1, 2**31 - 1), (2**31 - 1, 1), (65535, 65535), (5001, 5000), (1, 25_000_001)):
        yield f"PNG of {width} × {height}", made.png_of((width, height, 8, 6, 0, 0, 0), PIXELS)
    yield "16-bit PNG of 30,000 × 30,000", made.png_of((30_000, 30_000, 16, 6, 0, 0, 1), PIXELS)
    for width, height in ((65500, 65500), (12_000, 10_001), (65_500, 400)):
        yield f"JPEG of {width} × {height}", made.jpeg_sized(JPEG, width, height)
    yield "CMYK JPEG of 130 megapixels", made.jpeg_sized(CMYK, 13_000, 10_000)
    for width, height in ((5001, 5000), (65500, 65500)):
        yield f"progressive JPEG of {width} × {height}", made.jpeg_sized(PROGRESSIVE, width, height)
    yield "JPEG of 1,100 scans", made.in_many_scans(1_100, 64, 64)
    yield "JPEG of 1,000 scans of 24 megapixels", made.in_many_scans(1_000, 4_900, 4_900)
    yield "GIF of 65535 × 65535", made.replaced(GIF, 6, b"\xff\xff\xff\xff")
    yield "GIF with a frame of 65535 × 65535", _gif_with_large_frame()
    yield "BMP of 50,000 × 50,000", made.replaced(BMP, 18, struct.pack("<ii", 50_000, 50_000))
    yield "BMP of 50,000 × -50,000", made.replaced(BMP, 18, struct.pack("<ii", 50_000, -50_000))
    yield "WebP of 16,384 × 16,384", made.webp_sized(16_384, 16_384)
    yield "WebP of 2^24 × 2^24", made.webp_sized(2**24, 2**24)
    yield "TIFF of 100,000 × 100,000", made.grey_tiff(bytes(64), width=100_000, height=100_000)
    yield "TIFF of 2^32 - 1 × 1", made.grey_tiff(bytes(64), width=2**32 - 1, height=1)
    yield "TIFF in one tile of 268 megapixels", made.tile_bomb(16_384)
    for name, data in (("AVIF", AVIF), ("HEIC", HEIC)):
        yield f"{name} of 20,000 × 20,000", made.sized_in_box(data, 20_000, 20_000)
        yield f"{name} of 2^32 - 1 × 2^32 - 1", made.sized_in_box(data, 2**32 - 1, 2**32 - 1)


def _gif_with_large_frame() -> bytes:
    at = GIF.index(b",", 13 + 3 * 2 ** ((GIF[10] & 7) + 1))
    return made.replaced(GIF, at + 5, b"\xff\xff\xff\xff")


def of_no_size() -> Iterator[File]:
    """Zero pixels wide or high."""
    for width, height in ((0, 5), (5, 0), (0, 0)):
        yield f"PNG of {width} × {height}", made.png_of((width, height, 8, 2, 0, 0, 0), PIXELS)
        yield f"JPEG of {width} × {height}", made.jpeg_sized(JPEG, width, height)
        yield f"TIFF of {width} × {height}", made.grey_tiff(bytes(64), width=width, height=height)
        yield f"BMP of {width} × {height}", made.replaced(BMP, 18, struct.pack("<ii", width, height))
        yield f"AVIF of {width} × {height}", made.sized_in_box(AVIF, width, height)


def damaged() -> Iterator[File]:
    """One thing wrong in each, deep enough that nothing is left to show."""
    for bits, colour in ((3, 2), (16, 3), (0, 0), (255, 255), (8, 5)):
        yield f"PNG of {bits} bits, colour type {colour}", made.png_of((8, 8, bits, colour, 0, 0, 0), PIXELS)
    yield "PNG without pixels", made.png_of((8, 8, 8, 2, 0, 0, 0))
    yield "PNG with too few pixels", made.png_of((800, 800, 8, 2, 0, 0, 0), PIXELS)
    yield "PNG whose pixels are no zlib", made.png_of((8, 8, 8, 0, 0, 0, 0), made.chunk(b"IDAT", b"not zlib at all"))
    yield "16-bit PNG cut", made.png_of((80, 80, 16, 2, 0, 0, 0), made.chunk(b"IDAT", zlib.compress(bytes(99))[:9]))
    yield "PNG without a header", made.SIGNATURE + PNG[33:]
    yield "PNG with a header's wrong checksum", made.replaced(PNG, 29, b"\0\0\0\0")
    yield "PNG with a text bomb", made.png_with(_text_bomb())
    yield "PNG with many text bombs", made.png_with(*[_text(bytes(1_000_000))] * 80)
    yield "PNG with a profile bomb", made.png_with(made.chunk(b"iCCP", b"a\0\0" + made.zeros_deflated(30_000_000)))
    yield "JPEG without a frame", JPEG[:2] + JPEG[made.frame_at(JPEG) + 19 :]
    yield "JPEG without tables", JPEG[:2] + JPEG[made.frame_at(JPEG) : made.frame_at(JPEG) + 19] + b"\xff\xd9"
    for count in (0, 2, 5, 255):
        yield f"JPEG of {count} components", made.replaced(JPEG, made.frame_at(JPEG) + 9, bytes([count]))
    yield "lossless JPEG", made.replaced(JPEG, made.frame_at(JPEG), b"\xff\xc3")
    yield "CMYK JPEG of one component", made.replaced(CMYK, made.frame_at(CMYK) + 9, b"\1")
    yield "GIF without a frame", GIF[: 13 + 3 * 2 ** ((GIF[10] & 7) + 1)] + b";"
    yield "GIF of endless extensions", GIF[:13] + b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0" * 5_000
    yield "BMP of 7 bits", made.replaced(BMP, 28, b"\x07")
    yield "BMP compressed by an unknown method", made.replaced(BMP, 30, b"\x63")
    yield "WebP without a picture", b"RIFF\x04\0\0\0WEBP"
    yield "WebP on a canvas of another size", made.webp_sized(9, 9)
    yield "AVIF without its data", AVIF[: AVIF.index(b"mdat")] + b"mdat"
    yield "HEIC without its data", HEIC[: HEIC.index(b"mdat")] + b"mdat"


def _text(content: bytes) -> bytes:
    return made.chunk(b"zTXt", b"a\0\0" + zlib.compress(content))


def _text_bomb() -> bytes:
    return made.chunk(b"iTXt", b"a\0\1\0\0\0" + made.zeros_deflated(30_000_000))


def damaged_tiffs() -> Iterator[File]:
    """TIFF is a format of pointers."""
    yield "TIFF without a directory", b"II*\0\0\0\0\0"
    yield "TIFF with a directory beyond its end", b"II*\0\xff\xff\xff\x7f"
    yield "TIFF with a directory in its own header", b"II*\0\4\0\0\0" + bytes(40)
    yield "TIFF of 65,535 tags", b"II*\0\x08\0\0\0\xff\xff" + bytes(50)
    yield "TIFF of directories in a loop", made.tiff_of([(256, 4, 1, 8)], following=8)
    yield "BigTIFF of 2^63 tags", b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**63) + bytes(50)
    yield "TIFF of 100 samples", made.grey_tiff(bytes(64), samples=100)
    yield "TIFF compressed by an unknown method", made.grey_tiff(bytes(64), compression=9999)
    yield "TIFF with its pixels beyond its end", made.grey_tiff(bytes(64), offset=2**31)
    yield "TIFF with too few pixels", made.grey_tiff(bytes(9), height=800)
    yield "TIFF of damaged LZW", made.grey_tiff(b"\xff" * 64, compression=5)
    yield "TIFF of damaged deflate", made.grey_tiff(b"\xff" * 64, compression=8)
    yield "TIFF of damaged JPEG", made.grey_tiff(b"\xff" * 64, compression=7)


def chimeras() -> Iterator[File]:
    """The first bytes of one format, the rest of another."""
    names = list(KINDS)
    for head, body in zip(names, [*names[3:], *names[:3]], strict=True):
        yield f"{head}'s first bytes on a {body}", KINDS[head][:16] + KINDS[body][16:]


def bad() -> Iterator[File]:
    """All that is surely no picture."""
    for family in (no_images, cut, too_large, of_no_size, damaged, damaged_tiffs, chimeras):
        yield from family()
