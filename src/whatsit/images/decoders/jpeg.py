"""JPEG's own down-scaling: the decoder can skip most of the work of a photo far larger than the network.

A 12-megapixel photo takes 32 ms so, and 160 ms in full. What it changes is measured where it is used, in
`load.py`. And the kinds of JPEG that Pillow does not read, or not rightly: 12 bits, lossless, CMYK
without Adobe's mark.
"""

import io
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from whatsit.errors import ImageError
from whatsit.images.colour import Samples
from whatsit.images.libraries import imagecodecs
from whatsit.images.limits import Limits, check_pixels

# libjpeg walks the whole image once a scan, so that scans without content are a way to keep it busy: 44 KB of them
# at 24 megapixels for 20 s. Encoders write about ten. A billion pixels walked were measured to take a second.
_MAX_SCANS = 1024
_MAX_WALKED = 1_500_000_000  # pixels: those of the image, times its scans
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # but restarts, which stand amid a scan's data
_ALONE, _END, _SCAN = (0x01, 0xD8), 0xD9, 0xDA  # markers: without a segment; of the image's end; of a scan
_FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xF7)
_LOSSLESS = 0xC3
_READ = (0xC0, 0xC1, 0xC2, _LOSSLESS, 0xC9, 0xCA)  # baseline, extended, progressive; these with arithmetic coding
# Bytes that no picture goes on with, restarts among them, and the end.
_OTHER = b"".join(b"\x5a\xa5" * 64 + bytes([0xFF, marker]) for marker in (*range(0xD0, 0xD8), 0xD9))
_UNREAD = {0xF7: "JPEG-LS", 0xCB: "lossless JPEG with arithmetic coding"}


@dataclass(frozen=True)
class Frame:
    """A JPEG's kind and size, by its frame header (ITU-T T.81, B.2.2)."""

    marker: int
    bits: int
    width: int
    height: int
    bands: int
    sampling: tuple[int, int]  # of the first band, luma: how many samples (across, down) where chroma has one

    @property
    def is_read_by_pillow(self) -> bool:
        return self.marker in _READ and self.bits == 8 and self.bands in (1, 3, 4)


def read_frame(data: bytes) -> Frame | None:
    """None where the file ends before."""
    at = 2
    while found := _MARKER.search(data, at):
        at, kind = found.end(), data[found.end() - 1]
        if kind in (_END, _SCAN):
            return None
        if kind in _FRAMES and at + 8 <= len(data):
            height, width = (int.from_bytes(data[at + i : at + i + 2], "big") for i in (3, 5))
            factors = data[at + 9] if at + 9 < len(data) else 0
            return Frame(kind, data[at + 2], width, height, data[at + 7], (factors >> 4, factors & 15))
        if kind not in _ALONE:
            at += max(2, int.from_bytes(data[at : at + 2], "big"))
    return None


def read_rare(data: bytes, frame: Frame, limits: Limits) -> Samples:
    """A JPEG that Pillow does not read: of more than 8 bits, with the extra `science`. Raises `ImageError`."""
    check_pixels(frame.width, frame.height, limits)
    if frame.marker not in _READ:
        name = _UNREAD.get(frame.marker, "hierarchical JPEG")
        raise ImageError(f"not supported: {name}. Save it as PNG or as a common JPEG")
    if frame.bands not in (1, 3):
        raise ImageError(f"not supported: JPEG of {frame.bands} bands. Save it as PNG or as a common JPEG")
    values = imagecodecs(f"JPEG of {frame.bits} bits").jpeg8_decode(data)
    if values.shape[:2] != (frame.height, frame.width) or values.ndim != 2 + (frame.bands == 3):
        raise ImageError("damaged JPEG: its pixels are of another size")
    if frame.bits < 8:
        values = np.rint(values * (255 / (2**frame.bits - 1))).astype(np.uint8)
    return Samples(values, None, max(8, frame.bits))


def scale_down(image: JpegImageFile, data: bytes, at_least: int | None, limits: Limits) -> None:
    """Have the decoder scale down by 2, 4 or 8, the shorter side no smaller than `at_least` pixels.

    A JPEG in several passes (progressive, or one component after the other) is held as coefficients in full
    whatever the scale, so for it the limit is on the full size: `ImageError`. A lossless one has no coefficients, and
    no scale.
    """
    if not _in_one_pass(image, data):
        check_pixels(*image.size, limits)
        scans = _count_scans(data)
        if scans > _MAX_SCANS:
            raise ImageError(f"JPEG of more than {_MAX_SCANS} scans")
        if scans * image.width * image.height > _MAX_WALKED:
            raise ImageError(f"JPEG of {scans} scans, too many for its size")
    frame = read_frame(data)
    if at_least is not None and (frame is None or frame.marker != _LOSSLESS):
        image.draft(None, (at_least, at_least))


def load_jpeg(image: ImageFile.ImageFile, data: bytes) -> Image.Image | Samples:
    """CMYK is inverted where Adobe's mark says who wrote it, as libvips and ImageMagick have it; Pillow always does."""
    assert isinstance(image, JpegImageFile)
    loaded = _loaded(image, data)
    if loaded.mode == "CMYK" and "adobe" not in image.info:
        from PIL import ImageChops

        return ImageChops.invert(loaded)
    return loaded


def _loaded(image: JpegImageFile, data: bytes) -> Image.Image:
    """Loaded, though the end's marker may be missing, as some cameras leave it out, where no pixel is.

    Whether one is: cut off amid its pixels, a file shows another picture for other bytes behind it.
    """
    settings, in_one_pass = (image.tile, image.decoderconfig, image.size, image.mode), _in_one_pass(image, data)
    try:
        image.load()
        return image
    except OSError as error:
        if "truncated" not in str(error) or not in_one_pass:
            raise
        try:
            plain, other = (_ended(data.rstrip(b"\xff") + more, settings) for more in (b"\xff\xd9", _OTHER))
        except OSError:
            raise error from None
        if plain.tobytes() != other.tobytes():
            raise
        return plain


def _ended(data: bytes, settings: tuple[Any, Any, tuple[int, int], str]) -> JpegImageFile:
    image = JpegImageFile(io.BytesIO(data))
    image.tile, image.decoderconfig, image._size, image._mode = settings
    image.load()
    return image


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
    components = len(image.getbands())  # 1, 3 or 4: Pillow refuses a JPEG of any other number
    start = image.fp.tell() - (8 + 2 * components)
    header = b"\xff\xda" + (6 + 2 * components).to_bytes(2, "big") + bytes([components])
    return "progressive" not in image.info and data[start : start + 5] == header
