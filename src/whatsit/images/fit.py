"""An upright RGB image → a network's input: the shape (`fit`) and the resize (`interpolation`).

Which fit is best differs by data set, by up to 7 points of accuracy either way: measure.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from whatsit.images.preprocessing import Fit, Preprocessing

_RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
_MID_GREY = (127, 127, 127)  # becomes 0 in a network that reads (x - 127) / 128


def fit_image(pixels: NDArray[np.uint8], preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """`(H, W, 3) uint8` → `(height, width, 3) uint8`, C-contiguous. Raises `ValueError` for any other array."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise ValueError(f"an image is uint8 (H, W, 3), got {pixels.dtype} {pixels.shape}")
    return np.array(fit(Image.fromarray(pixels), preprocessing))


def fit(image: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    """The same for a Pillow image of mode RGB, which spares two copies."""
    return _FITS[preprocessing.fit](image, preprocessing, _RESAMPLING[preprocessing.interpolation])


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


_FITS: dict[Fit, Callable[[Image.Image, Preprocessing, Image.Resampling], Image.Image]] = {
    "squash": _squash,
    "crop": _crop,
    "letterbox": _letterbox,
}


def covered_box(width: int, height: int, preprocessing: Preprocessing) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) that the network's input covers, in pixels of the upright original of that size.

    Of the input's proportions and in the middle, but for a squash, which covers all: a crop is the largest such box
    within the image, a letterbox the smallest around it. Its sides are whole pixels, at least one.
    """
    if preprocessing.fit == "squash":
        return 0, 0, width, height
    across = max(1, round(height * preprocessing.width / preprocessing.height))  # where the image's height is kept
    down = max(1, round(width * preprocessing.height / preprocessing.width))  # where its width is
    wide = width * preprocessing.height > height * preprocessing.width  # wider than the input, for its height
    box = (across, height) if wide == (preprocessing.fit == "crop") else (width, down)
    left, top = (width - box[0]) // 2, (height - box[1]) // 2
    return left, top, left + box[0], top + box[1]
