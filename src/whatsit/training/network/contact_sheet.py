"""Small pictures in rows and columns under a title, as one image. It knows pixels and words, and no network."""

import math
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

SHOWN = (120, 320)  # pixels that a cell's longer side is shown with, at least (about) and at most
MARGIN = 12  # pixels around everything, and between the first column and the others
GAP = 4  # between other cells
TITLE, TEXT = 16, 14  # pixels, the fonts' sizes
LINE = 20  # pixels from line to line
WHITE, BLACK, GREY = (255, 255, 255), (26, 26, 26), (102, 102, 102)  # greys read well on white (contrast 5.7 and more)


LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "×": "x"}
)


Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class Cell:
    """One small picture, and a word below it."""

    pixels: NDArray[np.uint8]  # (height, width, 3), the same for all
    note: str = ""


@dataclass(frozen=True)
class Row:
    """A label and a name above, and two pictures or more, as many in every row; the first stands apart."""

    label: str
    name: str
    cells: tuple[Cell, ...]


def draw_sheet(title: str, subtitle: str, rows: Sequence[Row]) -> Image.Image:
    """RGB. Text that is longer than the sheet is wide ends in an ellipsis.

    Letters lose their accents: the font, Pillow's own, has none. Signs of other scripts become boxes.
    """
    width, height = _shown_size(rows[0].cells[0].pixels)
    noted = any(cell.note for row in rows for cell in row.cells)
    row_height = LINE + height + (LINE if noted else 0) + MARGIN
    columns = len(rows[0].cells)
    size = (3 * MARGIN + columns * (width + GAP) - 2 * GAP, MARGIN + 2 * LINE + MARGIN + len(rows) * row_height)
    sheet = Image.new("RGB", size, WHITE)
    pen = _Pen(sheet)
    pen.write((MARGIN, MARGIN), title, TITLE, BLACK)
    pen.write((MARGIN, MARGIN + LINE), subtitle, TEXT, GREY)
    for i, row in enumerate(rows):
        _draw_row(pen, row, MARGIN + 2 * LINE + MARGIN + i * row_height, (width, height))
    return sheet


def _draw_row(pen: "_Pen", row: Row, top: int, size: tuple[int, int]) -> None:
    after_label = pen.write((MARGIN, top), row.label, TEXT, BLACK)
    pen.write((after_label + (GAP * 2 if row.label else 0), top), row.name, TEXT, GREY)
    for column, cell in enumerate(row.cells):
        left = MARGIN + column * (size[0] + GAP) + (MARGIN - GAP if column else 0)
        pen.sheet.paste(_resized(cell.pixels, size), (left, top + LINE))
        pen.write((left, top + LINE + size[1]), cell.note, TEXT, GREY, size[0])


@dataclass(frozen=True)
class _Pen:
    sheet: Image.Image

    def write(
        self, at: tuple[int, int], text: str, size: int, colour: tuple[int, int, int], most: int | None = None
    ) -> int:
        """Gives where the text ends. most: pixels; else to the margin."""
        font = ImageFont.load_default(size)
        fitting = elided(without_accents(text), font, self.sheet.width - MARGIN - at[0] if most is None else most)
        ImageDraw.Draw(self.sheet).text(at, fitting, fill=colour, font=font)
        return at[0] + math.ceil(font.getlength(fitting))


def without_accents(text: str) -> str:
    parts = unicodedata.normalize("NFKD", text.translate(LETTERS))
    return "".join(sign for sign in parts if not unicodedata.combining(sign))


def elided(text: str, font: Font, width: float) -> str:
    if font.getlength(text) <= width:
        return text
    signs = bisect_right(range(len(text)), width, key=lambda n: font.getlength(f"{text[:n]}…")) - 1
    return f"{text[:signs].rstrip()}…" if signs > 0 else ""


def _shown_size(pixels: NDArray[np.uint8]) -> tuple[int, int]:
    """(width, height): small pictures are magnified by a whole number, large ones made smaller."""
    height, width = pixels.shape[:2]
    longer = max(height, width)
    scale = math.ceil(SHOWN[0] / longer) if longer < SHOWN[0] else min(1.0, SHOWN[1] / longer)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _resized(pixels: NDArray[np.uint8], size: tuple[int, int]) -> Image.Image:
    """Magnified, single pixels stay visible: it is they that the network sees."""
    image = Image.fromarray(pixels)
    return image.resize(size, Image.Resampling.NEAREST if size[0] > image.width else Image.Resampling.BOX)
