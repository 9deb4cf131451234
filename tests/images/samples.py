"""Small photo-like images, drawn here, and their encodings."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import ExifTags, Image

_SHARED = Path(__file__).parents[3] / "shared" / "data"  # real photos, where the checkout has them beside it


def photo(height: int = 60, width: int = 80, seed: int = 0) -> NDArray[np.uint8]:
    """`(height, width, 3)`: a colour gradient, soft shapes and a little noise; no symmetry."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    channels = []
    for _ in range(3):
        a, b, phase = rng.uniform(-80, 80), rng.uniform(-80, 80), rng.uniform(0, 6)
        channels.append(128 + a * (x - 0.5) + b * (y - 0.5) + 40 * np.sin(9 * x + 5 * y * y + phase))
    noise = rng.normal(0, 4, (height, width, 3))
    return (np.stack(channels, axis=-1) + noise).clip(0, 255).astype(np.uint8)


def encode(image: Image.Image | NDArray[Any], kind: str = "PNG", **options: Any) -> bytes:
    """The file's bytes, as Pillow (for HEIF: pillow-heif) writes them."""
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    file = io.BytesIO()
    if kind == "HEIF":
        pillow_heif.from_pillow(image).save(file, **options)
    else:
        image.save(file, kind, **options)
    return file.getvalue()


STORED = {  # orientation: how an upright photo is laid down under it (EXIF 2.32, tag 0x0112)
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def held(image: Image.Image, orientation: int, kind: str, **options: Any) -> bytes:
    """The photo as a camera held that way stores it."""
    turn, exif = STORED[orientation], Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return encode(image if turn is None else image.transpose(turn), kind, exif=exif.tobytes(), **options)


def png(width: int, height: int, bits: int, colour: int, rows: list[bytes]) -> bytes:
    """A PNG by hand, for what Pillow does not write: 16 bits of colour, or a size without its pixels."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in [(b"IHDR", header), (b"IDAT", pixels), (b"IEND", b"")]
    )


def difference(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.int16]:
    """How far apart two images are, in levels of 255."""
    assert a.shape == b.shape
    return np.abs(np.subtract(a, b, dtype=np.int16))


def real_photos(at_least: int, count: int) -> list[Path]:
    """Up to `count` real JPEGs with a shorter side of `at_least` pixels or more; none without the folder."""
    paths = sorted((_SHARED / "ants_bees").rglob("*.jpg"))
    return [path for path in paths if _shorter_side(path) >= at_least][:count]


def _shorter_side(path: Path) -> int:
    with Image.open(path) as image:
        return min(image.size)
