"""A Pillow image of any mode → RGB of 8 bits: transparency laid on white, deep greys scaled, not clipped.

Pillow's own `convert("RGB")` turns 16-bit grey all white and shows the colours hidden under alpha 0. Deep
colour it brings to 8 bits itself, by the high byte. Colour profiles are not applied: a photo's numbers are
taken for sRGB, as the networks' makers did.
"""

import numpy as np
from PIL import Image

# What a deep grey image's largest value may stand for; the first that holds its brightest pixel is white.
# 16 bits have a white. 32-bit integers and floats have none that is agreed on, so theirs is the usual one
# above the brightest pixel, or that pixel itself. Below zero and not-a-number are black.
_WHITES = {
    "I;16": (65535,),
    "I;16L": (65535,),
    "I;16B": (65535,),
    "I": (65535,),
    "F": (1, 255, 65535),
}
_TIFF_BITS = 258  # TIFF's tag BitsPerSample


def to_rgb(image: Image.Image) -> Image.Image:
    """The loaded image as mode RGB, on white where it is transparent."""
    if image.mode in _WHITES:
        image = _to_eight_bits(image)
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    rgba = image.convert("RGBA")
    white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, rgba).convert("RGB")


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Deep grey → mode L, or LA where one grey is declared transparent (PNG's tRNS)."""
    values = np.asarray(image)  # (H, W) uint16, int32 or float32
    top = float(np.max(values, where=np.isfinite(values), initial=0))
    white = next((w for w in _whites(image) if top <= w), top)
    finite = np.nan_to_num(values.astype(np.float32), nan=0, posinf=top, neginf=0)
    grey = np.rint(finite.clip(0, white) * (255 / white)).astype(np.uint8)  # 16 bits: value / 257
    transparent = image.info.get("transparency")
    if transparent is None:
        return Image.fromarray(grey)
    alpha = np.where(values == transparent, 0, 255).astype(np.uint8)
    return Image.fromarray(np.stack([grey, alpha], axis=-1))  # (H, W, 2)


def _whites(image: Image.Image) -> tuple[int, ...]:
    """Microscopes' 12-bit TIFF comes from Pillow as 16-bit, unscaled."""
    twelve_bits = getattr(image, "tag_v2", {}).get(_TIFF_BITS) == (12,)
    return (4095,) if twelve_bits else _WHITES[image.mode]
