"""The reader of TIFF that `decode.py` calls: a file's first page."""

from whatsit.images.limits import Limits
from whatsit.images.samples import Header, Samples
from whatsit.images.tiff.layout import first_page
from whatsit.images.tiff.picture import read_picture


def header(data: bytes) -> Header:
    """Raises `ImageError`."""
    layout = first_page(data)
    return Header(layout.width, layout.height, layout.orientation, layout.is_deep)


def read(data: bytes, limits: Limits) -> Samples:
    """Raises `ImageError`."""
    return read_picture(first_page(data), limits)
