#!/usr/bin/env bash
# pydicom 3.0.2: pixel values are wrong, without a word, where HighBit is not BitsStored - 1.
#
# Guessed: `pixel_array` takes the stored bits from where HighBit says that they are. 12 bits in the upper part of 16
# (HighBit 15) were allowed by older editions of DICOM (PS3.5, 8.1.1), and scanners wrote them.
# Seen: it takes the lowest 12 bits whatever HighBit says, so the values are 16 times too large, without their top bits.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pydicom==3.0.2 numpy==2.4.6
"$work/venv/bin/python" -W error - <<'PY'
import io

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

values = np.array([[0, 1, 255, 256], [2047, 2048, 3000, 4095]], np.uint16)


def read_back(high_bit):
    found = Dataset()
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found.file_meta.MediaStorageSOPClassUID = found.SOPClassUID = SecondaryCaptureImageStorage
    found.file_meta.MediaStorageSOPInstanceUID = found.SOPInstanceUID = generate_uid()
    found.Rows, found.Columns = values.shape
    found.SamplesPerPixel, found.PhotometricInterpretation, found.PixelRepresentation = 1, "MONOCHROME2", 0
    found.BitsAllocated, found.BitsStored, found.HighBit = 16, 12, high_bit
    found.PixelData = (values << (high_bit - 11)).astype("<u2").tobytes()
    found["PixelData"].VR = "OW"
    file = io.BytesIO()
    pydicom.dcmwrite(file, found, enforce_file_format=True)
    return pydicom.dcmread(io.BytesIO(file.getvalue())).pixel_array


print(f"pydicom {pydicom.__version__}")
print(f"expected {values.tolist()}")
for high_bit in (11, 15):
    print(f"HighBit {high_bit}: {read_back(high_bit).tolist()}")
assert np.array_equal(read_back(11), values)
assert np.array_equal(read_back(15), (values << 4) & 0xFFF), "HighBit counts now"
PY
