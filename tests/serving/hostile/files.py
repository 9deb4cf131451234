"""Image files by hand, for what no encoder writes: PNG chunks, JPEG segments, TIFF tags, sizes that are not true."""

import struct
import zlib
from collections.abc import Iterable, Sequence

from images.samples import encode, photo
from PIL import Image

PNG, JPEG, GIF, BMP = (encode(photo(), kind) for kind in ("PNG", "JPEG", "GIF", "BMP"))
WEBP, AVIF, HEIC = (encode(photo(), kind) for kind in ("WEBP", "AVIF", "HEIF"))
TIFF, LZW = encode(photo(), "TIFF"), encode(photo(), "TIFF", compression="tiff_lzw")
PROGRESSIVE = encode(photo(), "JPEG", progressive=True)
CMYK = encode(Image.fromarray(photo()).convert("CMYK"), "JPEG")
SIGNATURE = PNG[:8]


def chunk(name: bytes, body: bytes) -> bytes:
    """Of a PNG."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_with(*chunks: bytes) -> bytes:
    """A photo with chunks behind its header."""
    return PNG[:33] + b"".join(chunks) + PNG[33:]


def png_of(header: Sequence[int], *behind: bytes) -> bytes:
    """header: width, height, bits, colour type, compression, filter, interlace."""
    return SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", *header)) + b"".join(behind) + chunk(b"IEND", b"")


def zeros_deflated(count: int) -> bytes:
    """A zlib stream of so many zero bytes, which are never in memory at once."""
    deflate, million = zlib.compressobj(9), bytes(1_000_000)
    pieces = [deflate.compress(million) for _ in range(count // len(million))]
    return b"".join([*pieces, deflate.compress(bytes(count % len(million))), deflate.flush()])


def png_bomb() -> bytes:
    """13,000 × 6,800 black pixels in 258 KB; decoded and copied on the way to a network they take 676 MB."""
    width, height = 13_000, 6_800
    return png_of((width, height, 8, 2, 0, 0, 0), chunk(b"IDAT", zeros_deflated((3 * width + 1) * height)))


def segment(marker: int, body: bytes) -> bytes:
    """Of a JPEG."""
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body


def jpeg_with(*segments: bytes) -> bytes:
    """A photo with segments in front."""
    return JPEG[:2] + b"".join(segments) + JPEG[2:]


def frame_at(jpeg: bytes) -> int:
    """Where the frame's header (SOF) begins."""
    at = 2
    while jpeg[at + 1] not in (0xC0, 0xC1, 0xC2):
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return at


def jpeg_sized(jpeg: bytes, width: int, height: int) -> bytes:
    """The same with another size in its header, and not the data for it."""
    at = frame_at(jpeg)
    return jpeg[: at + 5] + struct.pack(">HH", height, width) + jpeg[at + 9 :]


def in_many_scans(count: int, width: int, height: int) -> bytes:
    """A progressive JPEG that refines nothing, again and again: each scan is a walk over all of the image."""
    grey = encode(Image.fromarray(photo()).convert("L"), "JPEG", progressive=True)
    end = grey.index(b"\xff\xda") + 2
    while grey[end] != 0xFF or grey[end + 1] == 0:  # of the first scan
        end += 1
    blocks = -(-width // 8) * -(-height // 8)
    bits = ("0" + "1" * 14) * -(-blocks // 32767)  # "nothing new in the next 32767 blocks", as often as it takes
    data = int(bits + "1" * (-len(bits) % 8), 2).to_bytes(-(-len(bits) // 8), "big").replace(b"\xff", b"\xff\0")
    codes = segment(0xC4, bytes([0x10, 1, *[0] * 15, 0xE0]))
    scan = segment(0xDA, bytes([1, 1, 0, 1, 63, 0x10])) + data
    return jpeg_sized(grey[:end], width, height) + codes + scan * count + b"\xff\xd9"


Tag = tuple[int, int, int, int]  # number, type (3: 16 bits, 4: 32 bits), count, value or place


def tiff_of(tags: Iterable[Tag], behind: bytes = b"", following: int = 0) -> bytes:
    """A little-endian TIFF of one directory; `behind` begins at `8 + 6 + 12 * tags`. following: the next directory."""
    entries = [struct.pack("<HHII", *tag) for tag in sorted(tags)]
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(entries) + struct.pack("<I", following) + behind


def grey_tiff(data: bytes, **changed: int) -> bytes:
    """8 × 8 grey pixels, bare. changed: values of its tags."""
    values = {"width": 8, "height": 8, "bits": 8, "compression": 1, "photometric": 1, "offset": 14 + 12 * 9}
    values |= {"samples": 1, "rows": 8, "bytes": len(data)} | changed
    numbers = (256, 257, 258, 259, 262, 273, 277, 278, 279)
    order = ("width", "height", "bits", "compression", "photometric", "offset", "samples", "rows", "bytes")
    return tiff_of([(number, 4, 1, values[name]) for number, name in zip(numbers, order, strict=True)], data)


def tile_bomb(side: int) -> bytes:
    """100 × 100 pixels in one tile of `side` × `side`, of which a decoder unpacks all."""
    data = zeros_deflated(side * side)
    tags = {256: 100, 257: 100, 258: 8, 259: 8, 262: 1, 277: 1, 322: side, 323: side, 324: 14 + 12 * 10, 325: len(data)}
    return tiff_of([(number, 4, 1, value) for number, value in tags.items()], data)


def sized_in_box(data: bytes, width: int, height: int) -> bytes:
    """An AVIF or HEIC whose box `ispe` tells another size."""
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", width, height) + data[at + 8 :]


def webp_sized(width: int, height: int) -> bytes:
    """A WebP of the extended kind: a canvas, and a photo of another size on it."""
    canvas = bytes([0, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + canvas + WEBP[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def replaced(data: bytes, at: int, new: bytes) -> bytes:
    """The same with other bytes at a place."""
    return data[:at] + new + data[at + len(new) :]
