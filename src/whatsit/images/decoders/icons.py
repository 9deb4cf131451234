"""ICO: the largest of its pictures. Pillow decodes it while it opens the file, before anyone could look at its size."""

import io

import numpy as np
from PIL import Image
from PIL.IcoImagePlugin import IcoFile
from PIL.PngImagePlugin import PngImageFile

from whatsit.errors import ImageError
from whatsit.images.colour import Header, Samples
from whatsit.images.decoders.pillow import load_png
from whatsit.images.limits import Limits, check_pixels

_PNG = b"\x89PNG"


def header(data: bytes) -> Header:
    """Raises `ImageError`."""
    place, _ = _largest(data)
    width, height = _size(data, place)
    return Header(width, height, 1, False)


def read(data: bytes, limits: Limits) -> Image.Image | Samples:
    """Raises `ImageError`."""
    place, length = _largest(data)
    check_pixels(*_size(data, place), limits)
    if data[place : place + 4] == _PNG:
        picture = data[place : place + length]
        with PngImageFile(io.BytesIO(picture)) as image:
            return load_png(image, picture)
    icons = IcoFile(io.BytesIO(data))
    index = next(i for i, entry in enumerate(icons.entry) if entry.offset == place)
    return _masked(icons.frame(index), data[place : place + length])


def _masked(image: Image.Image, bitmap: bytes) -> Image.Image:
    """Where alpha is nothing but 0, the mask at the bitmap's end is the opacity, as Windows has it; else nothing is."""
    if image.mode != "RGBA" or image.getchannel("A").getextrema() != (0, 0):
        return image
    row = -(-image.width // 32) * 4
    stored = np.frombuffer(bitmap[-row * image.height :], np.uint8)
    image = image.convert("RGB")
    if len(stored) == row * image.height:
        hidden = np.unpackbits(stored.reshape(image.height, row)[::-1], axis=1, count=image.width)
        if not hidden.all():
            image.putalpha(Image.fromarray((1 - hidden) * np.uint8(255)))
    return image


def _largest(data: bytes) -> tuple[int, int]:
    """(offset, length) of the picture with the most pixels, then the most colours."""
    count = int.from_bytes(data[4:6], "little")
    entries = [data[at : at + 16] for at in range(6, 6 + 16 * count, 16)]
    if len(data) < 6 + 16 * count:
        raise ImageError("truncated ICO: ends in the middle of a header")

    def size(entry: bytes) -> tuple[int, int]:
        return (entry[0] or 256) * (entry[1] or 256), int.from_bytes(entry[6:8], "little")

    best = max(entries, key=size)
    return int.from_bytes(best[12:16], "little"), int.from_bytes(best[8:12], "little")


def _size(data: bytes, place: int) -> tuple[int, int]:
    """(width, height) of the picture there: a PNG, or a bitmap with its mask below it."""
    head = data[place : place + 24]
    if len(head) < 24:
        raise ImageError("truncated ICO: ends in the middle of a header")
    if head[:4] == _PNG:
        return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    return int.from_bytes(head[4:8], "little"), int.from_bytes(head[8:12], "little") // 2
