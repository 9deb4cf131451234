#!/usr/bin/env bash
# Pillow 13.0.0: an uncompressed BMP of 8 bits whose palette is black and white is read as one of 1 bit a pixel.
#
# Guessed: the depth in the header decides, and the palette only names the colours: an 8-bit BMP with a palette of two
# colours, as masks are often saved, is read byte by byte.
# Seen: a palette of exactly black and white makes it mode "1", and each byte is read as eight pixels: a mask that
# alternates from pixel to pixel comes out all black, without an error or a warning. (A ramp of 16 greys at 4 bits a
# pixel is taken for 8-bit grey likewise, and raises "codec configuration error".)
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pillow==13.0.0 numpy==2.4.6
"$work/venv/bin/python" -W error - <<'PY'
import io
import struct

import numpy as np
import PIL
from PIL import Image

WIDTH, HEIGHT = 8, 2
indices = np.array([[0, 1, 0, 1, 0, 1, 0, 1], [1, 1, 1, 1, 0, 0, 0, 0]], np.uint8)


def bmp(bits, palette):
    rows = b""
    for row in indices[::-1]:
        packed = row.tobytes() if bits == 8 else (row[0::2] << 4 | row[1::2]).astype(np.uint8).tobytes()
        rows += packed.ljust(-(-len(packed) // 4) * 4, b"\0")
    table = b"".join(bytes([grey, grey, grey, 0]) for grey in palette)
    at = 14 + 40 + len(table)
    info = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, bits, 0, len(rows), 2835, 2835, len(palette), 0)
    return b"BM" + struct.pack("<IHHI", at + len(rows), 0, 0, at) + info + table + rows


print(f"Pillow {PIL.__version__}")
expected = np.array([0, 255], np.uint8)[indices]
seen = np.asarray(Image.open(io.BytesIO(bmp(8, [0, 255]))).convert("L"))
print(f"8 bits, black and white: expected {expected[0].tolist()}, seen {seen[0].tolist()}")
assert seen.shape == expected.shape and (seen != expected).any()
try:
    Image.open(io.BytesIO(bmp(4, list(range(16))))).load()
    raise SystemExit("a 4-bit ramp is read now")
except OSError as error:
    print(f"4 bits, 16 greys: {error}")
PY
