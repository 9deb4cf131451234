"""A Pillow image of any mode → RGB of 8 bits: transparency laid on white, deep greys scaled, not clipped.

Pillow's own `convert("RGB")` turns 16-bit grey all white and shows the colours hidden under alpha 0. Colour
profiles are not applied: a photo's numbers are taken for sRGB, as the networks' makers did.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from whatsit.images.depth import to_eight_bits
from whatsit.images.preprocessing import ValueRange
from whatsit.images.samples import Samples, no_such_bands

_DEEP = ("I;16", "I;16L", "I;16B", "I", "F")


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


def without_empty_alpha(image: Image.Image) -> Image.Image:
    """Without alpha where it is nothing but 0: no opacity, as browsers and Windows have it."""
    empty = image.mode in ("RGBA", "LA") and image.getchannel("A").getextrema() == (0, 0)
    return image.convert(image.mode[:-1]) if empty else image


def samples_to_rgb(samples: Samples, value_range: ValueRange | None = None) -> Image.Image:
    """What a decoder handed over as numbers → mode RGB, on white where it is transparent. value_range: as above."""
    levels = to_eight_bits(samples.values, value_range or _declared(samples))
    colour = Image.fromarray(np.ascontiguousarray(levels))
    colour = colour if colour.mode == "RGB" else colour.convert("RGB")
    if samples.alpha is None:
        return colour
    colour.putalpha(Image.fromarray(samples.alpha))
    return Image.alpha_composite(Image.new("RGBA", colour.size, (255, 255, 255, 255)), colour).convert("RGB")


def of_bands(image: Image.Image, bands: Sequence[int]) -> Image.Image:
    """Of RGB, the bands of those numbers, from 1, as RGB. Raises `ImageError` where there are no such bands."""
    if max(bands) > len(image.getbands()):
        raise no_such_bands(bands, len(image.getbands()))
    chosen = [image.getchannel(band - 1) for band in bands]
    return Image.merge("RGB", chosen if len(chosen) == 3 else 3 * chosen)


def _declared(samples: Samples) -> ValueRange | None:
    """The file's own word on its white, or its depth of 9 to 15 bits."""
    if samples.white is not None:
        return 0, samples.white
    return (0, 2**samples.bits - 1) if 8 < samples.bits < 16 else None


def _to_eight_bits(image: Image.Image, value_range: ValueRange | None) -> Image.Image:
    """Deep grey → mode L."""
    return Image.fromarray(to_eight_bits(np.asarray(image), value_range))  # of (H, W) uint16, int32 or float32
