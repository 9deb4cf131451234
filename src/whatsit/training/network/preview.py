"""Small pictures in rows and columns under a title, as one image. It knows pixels and words, and no network.

What augmentation does to photos, as one picture: a row a photo, the photo itself first, then copies of it.

The photos are read, made small and changed by the very functions that training uses. Only photos to learn from are
shown: those that judge are never changed. How the picture is laid out, `contact_sheet.py` knows.
"""

import math
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from whatsit.data.dataset import Dataset, Record
from whatsit.errors import DatasetError, ImageError, WhatsitError
from whatsit.files import check_file, write_atomically
from whatsit.images.decode import as_png, load_for_network
from whatsit.images.limits import DEFAULT_LIMITS, Limits
from whatsit.images.preprocessing import Fit, Preprocessing, ValueRange
from whatsit.text import printable
from whatsit.training.calibration import in_turn
from whatsit.training.network.augment.augmentation import Augmentation
from whatsit.training.network.augment.names import PRESETS

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


@dataclass(frozen=True)
class PreviewOptions:
    """The options of `whatsit preview`."""

    augment: str = "light"
    size: tuple[int, int] = (150, 150)  # height and width in pixels; the tutorials', and six cells fit on a screen
    fit: Fit = "squash"
    photos: int = 6
    copies: int = 5  # of each
    seed: int = 0  # another seed shows other photos, changed otherwise
    limits: Limits = DEFAULT_LIMITS
    value_range: ValueRange | None = None  # of deep photos


@dataclass(frozen=True)
class Preview:
    """What was drawn, and what could not be read."""

    file: Path
    photos: tuple[str, ...]  # their URIs, from top to bottom
    left_out: tuple[tuple[str, str], ...]  # (uri, reason)


@dataclass(frozen=True)
class _Photo:
    record: Record
    pixels: NDArray[np.uint8]  # (height, width, 3)


def preview(dataset: Dataset, output: str | Path, options: PreviewOptions, *, overwrite: bool = False) -> Preview:
    """Draws the picture and writes it as a PNG file.

    Raises:
        DatasetError: There is no photo to learn from, or none can be read.
        WhatsitError: Not an augmentation, or a file that cannot be written, exists, or is named as no PNG.
    """
    augmentation = Augmentation(options.augment)
    file = Path(output)
    if file.suffix.lower() != ".png":
        raise WhatsitError(f"{file}: a preview is a PNG file. Name it so: --output {file.with_suffix('.png')}")
    check_file(file, overwrite=overwrite)
    photos, left_out = _read(dataset, options)
    sheet = draw_sheet(*_words(options), _rows(photos, augmentation, options))
    write_atomically(file, as_png(sheet))
    return Preview(file, tuple(photo.record.uri for photo in photos), left_out)


def _words(options: PreviewOptions) -> tuple[str, str]:
    """The title, and a line below it."""
    spelled = PRESETS.get(options.augment)
    title = f"{options.augment}: {spelled}" if spelled else options.augment or "none"
    height, width = options.size
    return title, f"{height} × {width} pixels, {options.fit}, seed {options.seed}. First the photo itself"


def _read(dataset: Dataset, options: PreviewOptions) -> tuple[list[_Photo], tuple[tuple[str, str], ...]]:
    """Up to so many photos that can be read, in the order of their classes, and those that cannot, with the reason."""
    preprocessing = Preprocessing(size=options.size, fit=options.fit, value_range=options.value_range)
    photos: list[_Photo] = []
    left_out: list[tuple[str, str]] = []
    for record in _spread(dataset, options.seed):
        try:
            photos.append(_Photo(record, load_for_network(record.uri, preprocessing, options.limits)))
        except ImageError as error:
            left_out.append((record.uri, str(error)))
        if len(photos) == options.photos:
            break
    if not photos:
        uri, reason = left_out[0]
        raise DatasetError(
            f"{dataset.name}: none of {len(left_out)} photos to learn from can be read "
            f"(the first, {printable(uri)}: {reason}). Expected photos. Check the folder or manifest"
        )
    return sorted(photos, key=lambda photo: (photo.record.label, photo.record.uri)), tuple(left_out)


def _spread(dataset: Dataset, seed: int) -> Iterator[Record]:
    """The photos to learn from in random order, but one of each class before the second of any."""
    records = [record for record in dataset.records if record.split not in ("valid", "test")]
    if not records:
        raise DatasetError(
            f"{dataset.name}: has photos for valid or test alone, and those are never changed. Expected photos to "
            "learn from. Give the folder or manifest that they are in"
        )
    drawn = [records[i] for i in np.random.default_rng(seed).permutation(len(records))]
    number = {label: i for i, label in enumerate(sorted({record.label for record in drawn}))}
    labels = np.array([number[record.label] for record in drawn], np.int64)
    return (drawn[i] for i in in_turn(labels))


def _rows(photos: list[_Photo], augmentation: Augmentation, options: PreviewOptions) -> list[Row]:
    generator = torch.Generator().manual_seed(options.seed)
    pixels = torch.from_numpy(np.stack([photo.pixels for photo in photos])).permute(0, 3, 1, 2)  # (n, 3, h, w)
    columns = [[Cell(photo.pixels) for photo in photos]]
    columns += [_column(photos, pixels, augmentation, generator) for _ in range(options.copies)]
    return [
        Row(photo.record.label, printable(Path(photo.record.uri).name), tuple(column[i] for column in columns))
        for i, photo in enumerate(photos)
    ]


def _column(photos: list[_Photo], pixels: Tensor, augmentation: Augmentation, generator: torch.Generator) -> list[Cell]:
    """One copy of each photo. A column is a batch, so photos that are mixed are mixed within it."""
    changed, shares = augmentation.mix(augmentation(pixels, generator), torch.eye(len(photos)), generator)
    drawn: NDArray[np.uint8] = changed.round().to(torch.uint8).permute(0, 2, 3, 1).numpy()  # (n, h, w, 3)
    return [Cell(drawn[i], _note(i, shares[i], photos)) for i in range(len(photos))]


def _note(own: int, shares: Tensor, photos: list[_Photo]) -> str:
    """What another photo has to say in this one: '31 % tulips'; nothing where too little to tell was mixed in."""
    others = shares.clone()
    others[own] = 0
    share, other = others.max(dim=0)
    percent = round(100 * float(share))
    label = photos[int(other)].record.label or "another photo"
    return f"{percent} % {label}" if percent else ""
