"""An upright RGB image → a network's square input: the shape (`fit`) and the resize (`interpolation`).

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
    """`(H, W, 3) uint8` → `(size, size, 3) uint8`, C-contiguous. Raises `ValueError` for any other array."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise ValueError(f"an image is uint8 (H, W, 3), got {pixels.dtype} {pixels.shape}")
    return np.array(fit(Image.fromarray(pixels), preprocessing))


def fit(image: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    """The same for a Pillow image of mode RGB, which spares two copies."""
    resampling = _RESAMPLING[preprocessing.interpolation]
    return _FITS[preprocessing.fit](image, preprocessing.size, resampling)


def _squash(image: Image.Image, size: int, resampling: Image.Resampling) -> Image.Image:
    return image.resize((size, size), resampling)


def _crop(image: Image.Image, size: int, resampling: Image.Resampling) -> Image.Image:
    """The square in the middle, as large as fits."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side)).resize((size, size), resampling)


def _letterbox(image: Image.Image, size: int, resampling: Image.Resampling) -> Image.Image:
    """The whole image in its proportions, amid mid-grey; at least one pixel wide and high."""
    scale = size / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    square = Image.new("RGB", (size, size), _MID_GREY)
    square.paste(image.resize((width, height), resampling), ((size - width) // 2, (size - height) // 2))
    return square


_FITS: dict[Fit, Callable[[Image.Image, int, Image.Resampling], Image.Image]] = {
    "squash": _squash,
    "crop": _crop,
    "letterbox": _letterbox,
}


def covered_box(width: int, height: int, fit: Fit) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) that the network's square covers, in pixels of the upright original.

    A letterbox reaches beyond the image; a crop falls short of it.
    """
    if fit == "squash":
        return 0, 0, width, height
    side = min(width, height) if fit == "crop" else max(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side
