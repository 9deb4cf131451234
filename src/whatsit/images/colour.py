"""A Pillow image of any mode → RGB of 8 bits: transparency laid on white, deep greys scaled, not clipped.

Pillow's own `convert("RGB")` turns 16-bit grey all white and shows the colours hidden under alpha 0. Deep
colour it brings to 8 bits itself, by the high byte. Colour profiles are not applied: a photo's numbers are
taken for sRGB, as the networks' makers did.
"""

import numpy as np
from PIL import Image

from whatsit.images.depth import to_eight_bits
from whatsit.images.preprocessing import ValueRange

_DEEP = ("I;16", "I;16L", "I;16B", "I", "F")
_TIFF_BITS = 258  # TIFF's tag BitsPerSample


def is_deep(image: Image.Image) -> bool:
    """Whether it has more than 8 bits, once it is loaded. Its header tells."""
    return image.mode in _DEEP


def to_rgb(image: Image.Image, value_range: ValueRange | None = None) -> Image.Image:
    """The loaded image as mode RGB, on white where it is transparent. value_range: of deep images (`depth.py`)."""
    if is_deep(image):
        image = _to_eight_bits(image, value_range)
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    rgba = image.convert("RGBA")
    white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, rgba).convert("RGB")


def _to_eight_bits(image: Image.Image, value_range: ValueRange | None) -> Image.Image:
    """Deep grey → mode L, or LA where one grey is declared transparent (PNG's tRNS)."""
    values = np.asarray(image)  # (H, W) uint16, int32 or float32
    grey = to_eight_bits(values, value_range or _declared(image))
    transparent = image.info.get("transparency")
    if transparent is None:
        return Image.fromarray(grey)
    alpha = np.where(values == transparent, 0, 255).astype(np.uint8)
    return Image.fromarray(np.stack([grey, alpha], axis=-1))  # (H, W, 2)


def _declared(image: Image.Image) -> ValueRange | None:
    """Microscopes' 12-bit TIFF comes from Pillow as 16-bit, unscaled."""
    return (0, 4095) if getattr(image, "tag_v2", {}).get(_TIFF_BITS) == (12,) else None
