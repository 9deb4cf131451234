"""One drawn photo as a file of every format that whatsit reads, and in every EXIF orientation."""

from collections.abc import Callable
from typing import Any

import numpy as np
from drawn import drawn_photo
from images.samples import encode, held, png
from PIL import Image

PHOTO = drawn_photo("shells", 77)  # (192, 256, 3)


def _grey() -> Image.Image:
    return Image.fromarray(PHOTO).convert("L")


def _rgba() -> Image.Image:
    alpha = np.full((*PHOTO.shape[:2], 1), 255, np.uint8)
    alpha[:60] = 0
    alpha[60:90] = 128
    return Image.fromarray(np.concatenate([PHOTO, alpha], axis=2))


def _palette_with_transparency() -> bytes:
    return encode(Image.fromarray(PHOTO).quantize(64), "PNG", transparency=3)


def _sixteen_bits() -> bytes:
    values = np.asarray(_grey()).astype(">u2") * 257
    return png(PHOTO.shape[1], PHOTO.shape[0], 16, 0, [row.tobytes() for row in values])


def _photo() -> Image.Image:
    return Image.fromarray(PHOTO)


FORMATS: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: encode(_photo(), "JPEG", quality=90),
    "JPEG grey": lambda: encode(_grey(), "JPEG"),
    "JPEG CMYK": lambda: encode(_photo().convert("CMYK"), "JPEG"),
    "JPEG progressive": lambda: encode(_photo(), "JPEG", progressive=True),
    "PNG": lambda: encode(_photo(), "PNG"),
    "PNG RGBA": lambda: encode(_rgba(), "PNG"),
    "PNG palette with transparency": _palette_with_transparency,
    "PNG 16-bit grey": _sixteen_bits,
    "PNG 1 bit": lambda: encode(_photo().convert("1"), "PNG"),
    "GIF": lambda: encode(_photo(), "GIF"),
    "WebP": lambda: encode(_photo(), "WEBP"),
    "WebP lossless RGBA": lambda: encode(_rgba(), "WEBP", lossless=True),
    "BMP": lambda: encode(_photo(), "BMP"),
    "TIFF": lambda: encode(_photo(), "TIFF"),
    "TIFF LZW": lambda: encode(_photo(), "TIFF", compression="tiff_lzw"),
    "AVIF": lambda: encode(_photo(), "AVIF"),
    "HEIC": lambda: encode(_photo(), "HEIF"),
}

_OPTIONS: dict[str, dict[str, Any]] = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}


def oriented(kind: str, orientation: int) -> bytes:
    """The photo as a camera held that way stores it."""
    return held(_photo(), orientation, kind, **_OPTIONS.get(kind, {}))
