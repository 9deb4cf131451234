"""Images that are in memory already: a Pillow image or an array → upright RGB `uint8 (H, W, 3)`."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from whatsit.errors import ImageError
from whatsit.images.colour import is_deep, to_rgb
from whatsit.images.depth import to_eight_bits
from whatsit.images.given import EXPECTED, WHICH
from whatsit.images.orientation import orientation, turn_upright
from whatsit.images.preprocessing import ValueRange


def deep_values(image: Any) -> NDArray[Any] | None:
    """The numbers of a deep Pillow image or array; None of anything else."""
    if isinstance(image, Image.Image):
        return np.asarray(image) if is_deep(image) else None
    return image if isinstance(image, np.ndarray) and image.dtype != np.uint8 and image.dtype.kind in "uif" else None


def from_memory(image: Image.Image | NDArray[Any], value_range: ValueRange | None = None) -> NDArray[np.uint8]:
    """By the same rules as a file: turned upright, transparency on white, more than 8 bits scaled by the range.

    image: of what `given.readable` makes. Raises `ImageError` for anything but a Pillow image or an array (H, W) or
    (H, W, 3) of uint8; with a range, which says what their numbers mean, of other integers and floats, too.
    """
    if isinstance(image, Image.Image):
        return np.array(turn_upright(to_rgb(image, value_range), orientation(image)))
    if not isinstance(image, np.ndarray):
        raise ImageError(f"{type(image).__name__}: {EXPECTED}")
    shaped = image.size > 0 and image.ndim in (2, 3) and image.shape[2:] in ((), (3,))
    if not shaped or image.dtype.kind not in "buif" or (value_range is None and image.dtype != np.uint8):
        also = "" if value_range is None else " or other numbers"
        what = f"array of {image.dtype} {image.shape}"
        raise ImageError(f"{what}: expected uint8{also}, (H, W, 3) or (H, W){_instead(image, shaped)}")
    image = to_eight_bits(image, value_range)
    return image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2)


def _instead(image: NDArray[Any], shaped: bool) -> str:
    """What to give in place of an array that is refused: it could be read in more ways than one."""
    if not shaped:
        return f". {WHICH}" if image.ndim == 3 and image.size else ""
    white, scaled = ("1", "x * 255") if image.dtype.kind == "f" else ("N", "x * 255 / N")
    return f". Of values from 0 to {white}: ({scaled}).round().astype('uint8')"
