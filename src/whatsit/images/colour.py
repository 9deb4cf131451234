"""Samples as a file holds them, with 0 as black: what a decoder hands over before anything is brought to 8 bits.

Deep images (more than 8 bits: integers or floats) → 8 bits, by a range of values: what is black, and what is white.

A file seldom says where its white is: a camera of 12 bits writes into 16, a thermal one counts from 28,000. So a data
set has one range for all its deep photos, measured on photos to learn from and kept with the model. Only where no
range is known does a photo's own content decide. It knows arrays of values, no files: whoever decodes hands over grey
(H, W) or colour (H, W, 3) of any number type, turned to rise from dark to light.

A Pillow image of any mode → RGB of 8 bits: transparency laid on white, deep greys scaled, not clipped.

Pillow's own `convert("RGB")` turns 16-bit grey all white and shows the colours hidden under alpha 0. Colour
profiles are not applied: a photo's numbers are taken for sRGB, as the networks' makers did.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from whatsit.errors import ImageError
from whatsit.images.preprocessing import ValueRange


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


SIXTEEN_BITS: ValueRange = (0, 65535)
NOMINAL = (1, 255, 1023, 4095, 16383, 65535)  # what white is where values are shares, or fill 8, 10, 12, 14 or 16 bits
USED = 0.5  # share of a nominal range that the photos must use for it to be theirs; a bit less, and it is one bit fewer
OVER = 1.1  # times white: resampling overshoots at edges by some percent
TAIL = 0.002  # share of all values that may lie outside, at either end: dead pixels, glints, overshoot
FAINT = 1 / 16  # of white: a photo whose brightest value is below is black to the eye, so that is not its white
HUGE = 1e30  # beyond, a float is a mark for "no data"
FLAT = 8  # levels of 255: a photo of less contrast shows next to nothing
STEPS = 50  # a measured end is a round number, as near as the range's fiftieth part
_MARKS = 8  # values that stand for something else than light, at most
SAMPLE = 100_000  # values of a photo that are looked at
ROWS = 2**22  # values that are scaled at a time
UNKNOWN = "more than 8 bits, at a model that saw no such photo: what is black and white in it was guessed"
NOTHING = "holds no numbers, only not-a-number and marks for no data"
EMPTY = "shows next to nothing by the model's range, where black is {:.10g} and white is {:.10g}"
Values = NDArray[Any]


def to_eight_bits(values: Values, value_range: ValueRange | None = None) -> NDArray[np.uint8]:
    """Values of any shape → uint8 of the same: black and below is 0, white and above is 255; not-a-number is black.

    value_range: (black, white); None where it is not known: 16 bits then count from 0 to 65535, and of others the photo
    decides (`range_of_photo`). 8 bits stay as they are, whatever the range. Raises ImageError for what are no numbers.
    """
    if values.dtype == np.uint8:
        return np.asarray(values, np.uint8)
    if values.dtype.kind not in "buif":
        raise ImageError(f"values of {values.dtype}: expected integers or floats")
    if values.dtype == np.bool_:
        return np.where(values, np.uint8(255), np.uint8(0))
    black, white = range_of_photo(values) if value_range is None else value_range
    flat = values.reshape(-1)
    scaled = np.empty(flat.shape, np.uint8)
    for start in range(0, len(flat), ROWS):
        part = slice(start, start + ROWS)
        scaled[part] = _scaled(flat[part], black, white)
    return scaled.reshape(values.shape)


def _scaled(values: Values, black: float, white: float) -> NDArray[np.uint8]:
    """(n,) → (n,)"""
    exact = np.float32 if values.dtype.itemsize <= 2 or values.dtype == np.float32 else np.float64
    numbers = np.nan_to_num(values.astype(exact), nan=black, posinf=white, neginf=black)
    levels = (numbers - exact(black)).clip(0, white - black) * (255 / (white - black))
    rounded: NDArray[np.uint8] = np.rint(levels).astype(np.uint8)  # 16 bits: value / 257
    return rounded


def doubt(values: Values | None, value_range: ValueRange | None) -> str | None:
    """What a reader of an answer should know of a deep image; None where there is nothing, or it has 8 bits."""
    if values is None or values.dtype == np.uint8:
        return None
    sample = sample_of(values)
    if not len(sample):
        return NOTHING
    if value_range is None:
        return UNKNOWN
    return EMPTY.format(*value_range) if shows_nothing(sample, value_range) else None


def range_of_photo(values: Values) -> ValueRange:
    """(black, white) of one photo, where nothing else is known.

    16 bits are taken as full. Of others it is 0 and the first usual white that holds nearly all values; where none
    does, or it would show the photo black, or values lie below zero, the ends of nearly all values.
    """
    if values.dtype.kind in "iu" and values.dtype.itemsize <= 2:
        return SIXTEEN_BITS
    known = without_marks(sample_of(values))
    if not len(known):
        return 0, 1
    low, high = _ends(known)
    for white in (255, 65535) if values.dtype.kind in "iu" else (1, 255, 65535):
        if high <= OVER * white and low >= (1 - OVER) * white and (high >= FAINT * white or white == 1):
            return 0, white
    low = min(low, 0)
    return (low, high) if high > low else (low, low + 1)


def measured_range(samples: Sequence[Values]) -> ValueRange:
    """(black, white) of a data set, from values of its deep photos: `sample_of` each.

    0 and a usual white, where the photos use at least half of what lies between; else the ends of nearly all values, as
    round numbers. Values that stand for "no data" do not count.
    """
    known = without_marks(np.concatenate([_as_many(one) for one in samples])) if samples else np.empty(0)
    if not len(known):
        return SIXTEEN_BITS
    low, high = _ends(known)
    white = next((white for white in NOMINAL if high <= OVER * white), None)
    if white is not None and low >= (1 - OVER) * white and high - max(low, 0) >= USED * white:
        return 0, white
    return _rounded(low, high)


def shows_nothing(sample: NDArray[np.float64], value_range: ValueRange) -> bool:
    """Whether a photo that has something to show is nearly of one shade by this range. sample: of `sample_of`."""
    own = measured_range([sample])
    return _contrast(sample, value_range) < FLAT < _contrast(sample, own)


def _contrast(sample: NDArray[np.float64], value_range: ValueRange) -> float:
    """Of nearly all pixels, in levels of 255."""
    low, high = _ends(to_eight_bits(sample, value_range).astype(np.float64)) if len(sample) else (0, 0)
    return high - low


def sample_of(values: Values) -> NDArray[np.float64]:
    """Values from all over the photo (at most `SAMPLE`), those that are finite."""
    flat = values.reshape(-1)
    step = max(1, -(-len(flat) // SAMPLE))
    step += step > 1 and step % 2 == 0  # an odd step goes through all columns of an even width
    some = flat[::step].astype(np.float64)
    finite: NDArray[np.float64] = some[np.isfinite(some) & (np.abs(some) < HUGE)]
    return finite


def _as_many(sample: NDArray[np.float64], most: int = 10_000) -> NDArray[np.float64]:
    """Small photos and large ones weigh about the same."""
    return sample[:: max(1, len(sample) // most)]


def without_marks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Without the lowest value where it stands alone, far below all others: −9999, or a border of 0 around counts. And
    without the highest, far above: a scale bar or an overexposed spot in 65535 where a camera counts to 4095.

    "Far" is twice the others' spread; below zero, where black is no usual value, a quarter of it.
    """
    for _ in range(_MARKS):
        ends = (values.min(), values.max()) if len(values) else ()
        mark = next((end for end in ends if _stands_alone(end, values)), None)
        if mark is None:
            break
        values = values[values != mark]
    return values


def _stands_alone(mark: float, values: NDArray[np.float64]) -> bool:
    others = values[values != mark]
    if len(np.unique(others[:1000])) < 16:  # too few to speak of a spread
        return False
    low, high = _ends(others)
    gap = others.min() - mark if mark < others.min() else mark - others.max()
    return bool(gap > (0.25 if mark < 0 and mark < low else 2) * (high - low))


def _ends(values: NDArray[np.float64]) -> tuple[float, float]:
    """Between which nearly all values lie."""
    low, high = np.quantile(values, [TAIL, 1 - TAIL])
    return float(low), float(high)


def _rounded(low: float, high: float) -> ValueRange:
    """Outwards, so that the range is the same for nearly the same photos, and reads well."""
    spread = high - low
    if spread <= 0:
        return low, low + 1
    power = 10.0 ** np.floor(np.log10(spread / STEPS))
    step = power * max(factor for factor in (1, 2, 5) if factor * power <= spread / STEPS)
    ends = np.floor(low / step) * step, np.ceil(high / step) * step
    return float(f"{ends[0]:.9g}"), float(f"{ends[1]:.9g}")


_DEEP = ("I;16", "I;16L", "I;16B", "I", "F")


def is_deep(image: Image.Image) -> bool:
    """Whether it has more than 8 bits, once it is loaded. Its header tells."""
    return image.mode in _DEEP


def to_rgb(image: Image.Image, value_range: ValueRange | None = None) -> Image.Image:
    """The loaded image as mode RGB, on white where it is transparent. value_range: of deep images."""
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
