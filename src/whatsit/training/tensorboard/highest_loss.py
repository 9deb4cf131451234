"""The photos that a network or head is most wrong about, as one picture: what they are, and what was said."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from whatsit.training.network.contact_sheet import BLACK, GREY, WHITE
from whatsit.training.tensorboard.confusion import Colour, fitting, font_of

COLUMNS, ROWS = 3, 3  # TensorBoard shows pictures some 350 pixels wide: more would be too small to read
MOST = COLUMNS * ROWS
SIDE = 140  # pixels of a photo's longer side
MARGIN, GAP, LINE = 14, 20, 18  # pixels
TITLE, TEXT = 16, 14  # pixels, the fonts' sizes
WRONG = (168, 50, 20)


@dataclass(frozen=True)
class Wrong:
    """One photo, its class, and what was said with which probability."""

    pixels: NDArray[np.uint8]  # (height, width, 3)
    truth: str
    said: str
    probability: float  # of what was said
    of_truth: float  # the probability of the truth


def worst_rows(truth: NDArray[np.int64], probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    """The rows of greatest cross-entropy, worst first. truth: (n,); probabilities: (n, classes)."""
    of_truth = probabilities[np.arange(len(truth)), truth]
    return np.argsort(of_truth, kind="stable")[:MOST]


def wrong_of(pixels: NDArray[np.uint8], truth: int, probabilities: NDArray[np.float64], names: Sequence[str]) -> Wrong:
    """probabilities: (classes,) of one photo."""
    said = int(probabilities.argmax())
    return Wrong(pixels, names[truth], names[said], float(probabilities[said]), float(probabilities[truth]))


def draw_worst(photos: Sequence[Wrong], title: str) -> Image.Image:
    """RGB. At most `MOST` photos; an answer that is wrong is red."""
    rows = max(1, -(-len(photos) // COLUMNS))
    step = (SIDE + GAP, SIDE + 2 * LINE + GAP)
    top = MARGIN + LINE + GAP
    picture = Image.new("RGB", (2 * MARGIN + COLUMNS * step[0] - GAP, top + rows * step[1]), WHITE)
    _write(picture, (MARGIN, MARGIN), title, TITLE, BLACK, picture.width - 2 * MARGIN)
    for i, photo in enumerate(photos):
        at = MARGIN + i % COLUMNS * step[0], top + i // COLUMNS * step[1]
        _draw(picture, photo, at)
    return picture


def _draw(picture: Image.Image, photo: Wrong, at: tuple[int, int]) -> None:
    small = _scaled(photo.pixels)
    picture.paste(small, (at[0] + (SIDE - small.width) // 2, at[1] + (SIDE - small.height) // 2))
    below = at[1] + SIDE + 2
    red = photo.said != photo.truth
    _write(picture, (at[0], below), f"is {_told(photo.truth, photo.of_truth)}", TEXT, GREY, SIDE)
    said = f"said {_told(photo.said, photo.probability)}"
    _write(picture, (at[0], below + LINE), said, TEXT, WRONG if red else BLACK, SIDE)


def _told(name: str, probability: float) -> str:
    """`roses, 97 %`; long names are cut, so that the number stays."""
    number = f", {100 * probability:.0f} %"
    font = font_of(TEXT)
    return fitting(name, font, SIDE - font.getlength(f"said {number}")) + number


def _write(picture: Image.Image, at: tuple[int, int], text: str, size: int, colour: Colour, width: int) -> None:
    font = font_of(size)
    ImageDraw.Draw(picture).text(at, fitting(text, font, width), fill=colour, font=font)


def _scaled(pixels: NDArray[np.uint8]) -> Image.Image:
    """In its proportions; magnified only by whole numbers, so that single pixels stay visible."""
    image = Image.fromarray(pixels)
    scale = SIDE / max(image.size)
    scale = float(int(scale)) if scale > 1 else scale
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX)
