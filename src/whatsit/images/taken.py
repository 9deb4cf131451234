"""When a photo was taken, as its EXIF says; read from the head of a local file."""

from datetime import datetime
from pathlib import Path

from PIL import ExifTags, Image

from whatsit.images.quiet import hush_pillow

FORMATS = ("JPEG", "MPO", "TIFF", "PNG", "WEBP")  # that cameras write, or that keep what cameras wrote
_FORM = "%Y:%m:%d %H:%M:%S"


def taken_at(uri: str) -> float | None:
    """Seconds since some moment, the same for all photos of a camera; None where nothing says so, or far away.

    Of DateTimeOriginal with its fraction (EXIF 2.32, tags 0x9003 and 0x9291). A URI is not opened again: it may lead
    across a network.
    """
    if "://" in uri:
        return None
    hush_pillow()
    try:
        with Image.open(Path(uri), formats=FORMATS) as image:
            exif = image.getexif().get_ifd(ExifTags.IFD.Exif)
        seconds = (datetime.strptime(str(exif[ExifTags.Base.DateTimeOriginal]).strip("\0 "), _FORM)).timestamp()
        fraction = str(exif.get(ExifTags.Base.SubsecTimeOriginal, "")).strip("\0 ")
        return seconds + (float(f"0.{fraction}") if fraction.isdigit() else 0.0)
    except Exception:  # hostile EXIF raises whatever it likes, and costs no more than the time
        return None
