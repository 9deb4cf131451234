"""An upright RGB image → a network's input: the shape (`resize_mode`) and the resize (`interpolation`).

Which mode is best differs by data set, by up to 7 points of accuracy either way: measure.

Turn an image upright by its EXIF (or XMP) orientation.

Not `ImageOps.exif_transpose`: that also writes the turned image's EXIF block anew, which fails on a damaged
one, and copies an image that is upright already.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from whatsit.images.preprocessing import Preprocessing, ResizeMode

_RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
_MID_GREY = (127, 127, 127)  # becomes 0 in a network that reads (x - 127) / 128


def fit_image(pixels: NDArray[np.uint8], preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """`(H, W, 3) uint8` → `(height, width, 3) uint8`, C-contiguous. Raises `ValueError` for any other array."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise ValueError(f"an image is uint8 (H, W, 3), got {pixels.dtype} {pixels.shape}")
    return np.array(resize(Image.fromarray(pixels), preprocessing))


def resize(image: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    """The same for a Pillow image of mode RGB, which spares two copies."""
    return _RESIZES[preprocessing.resize_mode](image, preprocessing, _RESAMPLING[preprocessing.interpolation])


def _squash(image: Image.Image, preprocessing: Preprocessing, resampling: Image.Resampling) -> Image.Image:
    return image.resize((preprocessing.width, preprocessing.height), resampling)


def _crop(image: Image.Image, preprocessing: Preprocessing, resampling: Image.Resampling) -> Image.Image:
    return _squash(image.crop(covered_box(*image.size, preprocessing)), preprocessing, resampling)


def _letterbox(image: Image.Image, preprocessing: Preprocessing, resampling: Image.Resampling) -> Image.Image:
    """The whole image in its proportions, amid mid-grey; at least one pixel wide and high."""
    size = preprocessing.width, preprocessing.height
    scale = min(size[0] / image.width, size[1] / image.height)
    width, height = (max(1, round(side * scale)) for side in image.size)
    canvas = Image.new("RGB", size, _MID_GREY)
    canvas.paste(image.resize((width, height), resampling), ((size[0] - width) // 2, (size[1] - height) // 2))
    return canvas


_RESIZES: dict[ResizeMode, Callable[[Image.Image, Preprocessing, Image.Resampling], Image.Image]] = {
    "squash": _squash,
    "crop": _crop,
    "letterbox": _letterbox,
}


def covered_box(width: int, height: int, preprocessing: Preprocessing) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) that the network's input covers, in pixels of the upright original of that size.

    Of the input's proportions and in the middle, but for a squash, which covers all: a crop is the largest such box
    within the image, a letterbox the smallest around it. Its sides are whole pixels, at least one.
    """
    if preprocessing.resize_mode == "squash":
        return 0, 0, width, height
    across = max(1, round(height * preprocessing.width / preprocessing.height))  # where the image's height is kept
    down = max(1, round(width * preprocessing.height / preprocessing.width))  # where its width is
    wide = width * preprocessing.height > height * preprocessing.width  # wider than the input, for its height
    box = (across, height) if wide == (preprocessing.resize_mode == "crop") else (width, down)
    left, top = (width - box[0]) // 2, (height - box[1]) // 2
    return left, top, left + box[0], top + box[1]


_UPRIGHT = {  # EXIF 2.32, tag 0x0112
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


# AVIF and HEIC are turned by their own properties (MIAF, ISO/IEC 23000-22, 7.3.6.7): Pillow hands them over as EXIF,
# pillow-heif turns the pixels and takes the orientation out of EXIF. XMP, to which `getexif` falls back, has no say.
_BY_PROPERTIES = ("AVIF", "HEIF")


def orientation(image: Image.Image) -> int:
    """1 to 8; 1, upright, where the loaded image says nothing or its EXIF block is damaged."""
    try:
        exif = _own_exif(image) if getattr(image, "format", None) in _BY_PROPERTIES else image.getexif()
        value = exif.get(ExifTags.Base.Orientation, 1)
        return value if value in _UPRIGHT else 1
    except Exception:  # hostile EXIF raises whatever it likes, and costs no more than the orientation
        return 1


def _own_exif(image: Image.Image) -> Image.Exif:
    """Without XMP's orientation."""
    exif = Image.Exif()
    exif.load(image.info.get("exif") or b"")
    return exif


def swaps_sides(orientation: int) -> bool:
    """Whether turning upright makes width of height."""
    return 5 <= orientation <= 8


def turn_upright(image: Image.Image, orientation: int) -> Image.Image:
    """The image upright; the same object where it is so already."""
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image
