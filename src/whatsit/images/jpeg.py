"""JPEG's own down-scaling: the decoder can skip most of the work of a photo far larger than the network.

A 12-megapixel photo takes 32 ms so, and 160 ms in full. What it changes is measured where it is used, in
`load.py`.
"""

from PIL.JpegImagePlugin import JpegImageFile

from whatsit.errors import ImageError
from whatsit.images.limits import Limits, check_pixels

# libjpeg walks the whole image once a scan, so that scans without content are a way to keep it busy. Encoders
# write about ten. Counted over the whole file, of which 64 MiB of anything hold 1024 by chance.
_MAX_SCANS = 1024


def scale_down(image: JpegImageFile, data: bytes, at_least: int | None, limits: Limits) -> None:
    """Have the decoder scale down by 2, 4 or 8, the shorter side no smaller than `at_least` pixels.

    A JPEG in several passes (progressive, or one component after the other) is held as coefficients in full
    whatever the scale, so for it the limit is on the full size: `ImageError`.
    """
    if not _in_one_pass(image, data):
        check_pixels(*image.size, limits)
        if data.count(b"\xff\xda") > _MAX_SCANS:
            raise ImageError(f"JPEG of more than {_MAX_SCANS} scans")
    if at_least is not None:
        image.draft(None, (at_least, at_least))


def _in_one_pass(image: JpegImageFile, data: bytes) -> bool:
    """Whether the first scan holds all components in full (libjpeg's own rule, `jdinput.c`).

    Pillow stops right behind the scan's header: 0xFFDA, its length, the number of components, 2 bytes for
    each of them, and 3 more.
    """
    assert image.fp is not None
    start = image.fp.tell() - (8 + 2 * image.layers)
    header = b"\xff\xda" + (6 + 2 * image.layers).to_bytes(2, "big") + bytes([image.layers])
    return "progressive" not in image.info and data[start : start + 5] == header
