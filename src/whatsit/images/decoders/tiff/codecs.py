"""Compressions of TIFF that imagecodecs knows and Pillow does not: a strip or tile → its samples."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatsit.errors import ImageError
from whatsit.images.decoders import jpeg2000
from whatsit.images.decoders.tiff.directory import BLACK_IS_ZERO, JPEG, RGB, WHITE_IS_ZERO, Layout
from whatsit.images.libraries import imagecodecs
from whatsit.images.limits import Limits, check_pixels

_DECODERS = {
    33005: "jpeg2k",
    34712: "jpeg2k",
    34887: "lerc",
    34933: "png",
    34934: "jpegxr",
    22610: "jpegxr",
    50002: "jpegxl",
    52546: "jpegxl",
}


_TABLES, _LERC = 347, 50674  # tags: JPEGTables, LercParameters
_LERC_COMPRESSED = {1: "zlib_decode", 2: "zstd_decode"}


def is_codec(layout: Layout) -> bool:
    """Whether the page is imagecodecs' part. JPEG is, where it has more than 8 bits."""
    return layout.compression in _DECODERS or (layout.compression in JPEG and layout.bits in (12, 16))


def check_codec(layout: Layout, name: str) -> None:
    """Raises `ImageError` where the codec would change colours in a way that is not known here."""
    imagecodecs(f"TIFF compressed with {name}")
    if _DECODERS.get(layout.compression) == "lerc" and (layout.order, layout.kind) == (">", "f"):
        # swapped bytes may be not-a-number, and are lost then
        raise ImageError("not supported: big-endian TIFF of floats with LERC. Save it with LZW or deflate")
    if layout.photometric not in (BLACK_IS_ZERO, WHITE_IS_ZERO, RGB):
        raise ImageError(
            f"not supported: TIFF with {name} of other colours than RGB and grey. Save it with LZW or deflate"
        )


def decoded(stored: bytes, shape: tuple[int, int, int], layout: Layout, limits: Limits) -> NDArray[Any]:
    """(rows, columns, samples). Raises `ImageError` where the data say another size or kind of number."""
    codecs = imagecodecs("this TIFF")
    _check_inside(stored, layout, limits)
    try:
        if layout.compression in JPEG:
            tables = layout.tags.raw(_TABLES) if _TABLES in layout.tags else None
            space = {"colorspace": "RGB", "outcolorspace": "RGB"} if layout.photometric == RGB else {}
            values = codecs.jpeg8_decode(stored, tables=tables, **space)
        else:
            name = _DECODERS[layout.compression]
            values = _lerc(stored, shape, layout) if name == "lerc" else getattr(codecs, f"{name}_decode")(stored)
    except ImageError:
        raise
    except Exception as error:  # each codec has errors of its own
        raise ImageError(f"damaged TIFF: {str(error).partition(chr(10))[0] or type(error).__name__}") from error
    wanted = np.dtype(f"{layout.kind}{-(-layout.bits // 8)}")
    if values.shape != (shape if shape[2] > 1 else shape[:2]) or values.dtype != wanted:
        raise ImageError(f"damaged TIFF: a part of {values.dtype} {values.shape} where {wanted} {shape} belongs")
    if layout.kind == "u" and layout.bits < 16 and values.max(initial=0) >> layout.bits:
        raise ImageError(f"damaged TIFF: numbers of more than its {layout.bits} bits")
    found: NDArray[Any] = values.reshape(shape)
    return found


def _lerc(stored: bytes, shape: tuple[int, int, int], layout: Layout) -> NDArray[Any]:
    """As libtiff writes it (`tif_lerc.c`): numbers in the file's byte order, as if they were the machine's; floats that
    are not-a-number as a mask; opacity of nothing but 0 and 255 as a mask in place of the last sample.
    """
    codecs = imagecodecs("this TIFF")
    packed = (*layout.tags.integers(_LERC), 0, 0)[1]
    stored = getattr(codecs, _LERC_COMPRESSED[packed])(stored) if packed in _LERC_COMPRESSED else stored
    values, valid = codecs.lerc_decode(stored, masks=True)
    if values.shape == (shape[2], *shape[:2]) != shape:  # samples that are not-a-number at different pixels
        values = np.moveaxis(values, 0, -1)
        valid = None if valid is None else np.moveaxis(valid, 0, -1)
    values = values.reshape(*values.shape[:2], -1)
    if layout.extra and values.dtype == np.uint8 and values.shape[2] == shape[2] - 1:
        opaque = np.full(shape[:2], True) if valid is None else valid
        values = np.dstack([values, np.where(opaque, np.uint8(255), np.uint8(0))])
    elif valid is not None and values.dtype.kind == "f":
        values = np.where(valid.reshape(*valid.shape[:2], -1), values, values.dtype.type(np.nan))
    found: NDArray[Any] = values.byteswap() if layout.order == ">" else values
    return found if shape[2] > 1 else found[..., 0]


def _check_inside(stored: bytes, layout: Layout, limits: Limits) -> None:
    """The size that the part itself says, where its header is plain."""
    if _DECODERS.get(layout.compression) == "jpeg2k":
        found = jpeg2000.header(stored)
        check_pixels(found.width, found.height, limits)
    if stored[:4] == b"\x89PNG":
        check_pixels(int.from_bytes(stored[16:20], "big"), int.from_bytes(stored[20:24], "big"), limits)
    if stored[:6] == b"Lerc2 ":
        check_pixels(int.from_bytes(stored[14:18], "little"), int.from_bytes(stored[18:22], "little"), limits)
