"""Words in pictures. The font is Pillow's own, so letters lose their accents; signs of other scripts become boxes.

The confusion matrix as a picture: rows are truth, columns what was said, the diagonal is right.

Cells are shaded by their share of the row (square root, so that rare mistakes show), blue where right and red where
wrong; up to 15 classes carry counts. Beyond 30 classes, the 30 with most mistakes are drawn, and the picture says so.
The report draws the same as SVG; TensorBoard takes pixels alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from whatsit.training.network.contact_sheet import BLACK, GREY, WHITE, elided, without_accents

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


SHOWN = 30  # classes; beyond, names no longer fit beside their cells
NUMBERED = 15  # classes; beyond, counts no longer fit their cells
CELL = (22, 60)  # pixels, the least and the most
SPAN = 420  # pixels of all cells together, about: TensorBoard shows pictures some 350 pixels wide
NARROW = 40  # pixels of a cell
LABEL = 130  # pixels that a class's name may take
LEAST = 340  # pixels of the picture's width: the lines above are to fit
MARGIN, GAP, LINE = 14, 6, 20  # pixels
TITLE, TEXT, SMALL = 16, 14, 11  # pixels, the fonts' sizes; small figures go into narrow cells
RIGHT, WRONG = (21, 88, 140), (168, 50, 20)  # at a share of 1: white reads on both (contrast 7.2 and 6.9)
EMPTY = (245, 245, 245)
FAINTEST = 0.15  # shade of a single photo among very many
DARK = 0.6  # of a shade from here on carry white figures
Counts = NDArray[np.int64]


def confusion(truth: Counts, said: Counts, classes: int) -> Counts:
    """(n,), (n,) → (classes, classes) counts; rows are truth."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (truth, said), 1)
    return counts


def draw_confusion(counts: Counts, classes: Sequence[str], title: str) -> Image.Image:
    """RGB. counts: (classes, classes), rows are truth. A line below the title says how many are right."""
    shown = _shown(counts)
    layout = _Layout.of([classes[k] for k in shown])
    picture = Image.new("RGB", layout.size, WHITE)
    pen = ImageDraw.Draw(picture)
    _write_head(pen, layout, counts, len(shown), title)
    _write_names(picture, layout)
    rows = counts.sum(axis=1)[shown]
    for r, c in np.ndindex(len(shown), len(shown)):
        n = int(counts[shown[r], shown[c]])
        _draw_cell(pen, layout, (r, c), n, n / max(int(rows[r]), 1))
    return picture


def _shown(counts: Counts) -> list[int]:
    """All classes, or those with most photos taken for or from another class; in their own order."""
    if len(counts) <= SHOWN:
        return list(range(len(counts)))
    wrong = counts.sum(axis=0) + counts.sum(axis=1) - 2 * np.diag(counts)
    return sorted(np.argsort(-wrong, kind="stable")[:SHOWN].tolist())


@dataclass(frozen=True)
class _Layout:
    """Where things stand, in pixels."""

    names: tuple[str, ...]  # as they fit
    cell: int
    left: int
    top: int
    size: tuple[int, int]

    @classmethod
    def of(cls, names: Sequence[str]) -> "_Layout":
        font = font_of(TEXT)
        shown = tuple(fitting(name, font, LABEL) for name in names)
        label = max(text_width(name, font) for name in shown)
        cell = min(CELL[1], max(CELL[0], SPAN // len(names)))
        left, top = MARGIN + label + GAP, MARGIN + 3 * LINE + label + GAP
        span = cell * len(names)
        return cls(shown, cell, left, top, (max(left + span, LEAST) + MARGIN, top + span + MARGIN))


def _write_head(pen: ImageDraw.ImageDraw, layout: _Layout, counts: Counts, shown: int, title: str) -> None:
    n, right = int(counts.sum()), int(np.trace(counts))
    below = f"{right:,} of {n:,} photos right"
    if shown < len(counts):
        below += f". {shown} of {len(counts)} classes, those with most mistakes"
    lines = [(title, TITLE, BLACK), (below, TEXT, BLACK), ("rows: truth; columns: what was said", TEXT, GREY)]
    for i, (text, size, colour) in enumerate(lines):
        font = font_of(size)
        line = fitting(text, font, layout.size[0] - 2 * MARGIN)
        pen.text((MARGIN, MARGIN + i * LINE), line, fill=colour, font=font)


def _write_names(picture: Image.Image, layout: _Layout) -> None:
    """Of the rows, and upright those of the columns."""
    font, pen = font_of(TEXT), ImageDraw.Draw(picture)
    for i, name in enumerate(layout.names):
        middle = (i + 0.5) * layout.cell
        pen.text((layout.left - GAP, layout.top + middle), name, fill=BLACK, font=font, anchor="rm")
        turned = _upright(name, font)
        picture.paste(turned, (round(layout.left + middle - turned.width / 2), layout.top - GAP - turned.height))


def _upright(text: str, font: ImageFont.FreeTypeFont) -> Image.Image:
    flat = Image.new("RGB", (text_width(text, font), LINE), WHITE)
    ImageDraw.Draw(flat).text((0, LINE / 2), text, fill=BLACK, font=font, anchor="lm")
    return flat.transpose(Image.Transpose.ROTATE_90)


def _draw_cell(pen: ImageDraw.ImageDraw, layout: _Layout, place: tuple[int, int], n: int, share: float) -> None:
    row, column = place
    x, y, side = layout.left + column * layout.cell, layout.top + row * layout.cell, layout.cell
    depth = FAINTEST + (1 - FAINTEST) * math.sqrt(share)
    full = RIGHT if row == column else WRONG
    pen.rectangle((x + 1, y + 1, x + side - 2, y + side - 2), fill=_mixed(full, depth) if n else EMPTY)
    if n and len(layout.names) <= NUMBERED:
        colour = WHITE if depth > DARK else BLACK
        font = font_of(TEXT if side >= NARROW else SMALL)
        pen.text((x + side / 2, y + side / 2), f"{n:,}", fill=colour, font=font, anchor="mm")


def _mixed(full: Colour, share: float) -> Colour:
    """White and so much of a colour."""
    r, g, b = (round(255 + (one - 255) * share) for one in full)
    return r, g, b
