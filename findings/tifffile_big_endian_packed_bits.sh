#!/usr/bin/env bash
# tifffile 2026.3.3 with imagecodecs 2026.3.6: a big-endian TIFF of 10, 12 or 14 bits is written wrongly, and tifffile
# reads other numbers back than it was given.
#
# Guessed: `imwrite(…, byteorder=">", bitspersample=12)` packs the values, as it does for "<", since packed samples have
# no byte order of their own (TIFF 6.0: bits fill bytes from the highest bit on).
# Seen: with "<" the array comes back as it was; with ">" it does not, without an error or a warning. The bytes of each
# number are swapped before their low bits are packed, so that high bits are lost and cannot be had back.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet tifffile==2026.3.3 imagecodecs==2026.3.6 numpy==2.4.6
"$work/venv/bin/python" -W error - <<'PY'
import io

import imagecodecs
import numpy as np
import tifffile

print(f"tifffile {tifffile.__version__}, imagecodecs {imagecodecs.__version__}")
for bits in (10, 12, 14):
    values = (np.arange(16, dtype="u2").reshape(4, 4) * 67) % (1 << bits)
    same = {}
    for order in "<>":
        file = io.BytesIO()
        tifffile.imwrite(file, values, byteorder=order, bitspersample=bits, photometric="minisblack")
        same[order] = bool((tifffile.imread(io.BytesIO(file.getvalue())) == values).all())
    print(f"{bits} bits: reads back what was written: little-endian {same['<']}, big-endian {same['>']}")
    assert same == {"<": True, ">": False}, same
PY
