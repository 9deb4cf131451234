"""TGA (Truevision, version 2.0) where Pillow shows it otherwise or not at all: opacity, and runs across rows."""

import io

from PIL import Image
from PIL.TgaImagePlugin import TgaImageFile

from whatsit.errors import ImageError
from whatsit.images.colour import Header, without_empty_alpha
from whatsit.images.limits import Limits, check_pixels

_RUNS = 8  # of the image type: run-length encoded
_MOST_PACKETS = 1 << 22  # about a second
_ATTRIBUTE_BITS = 0x0F  # of the image descriptor: how many bits of a pixel are opacity


def header(data: bytes) -> Header:
    """Raises `ImageError`."""
    with TgaImageFile(io.BytesIO(data)) as image:
        return Header(*image.size, 1, False)


def read(data: bytes, limits: Limits) -> Image.Image:
    """A fourth byte is opacity where the descriptor says so; Pillow always takes it for that.

    Version 2.0 ends each run with its row, and asks readers to take older files, which do not; Pillow refuses these.
    """
    image = TgaImageFile(io.BytesIO(data))
    check_pixels(*image.size, limits)
    try:
        image.load()
    except OSError as error:
        if "overrun" not in str(error) or not data[2] & _RUNS:
            raise
        image = TgaImageFile(io.BytesIO(_without_runs(data)))
        image.load()
    if image.mode == "RGBA" and not data[17] & _ATTRIBUTE_BITS and data[2] & ~_RUNS == 2:
        return image.convert("RGB")
    return without_empty_alpha(image)


def _without_runs(data: bytes) -> bytes:
    """The same picture, uncompressed; what a cut-off file lacks is lacking."""
    size = -(-data[16] // 8)
    palette = int.from_bytes(data[5:7], "little") * -(-data[7] // 8) if data[1] else 0
    at = 18 + data[0] + palette
    wanted = size * int.from_bytes(data[12:14], "little") * int.from_bytes(data[14:16], "little")
    out, packets = bytearray(), 0
    while len(out) < wanted and at < len(data):
        packets += 1
        if packets > _MOST_PACKETS:
            raise ImageError("not supported: TGA of so many runs, some across rows. Save it as PNG or JPEG")
        count = (data[at] & 0x7F) + 1
        if data[at] & 0x80:
            out += data[at + 1 : at + 1 + size] * count
            at += 1 + size
        else:
            out += data[at + 1 : at + 1 + size * count]
            at += 1 + size * count
    return data[:2] + bytes([data[2] & ~_RUNS]) + data[3 : 18 + data[0] + palette] + bytes(out[:wanted])
