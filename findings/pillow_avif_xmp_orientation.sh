#!/usr/bin/env bash
# Pillow 13.0.0: an AVIF that says "turn me" in its XMP alone is said to be turned, though the format rules it out.
#
# Guessed: `getexif()` of an AVIF without Exif has no orientation: in this container only the properties irot and imir
# turn the picture (ISO/IEC 23000-22, MIAF; libavif and browsers go by them), and a reader that turned it by
# other metadata would turn it twice where both are written.
# Seen: Pillow takes tiff:Orientation from the XMP packet, so that `ImageOps.exif_transpose` turns a picture that every
# browser shows as it is stored.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pillow==13.0.0
"$work/venv/bin/python" -W error - <<'PY'
import io

import PIL
from PIL import Image, ImageOps

file = io.BytesIO()
Image.new("RGB", (40, 20)).save(file, "AVIF", xmp=b'<x:xmpmeta tiff:Orientation="6"/>')
image = Image.open(io.BytesIO(file.getvalue()))
turned = ImageOps.exif_transpose(image)
print(f"Pillow {PIL.__version__}: stored {image.size}, orientation {image.getexif().get(0x112)}, shown as {turned.size}")
assert b"irot" not in file.getvalue() and b"imir" not in file.getvalue()
assert image.size == (40, 20) and image.getexif().get(0x112) == 6 and turned.size == (20, 40)
PY
