#!/usr/bin/env bash
# Pillow 13.0.0: an AVIF's clean aperture (`clap`) is not applied, so pixels are shown that the file says not to show.
#
# Guessed: `clap` is a transformative property, as `irot` and `imir` are, and MIAF (ISO/IEC 23000-22, 7.3.6.7) has readers
# apply it; Pillow applies the other two.
# Seen: an AVIF of 96 x 64 pixels whose clean aperture is the 40 x 30 in its middle opens as 96 x 64, without a warning;
# the whole coded picture is shown. pillow-heif, on libheif, shows a HEIC with the same property as 40 x 30.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pillow==13.0.0 pillow-heif==1.8.1
"$work/venv/bin/python" -W error - <<'PY'
import io
import struct

import PIL
import pillow_heif
from PIL import Image

WIDTH, HEIGHT, SHOWN = 96, 64, (40, 30)


def boxes(data, at, end):
    found = {}
    while at < end:
        size = int.from_bytes(data[at : at + 4], "big")
        found[bytes(data[at + 4 : at + 8])] = (at, size)
        at += size
    return found


def with_clean_aperture(file):
    """The same file with one property more, essential, of its first picture: the middle is to be shown."""
    data = bytearray(file)
    meta, meta_size = boxes(data, 0, len(data))[b"meta"]
    inside = boxes(data, meta + 12, meta + meta_size)
    place = inside[b"iprp"][0]
    properties = boxes(data, place + 8, place + inside[b"iprp"][1])
    (container, size), (links, _) = properties[b"ipco"], properties[b"ipma"]
    number = len(list(iterate(data, container + 8, container + size))) + 1
    box = struct.pack(">I4s8I", 40, b"clap", SHOWN[0], 1, SHOWN[1], 1, 0, 1, 0, 1)
    count = links + 18  # of the first picture's properties: version and flags, entries, its number before
    data[count] += 1
    data[count + data[count] : count + data[count]] = bytes([0x80 | number])
    data[container + size : container + size] = box
    for at, more in ((meta, 41), (place, 41), (container, 40), (links + (40 if links > container else 0), 1)):
        data[at : at + 4] = (int.from_bytes(data[at : at + 4], "big") + more).to_bytes(4, "big")
    return moved(data, 41)


def iterate(data, at, end):
    while at < end:
        yield at
        at += int.from_bytes(data[at : at + 4], "big")


def moved(data, shift):
    """All places of pictures that `iloc` names lie that much further on."""
    at = data.find(b"iloc") + 4
    version, sizes = data[at], (data[at + 4] >> 4, data[at + 4] & 15, data[at + 5] >> 4)
    items, at = int.from_bytes(data[at + 6 : at + 8], "big"), at + 8
    for _ in range(items):
        at += 4 + (2 if version else 0) + sizes[2]
        extents, at = int.from_bytes(data[at : at + 2], "big"), at + 2
        for _ in range(extents):
            place = int.from_bytes(data[at : at + sizes[0]], "big") + shift
            data[at : at + sizes[0]] = place.to_bytes(sizes[0], "big")
            at += sizes[0] + sizes[1]
    return bytes(data)


picture, avif, heic = Image.new("RGB", (WIDTH, HEIGHT), (200, 30, 60)), io.BytesIO(), io.BytesIO()
picture.save(avif, "AVIF")
pillow_heif.from_pillow(picture).save(heic)
with Image.open(io.BytesIO(with_clean_aperture(avif.getvalue()))) as seen:
    seen.load()
other = pillow_heif.open_heif(io.BytesIO(with_clean_aperture(heic.getvalue())))
print(f"Pillow {PIL.__version__}, pillow-heif {pillow_heif.__version__}")
print(f"expected {SHOWN}, seen: AVIF by Pillow {seen.size}, HEIC by pillow-heif {other.size}")
assert seen.size == (WIDTH, HEIGHT), "Pillow cuts to the clean aperture now"
assert other.size == SHOWN
PY
