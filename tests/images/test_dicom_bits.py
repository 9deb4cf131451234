"""DICOM's stored values: which bits they are, their sign, and what is none (PS3.5, 8.1.1; PS3.3, C.7.5.1.1.2)."""

from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.uid import JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless

from whatsit.errors import ImageError
from whatsit.images.decode import read_deep_values, read_image

from .test_kinds import DEEP, GREY, dicom, dicom_bytes

TWELVE = (DEEP >> 4).astype(np.uint16)


def values_of(found: pydicom.Dataset) -> NDArray[Any]:
    values = read_deep_values(dicom_bytes(found))
    assert values is not None
    return values


@pytest.mark.parametrize("high_bit", [11, 13, 15])
def test_the_highest_bit_may_be_any_above(high_bit: int) -> None:
    shifted = TWELVE << np.uint16(high_bit - 11)
    assert np.array_equal(values_of(dicom(shifted, BitsStored=12, HighBit=high_bit)), TWELVE)


@pytest.mark.parametrize("signed", [False, True])
def test_bits_above_the_highest_may_hold_an_overlay(signed: bool) -> None:
    values = TWELVE.astype(np.int16) - 2048 if signed else TWELVE
    overlay = (np.arange(GREY.size).reshape(GREY.shape) % 2 << 14).astype(np.uint16)
    stored = (values.view(np.uint16) & 0xFFF) | overlay
    found = dicom(stored, BitsStored=12, HighBit=11, PixelRepresentation=int(signed))
    assert np.array_equal(values_of(found), values)


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEGLosslessSV1, JPEG2000Lossless, RLELossless])
def test_signed_values_under_a_compression(syntax: pydicom.uid.UID) -> None:
    values = TWELVE.astype(np.int16) - 2048
    stored = values.view(np.uint16) & 0xFFF
    found = dicom(stored, BitsStored=12, HighBit=11, PixelRepresentation=1)
    if syntax == RLELossless:
        found.compress(RLELossless)
    else:
        coded = {
            JPEGLSLossless: lambda: imagecodecs.jpegls_encode(stored),
            JPEGLosslessSV1: lambda: imagecodecs.jpeg8_encode(stored, lossless=True, predictor=1, bitspersample=12),
            JPEG2000Lossless: lambda: imagecodecs.jpeg2k_encode(stored, level=0, codecformat="j2k", bitspersample=12),
        }[syntax]()
        found.PixelData = pydicom.encaps.encapsulate([bytes(coded)])
        found.file_meta.TransferSyntaxUID = syntax
    assert np.array_equal(values_of(found), values)


@pytest.mark.parametrize("kind", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("limit", [None, 4090])
def test_padding_is_dark(kind: str, limit: int | None) -> None:
    values = TWELVE.clip(100, 4000)
    values[:5] = 4095
    padded = {"PixelPaddingValue": 4095} | ({"PixelPaddingRangeLimit": limit} if limit else {})
    found = dicom(values, BitsStored=12, HighBit=11, PhotometricInterpretation=kind, **padded)
    deep = values_of(found)
    assert (deep[:5] == deep[5:].min()).all()
    assert np.array_equal(deep[5:], values[5:] if kind == "MONOCHROME2" else 4095 - values[5:])


def test_a_palette_of_16_bits_is_a_picture_of_8() -> None:
    ramp = np.arange(256)
    tables = {"Red": ramp * 257, "Green": (255 - ramp) * 257, "Blue": (ramp * 7 % 256) * 257}
    found = dicom(GREY, PhotometricInterpretation="PALETTE COLOR")
    for name, table in tables.items():
        setattr(found, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(found, f"{name}PaletteColorLookupTableData", table.astype("<u2").tobytes())
    data = dicom_bytes(found)
    assert np.array_equal(read_image(data), np.stack([table[GREY] // 257 for table in tables.values()], axis=-1))
    assert np.array_equal(read_image(data, value_range=(0, 100)), read_image(data))


def test_values_that_go_through_a_table_are_refused() -> None:
    table = pydicom.Dataset()
    table.LUTDescriptor, table.LUTData = [4096, 0, 16], bytes(8192)
    found = dicom(TWELVE, BitsStored=12, HighBit=11, ModalityLUTSequence=[table])
    with pytest.raises(ImageError, match=r"^not supported: DICOM whose values go through a table\. Save it"):
        read_image(dicom_bytes(found))
