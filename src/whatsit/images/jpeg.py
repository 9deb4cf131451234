"""JPEG's own down-scaling: the decoder can skip most of the work of a photo far larger than the network.

A 12-megapixel photo takes 32 ms so, and 160 ms in full. What it changes is measured where it is used, in
`load.py`.
"""

import re

from PIL.JpegImagePlugin import JpegImageFile

from whatsit.errors import ImageError
from whatsit.images.limits import Limits, check_pixels

# libjpeg walks the whole image once a scan, so that scans without content are a way to keep it busy: 44 KB of them
# at 24 megapixels for 20 s. Encoders write about ten. A billion pixels walked were measured to take a second.
_MAX_SCANS = 1024
_MAX_WALKED = 1_500_000_000  # pixels: those of the image, times its scans
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # but restarts, which stand amid a scan's data
_ALONE, _END, _SCAN = (0x01, 0xD8), 0xD9, 0xDA  # markers: without a segment; of the image's end; of a scan


def scale_down(image: JpegImageFile, data: bytes, at_least: int | None, limits: Limits) -> None:
    """Have the decoder scale down by 2, 4 or 8, the shorter side no smaller than `at_least` pixels.

    A JPEG in several passes (progressive, or one component after the other) is held as coefficients in full
    whatever the scale, so for it the limit is on the full size: `ImageError`.
    """
    if not _in_one_pass(image, data):
        check_pixels(*image.size, limits)
        scans = _count_scans(data)
        if scans > _MAX_SCANS:
            raise ImageError(f"JPEG of more than {_MAX_SCANS} scans")
        if scans * image.width * image.height > _MAX_WALKED:
            raise ImageError(f"JPEG of {scans} scans, too many for its size")
    if at_least is not None:
        image.draft(None, (at_least, at_least))


def _count_scans(data: bytes) -> int:
    """Up to the image's end: a phone may put a film behind it, which holds any bytes."""
    scans, at = 0, 2
    while found := _MARKER.search(data, at):
        at, kind = found.end(), data[found.end() - 1]
        if kind == _END:
            break
        scans += kind == _SCAN
        if kind not in _ALONE:
            at += max(2, int.from_bytes(data[at : at + 2], "big"))
    return scans


def _in_one_pass(image: JpegImageFile, data: bytes) -> bool:
    """Whether the first scan holds all components in full (libjpeg's own rule, `jdinput.c`).

    Pillow stops right behind the scan's header: 0xFFDA, its length, the number of components, 2 bytes for
    each of them, and 3 more.
    """
    assert image.fp is not None
    start = image.fp.tell() - (8 + 2 * image.layers)
    header = b"\xff\xda" + (6 + 2 * image.layers).to_bytes(2, "big") + bytes([image.layers])
    return "progressive" not in image.info and data[start : start + 5] == header
