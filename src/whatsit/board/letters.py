"""Words in pictures. The font is Pillow's own, so letters lose their accents; signs of other scripts become boxes."""

import math

from PIL import ImageFont

from whatsit.networks.contact_sheet import BLACK, GREY, WHITE, elided, without_accents

__all__ = ["BLACK", "GREY", "WHITE", "Colour", "fitting", "font_of", "text_width"]

Colour = tuple[int, int, int]


def font_of(size: int) -> ImageFont.FreeTypeFont:
    """size: pixels."""
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType. Install it from its wheels: pip install pillow")
    return font


def fitting(text: str, font: ImageFont.FreeTypeFont, width: float) -> str:
    """The text as it can be drawn in so many pixels; longer ones end in an ellipsis."""
    return elided(without_accents(text), font, width)


def text_width(text: str, font: ImageFont.FreeTypeFont) -> int:
    """Pixels."""
    return math.ceil(font.getlength(text)) or 1
