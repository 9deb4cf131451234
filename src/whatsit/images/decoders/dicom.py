"""DICOM's pictures (PS3.3, C.7.6.3; PS3.5, A) by pydicom, with the extra `science`: the first frame, or one alone.

Stored values become the modality's own (Hounsfield units of a CT). The window that a file proposes for its display is
not applied: it differs from file to file, and a data set has one range of values. JPEGs of the kinds that DICOM knows
are imagecodecs' part.
"""

import io
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatsit.errors import ImageError
from whatsit.images.colour import Header, Samples
from whatsit.images.libraries import hush_pydicom, imagecodecs, pydicom
from whatsit.images.limits import Limits, check_page, check_pixels, check_samples
from whatsit.notices import note

_SYNTAX = "1.2.840.10008.1.2"  # the root of the transfer syntaxes
_JPEG = (f"{_SYNTAX}.4.50", f"{_SYNTAX}.4.51", f"{_SYNTAX}.4.57", f"{_SYNTAX}.4.70")
_JPEG_LS = (f"{_SYNTAX}.4.80", f"{_SYNTAX}.4.81")
_JPEG_2000 = (*(f"{_SYNTAX}.4.{number}" for number in (90, 91, 201, 202, 203)),)
_PLAIN = (_SYNTAX, f"{_SYNTAX}.1", f"{_SYNTAX}.2", f"{_SYNTAX}.1.99", f"{_SYNTAX}.5")  # without, deflated, and RLE
_GREY, _COLOUR = ("MONOCHROME1", "MONOCHROME2"), ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_PALETTE = "PALETTE COLOR"
_PICTURE = 0x0028  # the group of elements that say how pixels are meant
_READ = (*_GREY, *_COLOUR, _PALETTE)


def header(data: bytes) -> Header:
    """Raises `ImageError`."""
    found = _dataset(data, with_pixels=False)
    deep = (int(found.BitsStored) > 8 or _rescales(found)) and found.PhotometricInterpretation != _PALETTE
    return Header(int(found.Columns), int(found.Rows), 1, deep)


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
    further = int(found.get("NumberOfFrames", 1) or 1) > 1
    if further:
        note("uncounted" if limits.page == "all" else "pages", data)
    return replace(_picture(found, size), further=further)


def _picture(found: Any, size: tuple[int, int]) -> Samples:
    colours = str(found.PhotometricInterpretation)
    values = _frame(found)
    if values.shape[:2] != size[::-1] or values.ndim != 2 + (int(found.SamplesPerPixel) == 3):
        raise ImageError("damaged DICOM: its pixels are of another size")
    if colours == _PALETTE:
        table: NDArray[Any] = pydicom("DICOM").pixels.apply_color_lut(values, found)
        return Samples(table if table.dtype == np.uint8 else np.rint(table / 257).astype(np.uint8))
    if colours in _COLOUR:
        return Samples(values, None, int(found.BitsStored))
    return _grey(values, found, colours == "MONOCHROME1")


def frames(data: bytes) -> int:
    """How many pictures it holds. Raises whatever pydicom does."""
    return int(_dataset(data, with_pixels=False).get("NumberOfFrames", 1) or 1)


def frame_alone(data: bytes, number: int) -> bytes:
    """A frame as a file of its own, of the picture's own elements alone; counted from 1. Raises `ImageError`."""
    found = _dataset(data, with_pixels=True)
    there = int(found.get("NumberOfFrames", 1) or 1)
    check_page(number, there)
    module = pydicom("DICOM")
    alone = module.Dataset()
    for element in found:
        if element.tag.group == _PICTURE and element.keyword != "NumberOfFrames":
            alone.add(element)
    syntax = found.file_meta.TransferSyntaxUID
    if syntax.is_encapsulated:
        frame = module.encaps.get_frame(found.PixelData, number - 1, number_of_frames=there)
        alone.PixelData = module.encaps.encapsulate([frame])
    else:
        size = int(found.Rows) * int(found.Columns) * int(found.SamplesPerPixel) * int(found.BitsAllocated) // 8
        alone.PixelData = found.PixelData[(number - 1) * size : number * size]
        if len(alone.PixelData) < size:
            raise ImageError(f"truncated DICOM: its frame {number} lies beyond its end")
        alone.PixelData += b"\0" * (size % 2)
    alone["PixelData"].VR = "OB" if syntax.is_encapsulated or int(found.BitsAllocated) <= 8 else "OW"
    alone.file_meta = module.dataset.FileMetaDataset()
    alone.file_meta.TransferSyntaxUID = syntax
    alone.preamble = b"\0" * 128
    file = io.BytesIO()
    alone.save_as(file, enforce_file_format=False)
    return file.getvalue()


def _grey(values: NDArray[Any], found: Any, zero_is_white: bool) -> Samples:
    bits, signed = int(found.BitsStored), bool(found.PixelRepresentation)
    values = _without_unused_bits(values, bits, signed)
    padding = _is_padding(values, found)
    if zero_is_white:
        values = ~values if signed else np.subtract((1 << bits) - 1, values, dtype=values.dtype)
    if _rescales(found):
        values = values.astype(np.float32) * np.float32(found.get("RescaleSlope", 1) or 1)
        values += np.float32(found.get("RescaleIntercept", 0) or 0)
        bits = 32
    elif bits <= 8 and not signed:
        values = np.rint(values * (255 / ((1 << bits) - 1))).astype(np.uint8)
    if padding.any() and not padding.all():
        values[padding] = values[~padding].min()
    return Samples(values, None, bits)


def _without_unused_bits(values: NDArray[Any], bits: int, signed: bool) -> NDArray[Any]:
    """The lowest bits alone, with their own sign: those above may hold anything, an overlay for one (PS3.5, 8.1.1)."""
    whole: NDArray[Any] = values.view(f"u{values.itemsize}") & np.array((1 << bits) - 1, f"u{values.itemsize}")
    if not signed:
        return whole if bits > 8 else whole.astype(np.uint8)
    sign = np.array(1 << (bits - 1), whole.dtype)
    numbers: NDArray[Any] = ((whole ^ sign) - sign).view(f"i{values.itemsize}")
    return numbers


def _is_padding(values: NDArray[Any], found: Any) -> NDArray[np.bool_]:
    """Pixels that fill a picture up to its sides (PS3.3, C.7.5.1.1.2): of one value, or of a range."""
    value = found.get("PixelPaddingValue")
    if not isinstance(value, int):
        return np.zeros(values.shape, bool)
    low, high = sorted((value, int(found.get("PixelPaddingRangeLimit", value))))
    return (values >= low) & (values <= high)


def _rescales(found: Any) -> bool:
    return float(found.get("RescaleSlope", 1) or 1) != 1 or float(found.get("RescaleIntercept", 0) or 0) != 0


def _dataset(data: bytes, with_pixels: bool) -> Any:
    hush_pydicom()
    found = pydicom("DICOM").dcmread(io.BytesIO(data), stop_before_pixels=not with_pixels)
    if "ModalityLUTSequence" in found:
        raise ImageError("not supported: DICOM whose values go through a table. Save it with a slope and an intercept")
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
        if int(found.SamplesPerPixel) > 1:
            colours: NDArray[Any] = module.pixels.pixel_array(found, index=0)
            return colours
        # pydicom knows of no other highest bit than the one above the stored ones: all bits, moved down here
        allocated, bits = int(found.BitsAllocated), int(found.BitsStored)
        whole = module.pixels.pixel_array(found, index=0, bits_stored=allocated, pixel_representation=0)
        moved: NDArray[Any] = whole >> np.array(_high_bit(found) + 1 - bits, whole.dtype)
        return moved
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
    return decoded


def _high_bit(found: Any) -> int:
    """Of the stored bits, from 0."""
    allocated, bits = int(found.BitsAllocated), int(found.BitsStored)
    high = int(found.get("HighBit", bits - 1))
    if not bits - 1 <= high < allocated:
        raise ImageError(f"damaged DICOM: {bits} bits of which the highest is number {high}")
    return high
