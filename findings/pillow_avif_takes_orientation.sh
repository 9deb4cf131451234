#!/usr/bin/env bash
# Pillow 13.0.0: saving as AVIF takes the orientation out of the caller's own Exif object, so that the next file that is
# saved with it, of whatever format, lies on its side.
#
# Guessed: image.save(file, "AVIF", exif=exif) reads the object. A photo that is written as AVIF and as JPEG, with its
# own exif = photo.getexif(), keeps its orientation in both.
# Seen: AVIF turns by irot and imir, so the encoder moves tag 0x0112 there and deletes it from the object it was handed.
# The AVIF is right; the JPEG written after it has no orientation. Written before it, it has. JPEG, PNG, WebP and TIFF
# leave the object as it is.
# Source: PIL/AvifImagePlugin.py, _save: exif.pop(ExifTags.Base.Orientation).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pillow==13.0.0
"$work/venv/bin/python" - <<'PY'
import io

import PIL
from PIL import Image

ORIENTATION = 0x0112
photo = Image.new("RGB", (16, 8))


def orientations(*formats):
    """What the object holds after each file, and what is read from the last."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    held = []
    for name in formats:
        file = io.BytesIO()
        photo.save(file, name, exif=exif)
        held.append(exif.get(ORIENTATION))
    print(f"{', '.join(formats)}: the object holds {held}, the last file {Image.open(file).getexif().get(ORIENTATION)}")
    return held, Image.open(file).getexif().get(ORIENTATION)


print("Pillow", PIL.__version__)
assert orientations("PNG", "WEBP", "TIFF", "JPEG") == ([6, 6, 6, 6], 6)
assert orientations("AVIF") == ([None], 6)
assert orientations("AVIF", "JPEG") == ([None, None], None)
assert orientations("JPEG", "AVIF") == ([6, None], 6)
PY
