"""A page's tags → how its samples lie in the file, and what they mean; what is not known is "not supported".

Defaults are those of TIFF 6.0. Where the specification and the files of the world differ, libtiff decides, as it does
for most programs: a missing PhotometricInterpretation is guessed from the number of samples.
"""

from dataclasses import dataclass
from typing import Literal

from whatsit.errors import ImageError
from whatsit.images.tiff.directory import Directory

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
