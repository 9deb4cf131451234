"""TIFF's tags: classic and BigTIFF, either byte order (TIFF 6.0, section 2; BigTIFF as libtiff defines it).

Fields are looked up in the file when they are asked for, and a count that the file cannot hold is refused before
anything is allocated. A whole number may be stored in any of the unsigned or signed types, as TIFF 6.0 asks of
readers.

A page's tags → how its samples lie in the file, and what they mean; what is not known is "not supported".

Defaults are those of TIFF 6.0. Where the specification and the files of the world differ, libtiff decides, as it does
for most programs: a missing PhotometricInterpretation is guessed from the number of samples.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from whatsit.errors import ImageError

_TYPES = {  # TIFF's number of a type: numpy's letter, without the byte order
    1: "u1",
    2: "S1",
    3: "u2",
    4: "u4",
    5: "u4",  # rational: two of them
    6: "i1",
    7: "u1",
    8: "i2",
    9: "i4",
    10: "i4",
    11: "f4",
    12: "f8",
    13: "u4",
    16: "u8",
    17: "i8",
    18: "u8",
}


_RATIONAL = (5, 10)
_MOST_TAGS = 4096
_MOST_PAGES = 100_000


@dataclass(frozen=True)
class Directory:
    """The tags of one page."""

    data: bytes  # the whole file, or what gives its bytes by slices
    order: str  # '<' or '>'
    entries: dict[int, tuple[int, int, int]]  # tag: (type, count, place of the values in the file)
    at: int = 0  # its own place in the file

    def __contains__(self, tag: int) -> bool:
        return tag in self.entries

    def raw(self, tag: int) -> bytes:
        """The field's bytes as stored. Raises `KeyError` where the page lacks the tag."""
        kind, count, at = self.entries[tag]
        size = np.dtype(_TYPES[kind]).itemsize * count * (2 if kind in _RATIONAL else 1)
        if at + size > len(self.data):
            raise ImageError(f"truncated TIFF: the values of tag {tag} lie beyond its end")
        return self.data[at : at + size]

    def numbers(self, tag: int) -> list[float]:
        """All values; rationals as quotients (0 where they are divided by 0), none where the page lacks the tag."""
        if tag not in self.entries:
            return []
        kind = self.entries[tag][0]
        if _TYPES[kind] == "S1":
            raise ImageError(f"damaged TIFF: tag {tag} is a text, expected numbers")
        values = np.frombuffer(self.raw(tag), self.order + _TYPES[kind])
        if kind in _RATIONAL:
            return [float(a) / float(b) if b else 0.0 for a, b in values.reshape(-1, 2)]
        return list(values.tolist())

    def integers(self, tag: int) -> list[int]:
        """All values of a field of whole numbers, none where the page lacks the tag."""
        values = self.numbers(tag)
        if not all(isinstance(value, int) for value in values):
            raise ImageError(f"damaged TIFF: tag {tag} holds fractions, expected whole numbers")
        return [int(value) for value in values]

    def integer(self, tag: int, default: int) -> int:
        """The first value of a field of whole numbers, `default` where the page lacks the tag."""
        values = self.integers(tag)
        return values[0] if values else default

    def text(self, tag: int) -> str:
        """A field of text up to its first NUL, empty where the page lacks the tag."""
        return self.raw(tag).split(b"\0")[0].decode("latin-1").strip() if tag in self.entries else ""


def pages(data: bytes) -> Iterator[Directory]:
    """The file's pages in its own order. Raises `ImageError` where the chain of directories is broken."""
    order, big = form(data)
    at = _unpack(data, order + ("Q" if big else "I"), 8 if big else 4)
    met: set[int] = set()
    while at and at not in met and len(met) < _MOST_PAGES:
        met.add(at)
        directory, at = _directory(data, order, big, at)
        yield directory


def form(data: bytes) -> tuple[str, bool]:
    """The byte order, '<' or '>', and whether it is a BigTIFF."""
    return {b"II": "<", b"MM": ">"}[data[:2]], 43 in data[2:4]


def page_at(data: bytes, at: int) -> Directory:
    """The page whose directory is at that place. Raises `ImageError`."""
    return _directory(data, *form(data), at)[0]


def _directory(data: bytes, order: str, big: bool, at: int) -> tuple[Directory, int]:
    """The directory at that place, and the place of the next one, or 0."""
    count_format, entry_format, field, next_format = ("Q", "HHQ", 8, "Q") if big else ("H", "HHI", 4, "I")
    start, count = at, _unpack(data, order + count_format, at)
    if not 0 < count <= _MOST_TAGS:
        raise ImageError(f"damaged TIFF: a directory of {count} tags")
    at += struct.calcsize(order + count_format)
    entry = struct.Struct(order + entry_format)
    step = entry.size + field
    if at + count * step > len(data):
        raise ImageError("truncated TIFF: ends in the middle of a header")
    entries = {}
    table = data[at : at + count * step]
    for place in range(at, at + count * step, step):
        tag, kind, values = entry.unpack_from(table, place - at)
        if kind not in _TYPES or tag in entries:
            continue  # readers skip types that they do not know (TIFF 6.0, section 2); the first of two tags counts
        size = np.dtype(_TYPES[kind]).itemsize * values * (2 if kind in _RATIONAL else 1)
        inside = place + entry.size
        entries[tag] = (kind, values, inside if size <= field else _unpack(data, order + next_format, inside))
    after = at + count * step
    has_next = after + struct.calcsize(next_format) <= len(data)
    return Directory(data, order, entries, start), _unpack(data, order + next_format, after) if has_next else 0


def _unpack(data: bytes, layout: str, at: int) -> int:
    size = struct.calcsize(layout)
    if at + size > len(data):
        raise ImageError("truncated TIFF: ends in the middle of a header")
    return int(struct.unpack(layout, data[at : at + size])[0])


Kind = Literal["u", "i", "f"]
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR, CIELAB, ICCLAB = 0, 1, 2, 3, 5, 6, 8, 9
_SAMPLES = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, CMYK: 4, YCBCR: 3, CIELAB: 3, ICCLAB: 3}


_UNREAD_PHOTOMETRICS = {
    4: "a transparency mask",
    10: "ITU's L*a*b* colour",
    32803: "a camera's raw data",
    34892: "a camera's raw data",
    32844: "LogL light",
    32845: "LogLuv light",
    51177: "a depth map",
}


NONE, CCITT, LZW, OLD_JPEG, JPEG, DEFLATE, PACKBITS, LZMA, ZSTD, WEBP = (
    (1,),
    (2, 3, 4, 32771),
    (5,),
    (6,),
    (7,),
    (8, 32946),
    (32773,),
    (34925,),
    (50000,),
    (50001,),
)


_UNREAD_COMPRESSIONS = {
    9: "JBIG",
    10: "JBIG",
    34661: "JBIG",
    33003: "JPEG 2000",
    33004: "JPEG 2000",
    33005: "JPEG 2000",
    34712: "JPEG 2000",
    34887: "LERC",
    34892: "lossy JPEG of a raw file",
    34933: "PNG",
    34934: "JPEG XR",
    22610: "JPEG XR",
    50002: "JPEG XL",
    52546: "JPEG XL",
    32809: "ThunderScan",
    34676: "SGILog",
    34677: "SGILog",
    34713: "Nikon's raw data",
    32767: "Sony's raw data",
    65000: "Kodak's raw data",
}


_KINDS: dict[int, Kind] = {1: "u", 2: "i", 3: "f", 4: "u"}  # 4: not said
_BITS = {"u": (*range(1, 17), 32, 64), "i": (*range(2, 17), 32, 64), "f": (16, 32, 64)}
ALPHA_PREMULTIPLIED, ALPHA = 1, 2  # ExtraSamples


@dataclass(frozen=True)
class Layout:
    """What a reader must know of a page; sizes in pixels, as stored."""

    width: int
    height: int
    samples: int  # per pixel
    bits: int  # per sample
    kind: Kind
    photometric: int
    separate: bool  # planes, one after the other, instead of pixel by pixel
    compression: int
    predictor: int
    reversed_bits: bool  # FillOrder 2: the lowest bit of a byte comes first
    order: str  # '<' or '>'
    extra: tuple[int, ...]  # what the samples beyond the colours are
    orientation: int
    chunk: tuple[int, int]  # (height, width) of a strip or tile
    tiled: bool
    offsets: tuple[int, ...]
    counts: tuple[int, ...]  # bytes; empty where the file does not say
    subsampling: tuple[int, int] | None  # of YCbCr's chroma: (across, down); None where the file does not say
    tags: Directory

    @property
    def is_deep(self) -> bool:
        """Whether the picture will have more than 8 bits."""
        return (self.bits > 8 or self.kind == "f") and self.photometric not in (PALETTE, CIELAB, ICCLAB)

    @property
    def colours(self) -> int:
        """Samples per pixel that are colours, not extra."""
        return _SAMPLES[self.photometric]


def read_layout(tags: Directory) -> Layout:
    """Raises `ImageError`: damaged where tags contradict each other, not supported where they are unknown here."""
    width, height = tags.integer(256, 0), tags.integer(257, 0)
    if width <= 0 or height <= 0:
        raise ImageError(f"damaged TIFF: {width} x {height} pixels")
    compression, samples = tags.integer(259, 1), tags.integer(277, 0)
    photometric = _photometric(tags, compression, samples)
    samples = samples or (_SAMPLES[photometric] if compression in (*JPEG, *OLD_JPEG) else 1)
    bits, kind = _one(tags, 258, samples, 1), _KINDS.get(_one(tags, 339, samples, 1))
    if kind is None:
        raise ImageError("not supported: TIFF of complex numbers. Save their magnitudes")
    if bits not in _BITS[kind]:
        raise ImageError(f"not supported: TIFF of {bits}-bit {_words(kind)}. Save it with 8, 16 or 32 bits")
    extra = tuple(tags.integers(338))[: max(0, samples - _SAMPLES[photometric])]
    tiled = 324 in tags
    offsets = tuple(tags.integers(324 if tiled else 273))
    if not offsets:
        raise ImageError("damaged TIFF: it does not say where its pixels are")
    rows = tags.integer(278, height)
    chunk = (tags.integer(323, 0), tags.integer(322, 0)) if tiled else (min(rows, height) or height, width)
    if min(chunk) <= 0 or min(offsets) < 0:
        raise ImageError("damaged TIFF: tiles without pixels")
    return Layout(
        width=width,
        height=height,
        samples=samples,
        bits=bits,
        kind=kind,
        photometric=photometric,
        separate=tags.integer(284, 1) == 2 and samples > 1,
        compression=compression,
        predictor=tags.integer(317, 1),
        reversed_bits=tags.integer(266, 1) == 2,
        order=tags.order,
        extra=extra,
        orientation=tags.integer(274, 1),
        chunk=chunk,
        tiled=tiled,
        offsets=offsets,
        counts=tuple(tags.integers(325 if tiled else 279)),
        subsampling=_subsampling(tags, photometric, compression),
        tags=tags,
    )


def compression_name(compression: int) -> str | None:
    """The name of a compression that is not read here; None of one that is."""
    known = (*NONE, *CCITT, *LZW, *OLD_JPEG, *JPEG, *DEFLATE, *PACKBITS, *LZMA, *ZSTD, *WEBP)
    return None if compression in known else _UNREAD_COMPRESSIONS.get(compression, f"compression {compression}")


def _photometric(tags: Directory, compression: int, samples: int) -> int:
    guess = RGB if samples in (3, 4) else WHITE_IS_ZERO if compression in CCITT else BLACK_IS_ZERO
    value = YCBCR if compression in OLD_JPEG and samples != 1 else tags.integer(262, guess)
    if value not in _SAMPLES:
        what = _UNREAD_PHOTOMETRICS.get(value, f"colours of kind {value}")
        raise ImageError(f"not supported: TIFF with {what}. Save it as RGB or grey")
    if value == CMYK and tags.integer(332, 1) != 1:
        raise ImageError("not supported: TIFF with inks other than CMYK. Save it as RGB or grey")
    return value


def _one(tags: Directory, tag: int, samples: int, default: int) -> int:
    """A field with a value for each sample, which must agree."""
    values = set(tags.integers(tag)[:samples]) or {default}
    if len(values) > 1:
        raise ImageError("not supported: TIFF whose samples differ in depth. Save it as RGB or grey")
    return values.pop()


def _subsampling(tags: Directory, photometric: int, compression: int) -> tuple[int, int] | None:
    if photometric != YCBCR or compression in (*JPEG, *OLD_JPEG, *WEBP):  # these decoders scale chroma up themselves
        return 1, 1
    if 530 not in tags:
        return None
    across, down = (*tags.integers(530), 2, 2)[:2]
    if across not in (1, 2, 4) or down not in (1, 2, 4):
        raise ImageError(f"damaged TIFF: chroma subsampled by {across} x {down}")
    return across, down


def _words(kind: Kind) -> str:
    return {"u": "whole numbers", "i": "signed numbers", "f": "floats"}[kind]
