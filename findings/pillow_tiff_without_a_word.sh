#!/usr/bin/env bash
# Pillow 13.0.0: valid TIFFs, written by tifffile 2026.3.3, that come out as other pictures without an error or a warning.
#
# Guessed: a combination of tags that Pillow does not know is refused, as many are.
# Seen: it is refused where Pillow's table of modes lacks it, and misread where the table has it under the same name:
#   16 bits, 0 is white (PhotometricInterpretation 0)         a negative
#   float, 0 is white                                         a negative
#   16-bit RGB in planes, uncompressed                        other colours
#   big-endian 32-bit float, deflate                          bytes swapped
#   8-bit signed                                              wrapped around
#   grey and alpha in planes, deflate                         all transparent
# TIFF 6.0: sections 8 (PhotometricInterpretation, PlanarConfiguration), 18 (ExtraSamples) and 19 (SampleFormat).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pillow==13.0.0 tifffile==2026.3.3 numpy==2.4.6
"$work/venv/bin/python" -W error - <<'PY'
import io

import numpy as np
import PIL
import tifffile
from PIL import Image

ramp = np.linspace(0, 1, 64).reshape(8, 8)
deep = (ramp * 65535).astype(np.uint16)
rgb = np.stack([deep, deep[::-1], deep.T], axis=0)  # planes


def opened(array, **how):
    file = io.BytesIO()
    tifffile.imwrite(file, array, metadata=None, **how)
    image = Image.open(io.BytesIO(file.getvalue()))
    return image, np.asarray(image)


def alike(seen, expected):
    """Whether what is brighter in one is brighter in the other."""
    return np.corrcoef(seen.ravel().astype(float), expected.ravel().astype(float))[0, 1] > 0.99


grey = (ramp * 255).astype(np.uint8)
cases = {
    "16 bits, 0 is white": (opened(65535 - deep, photometric="miniswhite")[1], ramp),
    "float, 0 is white": (opened((1 - ramp).astype(np.float32), photometric="miniswhite")[1], ramp),
    "16-bit RGB in planes, first colour": (
        opened(rgb, photometric="rgb", planarconfig="separate")[1][..., 0],
        rgb[0] >> 8,
    ),
    "big-endian float, deflate": (
        np.nan_to_num(opened(ramp.astype(np.float32), photometric="minisblack", byteorder=">", compression="zlib")[1]),
        ramp,
    ),
    "8-bit signed": (opened((grey.astype(np.int16) - 128).astype(np.int8), photometric="minisblack")[1], ramp),
}
print(f"Pillow {PIL.__version__}, tifffile {tifffile.__version__}")
for name, (seen, expected) in cases.items():
    print(f"{name}: {'right' if alike(seen, expected) else 'another picture'}")
    assert not alike(seen, expected), name
image, seen = opened(
    np.stack([grey, np.full_like(grey, 255)]),
    photometric="minisblack",
    planarconfig="separate",
    extrasamples=["unassalpha"],
    compression="zlib",
)
print(f"grey and alpha in planes, deflate: mode {image.mode}, largest alpha {seen[..., 1].max()} where 255 was written")
assert seen[..., 1].max() == 0
PY
