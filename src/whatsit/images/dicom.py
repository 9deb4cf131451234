"""DICOM's pictures (PS3.3, C.7.6.3; PS3.5, A) by pydicom, with the extra `science`: the first frame.

Stored values become the modality's own (Hounsfield units of a CT). The window that a file proposes for its display is
not applied: it differs from file to file, and a data set has one range of values. JPEGs of the kinds that DICOM knows
are imagecodecs' part.
"""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatsit.errors import ImageError
from whatsit.images.extras import imagecodecs, pydicom
from whatsit.images.limits import Limits, check_pixels, check_samples
from whatsit.images.quiet import hush_pydicom
from whatsit.images.samples import Header, Samples

_SYNTAX = "1.2.840.10008.1.2"  # the root of the transfer syntaxes
_JPEG = (f"{_SYNTAX}.4.50", f"{_SYNTAX}.4.51", f"{_SYNTAX}.4.57", f"{_SYNTAX}.4.70")
_JPEG_LS = (f"{_SYNTAX}.4.80", f"{_SYNTAX}.4.81")
_JPEG_2000 = (*(f"{_SYNTAX}.4.{number}" for number in (90, 91, 201, 202, 203)),)
_PLAIN = (_SYNTAX, f"{_SYNTAX}.1", f"{_SYNTAX}.2", f"{_SYNTAX}.1.99", f"{_SYNTAX}.5")  # without, deflated, and RLE
_GREY, _COLOUR = ("MONOCHROME1", "MONOCHROME2"), ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_READ = (*_GREY, *_COLOUR, "PALETTE COLOR")


def header(data: bytes) -> Header:
    """Raises `ImageError`."""
    found = _dataset(data, with_pixels=False)
    return Header(int(found.Columns), int(found.Rows), 1, int(found.BitsStored) > 8 or _rescales(found))


def read(data: bytes, limits: Limits) -> Samples:
    """Raises `ImageError`."""
    found = _dataset(data, with_pixels=True)
    size = int(found.Columns), int(found.Rows)
    check_pixels(*size, limits)
    check_samples(size[0] * size[1] * int(found.SamplesPerPixel) * 8, limits)
    if "PixelData" not in found:
        raise ImageError("not supported: DICOM of floats, or without pixels. Save it with whole numbers")
    colours = str(found.PhotometricInterpretation)
    if colours not in _READ or int(found.SamplesPerPixel) not in (1, 3):
        raise ImageError(f"not supported: DICOM with colours of kind {colours}. Save it as RGB or grey")
    values = _frame(found)
    if values.shape[:2] != size[::-1] or values.ndim != 2 + (int(found.SamplesPerPixel) == 3):
        raise ImageError("damaged DICOM: its pixels are of another size")
    if colours == "PALETTE COLOR":
        table: NDArray[Any] = pydicom("DICOM").pixels.apply_color_lut(values, found)
        return Samples(table, None, 8 * table.dtype.itemsize)
    if colours in _COLOUR:
        return Samples(values, None, int(found.BitsStored))
    return _grey(values, found, colours == "MONOCHROME1")


def _grey(values: NDArray[Any], found: Any, zero_is_white: bool) -> Samples:
    bits, signed = int(found.BitsStored), bool(found.PixelRepresentation)
    if zero_is_white:
        values = ~values if signed else np.subtract((1 << bits) - 1, values, dtype=np.int64).clip(0)
    if _rescales(found):
        scaled = values.astype(np.float32) * float(found.get("RescaleSlope", 1))
        return Samples(scaled + np.float32(found.get("RescaleIntercept", 0)), None, 32)
    if bits <= 8 and not signed:
        return Samples(np.rint(values.clip(0, (1 << bits) - 1) * (255 / ((1 << bits) - 1))).astype(np.uint8))
    return Samples(values if signed else values.astype(np.uint16 if bits <= 16 else np.uint32), None, bits)


def _rescales(found: Any) -> bool:
    return float(found.get("RescaleSlope", 1) or 1) != 1 or float(found.get("RescaleIntercept", 0) or 0) != 0


def _dataset(data: bytes, with_pixels: bool) -> Any:
    hush_pydicom()
    found = pydicom("DICOM").dcmread(io.BytesIO(data), stop_before_pixels=not with_pixels)
    for name in ("Rows", "Columns", "BitsStored", "BitsAllocated", "SamplesPerPixel", "PhotometricInterpretation"):
        if name not in found:
            raise ImageError("not supported: DICOM without a picture. Leave it out")
    if int(found.BitsAllocated) not in (8, 16, 32) or not 0 < int(found.BitsStored) <= int(found.BitsAllocated):
        raise ImageError(f"not supported: DICOM of {found.BitsAllocated} bits. Save it with 8 or 16")
    return found


def _frame(found: Any) -> NDArray[Any]:
    """The first frame as stored, colours as RGB."""
    syntax = str(found.file_meta.TransferSyntaxUID)
    module = pydicom("DICOM")
    if syntax in _PLAIN:
        plain: NDArray[Any] = module.pixels.pixel_array(found, index=0)
        return plain
    encoded = next(
        module.encaps.generate_frames(found.PixelData, number_of_frames=int(found.get("NumberOfFrames", 1) or 1))
    )
    codecs = imagecodecs("DICOM with a compression")
    if syntax in _JPEG:
        decoded: NDArray[Any] = codecs.jpeg8_decode(encoded)
    elif syntax in _JPEG_LS:
        decoded = codecs.jpegls_decode(encoded)
    elif syntax in _JPEG_2000:
        decoded = codecs.jpeg2k_decode(encoded)
    else:
        raise ImageError(f"not supported: DICOM with transfer syntax {syntax}. Save it without compression")
    return decoded.view(f"i{decoded.itemsize}") if found.PixelRepresentation and decoded.dtype.kind == "u" else decoded
