"""Where Pillow's decoders show a picture otherwise than its file describes it: the same pixels, put right.

Each function takes an opened image, not loaded yet and within limits, and the file's bytes. It returns the loaded
image, or `Samples` where Pillow would have brought deep colour to 8 bits by itself.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from whatsit.errors import ImageError
from whatsit.images.colour import Samples
from whatsit.images.decoders.jpeg import load_jpeg

_DEEP_PNG = {0: ("I;16B",), 2: ("RGB;16B", "RGB;16L"), 4: ("RGBA",), 6: ("RGBA;16B", "RGBA;16L")}  # by colour type


def load(image: ImageFile.ImageFile, data: bytes) -> Image.Image | Samples:
    """As Pillow does."""
    image.load()
    return image


def load_png(image: ImageFile.ImageFile, data: bytes) -> Image.Image | Samples:
    """16 bits as 16 bits, and a transparent grey or colour at the depth that the file counts in.

    PNG (third edition, 11.3.1.1): tRNS names a sample value of the image's own depth; its further bits are masked.
    Pillow scales grey of 1, 2 and 4 bits up to 8 and leaves the value, and compares colours of 16 bits by a byte.
    """
    bits, colour = data[24], data[25]
    image.load()  # an animation's default image; tRNS stands before the pixels
    key = image.info.get("transparency")
    if bits == 16:
        return _deep_png(image, data, colour, key)
    most = (1 << bits) - 1
    if isinstance(key, int) and image.mode == "L":
        image.info["transparency"] = (key & most) * 255 // most
    elif isinstance(key, tuple):
        image.info["transparency"] = tuple(one & most for one in key)
    return image


def is_deep_png(data: bytes) -> bool:
    return data[24:25] == b"\x10"


def may_be_turned(data: bytes) -> bool:
    """Whether a PNG can have an orientation. To look for it, Pillow decodes the pixels: it may stand behind them."""
    return any(name in data for name in (b"eXIf", b"Raw profile type exif", b"XML:com.adobe.xmp"))


def _deep_png(image: ImageFile.ImageFile, data: bytes, colour: int, key: int | tuple[int, ...] | None) -> Samples:
    values: NDArray[Any]
    if colour == 0:
        values = np.asarray(image).astype(np.uint16)
    elif colour == 4:  # grey and alpha of 16 bits are as long as red, green, blue and alpha of 8
        values = _decoded_as(data, "RGBA", "RGBA").view(">u2").astype(np.uint16)
    else:
        mode = "RGB" if colour == 2 else "RGBA"
        high, low = (_decoded_as(data, mode, f"{mode};16{order}") for order in "BL")
        values = (high.astype(np.uint16) << 8) | low
    if colour in (4, 6):
        alpha = np.rint(values[..., -1] / 257).astype(np.uint8)
        return Samples(values[..., 0] if colour == 4 else np.ascontiguousarray(values[..., :3]), alpha, 16)
    if key is None:
        return Samples(values, None, 16)
    hidden = values == key if colour == 0 else (values == np.array(key, np.uint16)).all(axis=-1)
    return Samples(values, np.where(hidden, 0, 255).astype(np.uint8), 16)


def _decoded_as(data: bytes, mode: str, raw_mode: str) -> NDArray[np.uint8]:
    """(H, W, channels): the file decoded once more, its bytes laid out by another of Pillow's raw modes."""
    import io

    from PIL.PngImagePlugin import PngImageFile

    with PngImageFile(io.BytesIO(data)) as image:
        image._mode = mode
        image.tile = [tile._replace(args=raw_mode) for tile in image.tile]
        image.load()
        return np.array(image)


def load_gif(image: ImageFile.ImageFile, data: bytes) -> Image.Image | Samples:
    """What the first frame does not cover is transparent, as every browser has it; Pillow fills it with colour 0."""
    box = image.tile[0].extents if image.tile else None
    image.load()
    return image if box is None else _covered(image, box)


def load_webp(image: ImageFile.ImageFile, data: bytes) -> Image.Image | Samples:
    """Of an animation without alpha likewise."""
    at, box = 12, None
    while getattr(image, "is_animated", False) and at + 20 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"ANMF":
            x, y, w, h = (int.from_bytes(data[at + 8 + i : at + 11 + i], "little") for i in (0, 3, 6, 9))
            box = (2 * x, 2 * y, 2 * x + w + 1, 2 * y + h + 1)
            break
        at += 8 + size + size % 2
    image.load()
    return image if box is None or image.mode != "RGB" else _covered(image, box)


def _covered(image: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    """The image within the box, nothing beyond it."""
    if box == (0, 0, *image.size):
        return image
    inside = image.crop(box).convert("RGBA")
    canvas = Image.new("RGBA", image.size, (0, 0, 0, 0))
    canvas.paste(inside, box[:2])
    return canvas


def load_avif(image: ImageFile.ImageFile, data: bytes) -> Image.Image | Samples:
    """As Pillow does, which turns by `irot` and `imir`, but does not cut to a clean aperture (`clap`) as MIAF asks."""
    start = data.find(b"ipco")
    if 0 <= start < data.find(b"clap", start) < data.find(b"ipma", start):
        raise ImageError("not supported: AVIF of which only a part is to be shown (clap). Save it as PNG or JPEG")
    image.load()
    return image


LOADERS: dict[str, Callable[[ImageFile.ImageFile, bytes], Image.Image | Samples]] = {
    "png": load_png,
    "gif": load_gif,
    "webp": load_webp,
    "avif": load_avif,
    "jpeg": load_jpeg,
}
