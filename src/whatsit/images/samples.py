"""Samples as a file holds them, with 0 as black: what a decoder hands over before anything is brought to 8 bits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatsit.errors import ImageError


@dataclass(frozen=True)
class Header:
    """What a file says of its picture before it is decoded."""

    width: int  # pixels, as stored
    height: int
    orientation: int  # EXIF's, 1 to 8
    is_deep: bool  # more than 8 bits


@dataclass(frozen=True)
class Samples:
    """Grey (H, W) or RGB (H, W, 3), as stored and not turned upright.

    `values` are uint8, or deep: uint16 and more, signed, or float, in the machine's byte order. 0 is black whatever
    the file's polarity. What is white in deep values is not known here.
    """

    values: NDArray[Any]
    alpha: NDArray[np.uint8] | None = None  # (H, W), 255 is opaque; colours are not multiplied by it
    bits: int = 8  # per sample, as the file says; 12 bits come in uint16
    white: float | None = None  # the file's own word on its largest value: SMaxSampleValue, maxval
    further: bool = False  # whether the file has more pages


def no_such_bands(bands: Sequence[int], there: int, what: str = "band") -> ImageError:
    asked = ", ".join(map(str, bands))
    return ImageError(f"has {there} {what}{'s' * (there > 1)}, asked for {asked}. Give others with --bands")
