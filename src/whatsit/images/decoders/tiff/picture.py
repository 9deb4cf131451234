"""A page's samples → grey or RGB with black at 0, by what its tags say of them (TIFF 6.0).

Deep samples stay as they are: only their polarity is turned. 8 bits and less come out as 8 bits.
"""

from collections.abc import Sequence
from math import isfinite
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from whatsit.errors import ImageError
from whatsit.images.colour import Samples, no_such_bands
from whatsit.images.decoders.tiff.chunks import read_samples
from whatsit.images.decoders.tiff.directory import (
    ALPHA,
    ALPHA_PREMULTIPLIED,
    BLACK_IS_ZERO,
    CIELAB,
    CMYK,
    ICCLAB,
    PALETTE,
    RGB,
    WHITE_IS_ZERO,
    YCBCR,
    Layout,
)
from whatsit.images.limits import Limits

_GDAL_NODATA = 42113  # a text
_COREL_ALPHA = 999  # Corel Draw 10 writes so
_OVERSHOOT = 1.5  # times white: resampling goes a little beyond it, counts far beyond
_ROWS_AT_ONCE = 256  # while numbers are floats
_LUMA = (0.299, 0.587, 0.114)  # YCbCrCoefficients' default
_REFERENCE = (0, 255, 128, 255, 128, 255)  # ReferenceBlackWhite's default for YCbCr


def read_picture(layout: Layout, limits: Limits) -> Samples:
    """Raises `ImageError` as `read_samples` does, and where the page's bands are no picture by themselves."""
    if limits.bands is not None:
        return _of_bands(layout, limits.bands, limits)
    alpha_at = _alpha(layout)
    wanted = [*range(layout.colours), *([] if alpha_at is None else [alpha_at])]
    if layout.samples < layout.colours:
        raise ImageError(f"damaged TIFF: {layout.samples} samples per pixel where {layout.colours} belong")
    if layout.colours == 1 and layout.samples - (alpha_at is not None) > 2 and layout.photometric != PALETTE:
        raise ImageError(
            f"not supported: TIFF of {layout.samples} bands, without a word on which are red, green and blue. "
            "Name them, as --bands 3,2,1, or save three of them as RGB"
        )
    premultiplied = alpha_at is not None and layout.extra[alpha_at - layout.colours :][:1] == (ALPHA_PREMULTIPLIED,)
    if alpha_at is not None and layout.kind == "i":
        raise ImageError("not supported: TIFF of signed numbers with opacity. Save it without an alpha channel")
    if premultiplied and layout.photometric not in (BLACK_IS_ZERO, RGB):
        raise ImageError("not supported: TIFF with opacity multiplied into such colours. Save it as RGB or grey")
    samples, layout = read_samples(layout, wanted, limits)
    values = _CONVERT[layout.photometric](_without_marks(samples[..., : layout.colours], layout), layout)
    if alpha_at is None:
        return Samples(values, None, layout.bits, _white(layout))
    alpha = _to_eight(samples[..., -1], layout)
    if premultiplied:
        values = _divided(values, samples[..., -1], _top(samples.dtype, layout))
    return Samples(values, alpha, layout.bits, _white(layout))


def _of_bands(layout: Layout, bands: Sequence[int], limits: Limits) -> Samples:
    """The samples of those numbers, from 1, as red, green and blue or as grey: without opacity."""
    if layout.photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB):
        raise ImageError("not supported: bands of a TIFF whose samples are no light. Leave out --bands")
    if max(bands) > layout.samples:
        raise no_such_bands(bands, layout.samples)
    samples, layout = read_samples(layout, [band - 1 for band in bands], limits)
    samples = _without_marks(samples, layout)
    values = np.stack([_grey(samples[..., i : i + 1], layout) for i in range(len(bands))], axis=-1)
    return Samples(values[..., 0] if len(bands) == 1 else values, None, layout.bits, _white(layout))


def _alpha(layout: Layout) -> int | None:
    """The sample that is opacity. A fourth one beside RGB without a word is, as libtiff and Pillow have it."""
    for place, kind in enumerate(layout.extra, layout.colours):
        if kind in (ALPHA, ALPHA_PREMULTIPLIED, _COREL_ALPHA):
            return place
    return 3 if layout.photometric == RGB and layout.samples == 4 and not layout.extra else None


def _without_marks(samples: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """Pixels whose samples all are GDAL's mark for "no data" → the darkest there is: of floats not-a-number."""
    try:
        mark = float(layout.tags.text(_GDAL_NODATA))
    except ValueError:  # no such tag, or none of its numbers
        return samples
    if layout.photometric not in (BLACK_IS_ZERO, RGB):
        return samples
    marked = (samples == samples.dtype.type(mark) if layout.kind == "f" else samples == mark).all(axis=-1)
    if not marked.any():
        return samples
    if layout.kind == "f":
        darkest = np.nan
    else:
        darkest = 0 if samples.dtype == np.uint8 else samples[~marked].min(initial=np.iinfo(samples.dtype).max)
    out = samples.copy()
    out[marked] = darkest
    return out


def _white(layout: Layout) -> float | None:
    """SMaxSampleValue of the first sample. Not MaxSampleValue, which is what a picture happens to reach."""
    said = layout.tags.numbers(341)
    return float(said[0]) if said and isfinite(said[0]) and said[0] > 0 else None


def _top(dtype: np.dtype[Any], layout: Layout) -> float:
    """The largest value of whole numbers of that depth; of floats 1."""
    return 1.0 if dtype.kind == "f" else float(2 ** (layout.bits - (dtype.kind == "i")) - 1)


def _grey(samples: NDArray[Any], layout: Layout) -> NDArray[Any]:
    values = samples[..., 0]
    if layout.photometric == WHITE_IS_ZERO:
        values = _turned(values, layout)
    if values.dtype == np.int8:  # signed bytes: -128 is black
        return _to_eight((values.astype(np.int16) + (1 << (layout.bits - 1))).astype(np.uint8), layout)
    return _to_eight(values, layout) if values.dtype == np.uint8 else values


def _turned(values: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """WhiteIsZero: the largest value of the depth - value; signed bytes have their ends swapped.

    Deeper signed numbers, integers of 32 bits and floats have no largest value to count from: the file's own
    SMaxSampleValue is taken, of floats from 0 to about 1 it is 1, and others are refused.
    """
    if layout.bits <= 16 and layout.kind == "u":
        turned: NDArray[Any] = (2**layout.bits - 1) - values
        return turned
    if layout.bits <= 8 and layout.kind == "i":
        return ~values
    white = _white(layout) or (1.0 if layout.kind == "f" else None)
    brightest = np.max(values, where=np.isfinite(values), initial=0)
    if white is None or brightest > _OVERSHOOT * white:
        raise ImageError(
            "not supported: TIFF where 0 is white, without a word on which value is black. Save it with 0 as black"
        )
    return white - (values if layout.kind == "f" else values.astype(np.float64))


def _to_eight(values: NDArray[Any], layout: Layout) -> NDArray[np.uint8]:
    """Of samples with a known largest value: that becomes 255."""
    if layout.bits == 8 and values.dtype == np.uint8:
        return values
    top = _top(values.dtype, layout)
    scaled = np.nan_to_num(values.astype(np.float32)).clip(0, top)
    return np.rint(scaled * (255 / top)).astype(np.uint8)


def _rgb(samples: NDArray[Any], layout: Layout) -> NDArray[Any]:
    if samples.dtype == np.int8:
        return (samples.view(np.uint8) ^ 128) if layout.bits == 8 else _unread(layout)
    return _to_eight(samples, layout) if samples.dtype == np.uint8 else samples


def _palette(samples: NDArray[Any], layout: Layout) -> NDArray[np.uint8]:
    """Colours of 16 bits; where none is above 255, they are of 8 (libtiff's rule)."""
    table = np.array(layout.tags.integers(320), np.int64)
    if layout.kind != "u" or layout.bits > 16 or len(table) != 3 << layout.bits:
        raise ImageError(f"damaged TIFF: a palette of {len(table)} numbers for {layout.bits} bits")
    colours = (table if table.max() < 256 else table >> 8).astype(np.uint8).reshape(3, -1).T
    return np.take(colours, samples[..., 0], axis=0)


def _cmyk(samples: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """(white - ink) x (white - black) / white."""
    if layout.kind != "u" or layout.bits not in (8, 16):
        _unread(layout)
    if samples.dtype == np.uint8:
        return np.asarray(Image.fromarray(np.ascontiguousarray(samples), "CMYK").convert("RGB"))
    light = 65535 - samples.astype(np.uint32)
    return ((light[..., :3] * light[..., 3:] + 32767) // 65535).astype(np.uint16)


def _ycbcr(samples: NDArray[Any], layout: Layout) -> NDArray[np.uint8]:
    """TIFF 6.0, section 21, with its ReferenceBlackWhite and YCbCrCoefficients."""
    if samples.dtype != np.uint8 or layout.bits != 8:
        _unread(layout)
    red, green, blue = layout.tags.numbers(529)[:3] if len(layout.tags.numbers(529)) >= 3 else _LUMA
    reference = layout.tags.numbers(532)[:6]
    black_white = reference if len(reference) == 6 else _REFERENCE
    if green <= 0 or any(low >= high for low, high in zip(black_white[::2], black_white[1::2], strict=True)):
        raise ImageError("damaged TIFF: its YCbCr has no white")
    out = np.empty(samples.shape, np.uint8)
    for top in range(0, len(samples), _ROWS_AT_ONCE):
        rows = slice(top, top + _ROWS_AT_ONCE)
        out[rows] = _red_green_blue(samples[rows].astype(np.float32), black_white, (red, green, blue))
    return out


def _red_green_blue(
    values: NDArray[np.float32], black_white: Sequence[float], luma_of: tuple[float, float, float]
) -> NDArray[np.float32]:
    red, green, blue = luma_of
    luma = (values[..., 0] - black_white[0]) * (255 / (black_white[1] - black_white[0]))
    cb = (values[..., 1] - black_white[2]) * (127 / (black_white[3] - black_white[2]))
    cr = (values[..., 2] - black_white[4]) * (127 / (black_white[5] - black_white[4]))
    r = luma + cr * (2 - 2 * red)
    b = luma + cb * (2 - 2 * blue)
    g = (luma - blue * b - red * r) / green
    rgb: NDArray[np.float32] = np.stack([r, g, b], axis=-1)
    clipped: NDArray[np.float32] = np.rint(rgb.clip(0, 255))
    return clipped


def _lab(samples: NDArray[Any], layout: Layout) -> NDArray[np.uint8]:
    """By Pillow's colour management. CIELab's a and b are signed, ICCLab's shifted by 128."""
    if layout.kind != "u" or layout.bits not in (8, 16):
        _unread(layout)
    high = (samples >> (layout.bits - 8)).astype(np.uint8)
    signed = high if layout.photometric == CIELAB else high ^ np.array([0, 128, 128], np.uint8)
    height, width = signed.shape[:2]
    return np.asarray(Image.frombytes("LAB", (width, height), np.ascontiguousarray(signed).tobytes()).convert("RGB"))


def _divided(values: NDArray[Any], alpha: NDArray[Any], top: float) -> NDArray[Any]:
    """Colours that were multiplied by their opacity, as they were before."""
    out = np.zeros_like(values)
    for row in range(len(values)):
        share = alpha[row].astype(np.float64) / top
        seen = share > 0
        whole = values[row][seen] / (share[seen] if values.ndim == 2 else share[seen, None])
        out[row][seen] = whole if values.dtype.kind == "f" else np.rint(whole.clip(0, top))
    return out


def _unread(layout: Layout) -> NoReturn:
    raise ImageError(f"not supported: TIFF with {layout.bits}-bit colours of this kind. Save it as RGB or grey")


_CONVERT = {
    WHITE_IS_ZERO: _grey,
    BLACK_IS_ZERO: _grey,
    RGB: _rgb,
    PALETTE: _palette,
    CMYK: _cmyk,
    YCBCR: _ycbcr,
    CIELAB: _lab,
    ICCLAB: _lab,
}
