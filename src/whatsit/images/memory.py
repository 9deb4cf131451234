"""Images that are in memory already: a Pillow image or an array → upright RGB `uint8 (H, W, 3)`."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from whatsit.errors import ImageError
from whatsit.images.colour import to_rgb
from whatsit.images.orientation import orientation, turn_upright


def from_memory(image: Image.Image | NDArray[np.uint8]) -> NDArray[np.uint8]:
    """By the same rules as a file: turned upright, transparency on white, deep grey scaled.

    Raises `ImageError` for anything but a Pillow image or a uint8 array (H, W) or (H, W, 3).
    """
    if isinstance(image, Image.Image):
        return np.array(turn_upright(to_rgb(image), orientation(image)))
    if not isinstance(image, np.ndarray):
        raise ImageError(f"{type(image).__name__}: expected a path, bytes, a Pillow image or a uint8 array")
    if image.dtype != np.uint8 or image.size == 0 or image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)):
        raise ImageError(f"array of {image.dtype} {image.shape}: expected uint8 (H, W, 3) or (H, W)")
    return image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2)
