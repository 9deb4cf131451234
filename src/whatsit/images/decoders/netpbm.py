"""PBM, PGM, PPM, PAM and PFM, plain and binary (netpbm's own manual pages), as their files have them: Pillow scales
some to 8 bits and knows neither PAM nor colour PFM.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatsit.errors import ImageError
from whatsit.images.colour import Header, Samples
from whatsit.images.limits import Limits, check_pixels, check_samples

_TOKEN = re.compile(rb"(?:\s|#[^\n\r]*[\n\r])*([^\s#]+)")
_COMMENT = re.compile(rb"#[^\n\r]*")
_PAM_LINE = re.compile(rb"(?:#[^\n]*\n|[ \t\r]*\n)*[ \t]*([A-Z]+)[ \t]*([^\n]*)\n")
_SAMPLES = {b"P1": 1, b"P2": 1, b"P3": 3, b"P4": 1, b"P5": 1, b"P6": 3, b"Pf": 1, b"PF": 3}
_PLAIN, _BITS, _FLOATS = (b"P1", b"P2", b"P3"), (b"P1", b"P4"), (b"Pf", b"PF")
_MOST = 65535  # maxval


@dataclass(frozen=True)
class _Layout:
    magic: bytes
    width: int
    height: int
    samples: int
    most: float  # maxval; of floats the scale, below zero where they are little-endian
    start: int  # of the pixels, in bytes


def header(data: bytes) -> Header:
    """Raises `ImageError`."""
    layout = _layout(data)
    return Header(layout.width, layout.height, 1, layout.most > 255 or layout.magic in _FLOATS)


def read(data: bytes, limits: Limits) -> Samples:
    """Raises `ImageError`."""
    layout = _layout(data)
    check_pixels(layout.width, layout.height, limits)
    count = layout.width * layout.height * layout.samples
    check_samples(count * (4 if layout.magic in _FLOATS else 2), limits)
    values = _values(data, layout, count).reshape(layout.height, layout.width, layout.samples)
    if layout.magic in _FLOATS:
        return Samples(np.ascontiguousarray(_squeezed(values[::-1])), None, 32)  # the bottom row comes first
    if layout.magic in _BITS:
        return Samples((1 - values[..., 0].astype(np.uint8)) * np.uint8(255))  # 1 is black
    most = int(layout.most)
    alpha = np.rint(values[..., -1] * (255 / most)).astype(np.uint8) if layout.samples in (2, 4) else None
    colours = _squeezed(values[..., : layout.samples - (alpha is not None)])
    if most > 255:
        return Samples(colours, alpha, most.bit_length(), float(most))
    scaled = colours if most == 255 else np.rint(colours.clip(0, most) * (255 / most))
    return Samples(scaled.astype(np.uint8), alpha)


def _layout(data: bytes) -> _Layout:
    magic = data[:2]
    if magic == b"P7":
        return _pam(data)
    numbers, at = [], 2
    for _ in range(2 if magic in _BITS else 3):
        token = _TOKEN.match(data, at, at + 4096)
        if token is None:
            raise ImageError("truncated PNM: ends in the middle of a header")
        numbers.append(float(token[1]))
        at = token.end()
    most = 1.0 if magic in _BITS else numbers[2]
    fine = 0 < most <= _MOST if magic not in _FLOATS else np.isfinite(most) and most != 0
    if not fine or min(numbers[:2]) < 1 or not all(one.is_integer() for one in numbers[:2]):
        raise ImageError("damaged PNM: its header has no size or no largest value")
    return _Layout(magic, int(numbers[0]), int(numbers[1]), _SAMPLES[magic], most, at + 1)


def _pam(data: bytes) -> _Layout:
    fields, at = {}, 3
    while line := _PAM_LINE.match(data, at, at + 4096):
        at = line.end()
        if line[1] == b"ENDHDR":
            break
        fields[line[1]] = line[2].strip()
    try:
        width, height, samples, most = (int(fields[name]) for name in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL"))
    except (KeyError, ValueError):
        raise ImageError("damaged PNM: its header has no size or no largest value") from None
    if not 0 < most <= _MOST or min(width, height) < 1:
        raise ImageError("damaged PNM: its header has no size or no largest value")
    if not 1 <= samples <= 4:
        raise ImageError(f"not supported: PAM of {samples} bands. Save it as RGB or grey")
    return _Layout(b"P7", width, height, samples, most, at)


def _values(data: bytes, layout: _Layout, count: int) -> NDArray[Any]:
    """All samples, one after the other."""
    values: NDArray[Any]
    if layout.magic in _PLAIN:
        text = _COMMENT.sub(b" ", data[layout.start - 1 :])
        if layout.magic == b"P1":  # bits need no space between them
            values = np.frombuffer(b"".join(text.split()), np.uint8)[:count] - np.uint8(ord("0"))
        else:
            values = np.fromstring(text.decode("ascii"), np.int64, count=count, sep=" ").astype(np.uint16)
    elif layout.magic == b"P4":
        row_bytes = -(-layout.width // 8)
        packed = np.frombuffer(data, np.uint8, offset=layout.start)[: row_bytes * layout.height]
        rows = packed[: len(packed) // row_bytes * row_bytes].reshape(-1, row_bytes)
        values = np.unpackbits(rows, axis=1, count=layout.width).reshape(-1)
    else:
        order = "<" if layout.most < 0 else ">"
        stored = np.dtype(f"{order}f4" if layout.magic in _FLOATS else ">u2" if layout.most > 255 else "u1")
        body = data[layout.start : layout.start + count * stored.itemsize]
        values = np.frombuffer(body[: len(body) // stored.itemsize * stored.itemsize], stored)
        values = values.astype(stored.newbyteorder("="))
    if len(values) < count:
        raise ImageError(f"truncated PNM: {len(values):,} numbers where {count:,} are expected")
    return values


def _squeezed(values: NDArray[Any]) -> NDArray[Any]:
    return values[..., 0] if values.shape[2] == 1 else values
