#!/usr/bin/env bash
# OpenCV 5.0.0 (opencv-python-headless 5.0.0.93): colours of a PAM file are written and read as blue, green, red.
#
# Guessed: `imwrite("a.pam", picture)` turns OpenCV's BGR to RGB, as it does for PPM and all others: netpbm's PAM has
# red first (TUPLTYPE RGB).
# Seen: red and blue change places, even where TUPLTYPE RGB is asked for; and a right PAM file is read that way, too, so
# OpenCV's own files look right to OpenCV alone.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet opencv-python-headless==5.0.0.93 numpy==2.4.6
"$work/venv/bin/python" - <<'PY'
import cv2
import numpy as np

print(f"OpenCV {cv2.__version__}")
red = np.zeros((1, 1, 3), np.uint8)
red[..., 2] = 200  # OpenCV's order
for kind, options in ((".ppm", []), (".pam", [cv2.IMWRITE_PAM_TUPLETYPE, cv2.IMWRITE_PAM_FORMAT_RGB])):
    data = cv2.imencode(kind, red, options)[1].tobytes()
    print(f"{kind}: the pixel is {list(data[-3:])}, expected [200, 0, 0]")
    assert data[-3:] == (b"\xc8\0\0" if kind == ".ppm" else b"\0\0\xc8"), "PAM is written with red first now"
right = b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n\xc8\0\0"
seen = cv2.imdecode(np.frombuffer(right, np.uint8), cv2.IMREAD_COLOR)[0, 0].tolist()
print(f"a red pixel of a PAM file: expected [0, 0, 200] (blue, green, red), seen {seen}")
assert seen == [200, 0, 0], "PAM is read with red first now"
PY
