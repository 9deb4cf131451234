"""What a program gives → one image or many, each a path, a URI, the bytes of a file, a Pillow image or an array.

Only what is certain is taken: what could be read in two ways is refused in a line that says what to give instead. No
library is imported to know its objects: files are told by `read`, tensors by `__array__` and DLPack. `from_memory`
makes upright RGB `uint8 (H, W, 3)` of a Pillow image or an array. Files are decoded elsewhere (`images.decode`).
"""

import io
import os
import threading
from collections.abc import Iterable, Mapping, Set
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from whatsit.errors import ImageError
from whatsit.images.colour import is_deep, to_eight_bits, to_rgb
from whatsit.images.limits import DEFAULT_LIMITS, Limits, check_bytes, check_pixels
from whatsit.images.preprocessing import ValueRange
from whatsit.images.resize import orientation, turn_upright

if TYPE_CHECKING:
    from PIL import Image as PillowImage

    Readable: TypeAlias = str | os.PathLike[str] | bytes | PillowImage.Image | NDArray[Any]
else:
    Readable = Any


EXPECTED = "expected a path, bytes, an open file, a Pillow image or an array"
WHICH = "Channels first? Give x.transpose(1, 2, 0), of a tensor x.permute(1, 2, 0). Grey images? Give list(x)"
MOST_CHANNELS = 4
OF_TEXT = "OUS"  # kinds of NumPy's types whose elements are images themselves: paths, bytes, objects
LOCKS = tuple(threading.Lock() for _ in range(16))  # one file may stand in a list twice, and threads read it


def unpacked(given: Any) -> tuple[bool, Iterable[Any]]:
    """Whether it is one image, and the images: itself alone, or those in it.

    Many are: a list, a tuple, an iterator or any other iterable of images, a column of paths, a stack of pictures
    (n, H, W, channels) or (n, 3, H, W). Raises ImageError for what may be meant in several ways: a dictionary, a set,
    a list of numbers, an array (n, H, W), a table of several columns.
    """
    if isinstance(given, list | tuple) and not _is_of_numbers(given):
        return False, given
    if isinstance(given, str | os.PathLike) or _is_file(given):
        return True, [given]
    if isinstance(given, np.ndarray) or (_is_tensor(given) and not _is_picture(given)):
        return _of_array(given)
    if isinstance(given, list | tuple | Mapping | Set):
        raise _refused(given)
    if _is_buffer(given) or _is_picture(given) or not isinstance(given, Iterable):
        return True, [given]
    return False, given


def readable(image: Any, limits: Limits = DEFAULT_LIMITS) -> Readable:
    """One image of any kind → a path, a URI, the bytes of a file, a loaded Pillow image, or an array.

    An open file is read from its start, where it can go there, and at most `limits.max_bytes` of it. An array of bytes
    (n,) is a file's; one of (H, W, 1) is grey; of 2 and 4 channels the last is opacity; PyTorch's (3, H, W) is RGB.
    Raises ImageError.
    """
    if isinstance(image, str):
        return str(image)  # also of NumPy's kind
    if isinstance(image, bytes):
        return image
    if isinstance(image, os.PathLike):
        path: str = os.fsdecode(image)
        return path
    if isinstance(image, np.ndarray):
        return _of_one_array(image, limits)
    if _is_tensor(image) and not _is_picture(image):
        array = _array(image)
        return _of_one_array(np.moveaxis(array, 0, -1) if _is_torch_photo(image, array) else array, limits)
    if _is_file(image):
        return _contents(image, limits)
    if _is_buffer(image):
        return _of_buffer(image, limits)
    if _is_picture(image):
        return _loaded(image, limits)
    raise _refused(image)


def _refused(given: Any) -> ImageError:
    instead = ""
    if isinstance(given, Mapping):
        instead = ". Give its values, or its keys, as a list"
    elif isinstance(given, Set):
        instead = ". A set has no order: give a list"
    elif isinstance(given, list | tuple) and _is_of_numbers(given):
        instead = ". Of numbers, make an array: numpy.array(x, 'uint8')"
    return ImageError(f"{type(given).__name__}: {EXPECTED}{instead}")


def _is_of_numbers(many: list[Any] | tuple[Any, ...]) -> bool:
    """Whether it is a picture as nested lists, or numbers alone: none of its elements would be an image."""
    return bool(many) and all(isinstance(one, list | tuple | int | float | np.number) for one in many)


def _is_file(given: Any) -> bool:
    """An open file, a path within an archive, or fsspec's file that is to be opened."""
    if isinstance(given, type):
        return False
    return any(callable(getattr(given, name, None)) for name in ("read", "read_bytes")) or _is_to_be_opened(given)


def _is_to_be_opened(given: Any) -> bool:
    return hasattr(given, "fs") and callable(getattr(given, "open", None)) and hasattr(given, "__enter__")


def _is_tensor(given: Any) -> bool:
    return not isinstance(given, type | np.generic) and any(hasattr(given, n) for n in ("__array__", "__dlpack__"))


def _is_picture(given: Any) -> bool:
    from PIL import Image

    return isinstance(given, Image.Image)


def _is_buffer(given: Any) -> bool:
    if isinstance(given, np.generic):
        return isinstance(given, bytes)
    try:
        memoryview(given).release()
    except (TypeError, ValueError):  # ValueError: a memoryview that was released
        return isinstance(given, memoryview)
    return True


def _of_array(given: Any) -> tuple[bool, Iterable[Any]]:
    array = given if isinstance(given, np.ndarray) else _array(given)
    what = f"{type(given).__name__} of {array.dtype} {array.shape}"
    if array.dtype.kind in OF_TEXT:
        column = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
        if column.ndim > 1:
            raise ImageError(f"{what}: expected one column of images, such as table['path']")
        return (False, column.tolist()) if column.ndim else (True, [given])
    if array.ndim == 4:
        return False, list(np.moveaxis(array, 1, -1) if _is_channels_first(array) else array)
    if _is_torch_photo(given, array):
        return True, [given]
    if array.size and (array.ndim > 4 or (array.ndim == 3 and array.shape[2] > 4)):
        raise ImageError(f"{what}: expected (H, W), (H, W, channels) or (n, H, W, channels). {WHICH}")
    return True, [given]


def _is_channels_first(array: NDArray[Any]) -> bool:
    """Of (n, a, b, c): whether it can only be (n, 3, H, W), since nothing has so many channels as c."""
    return bool(array.shape[1] == 3 and min(array.shape[2:]) > MOST_CHANNELS)


def _is_torch_photo(given: Any, array: NDArray[Any]) -> bool:
    """Whether it is a tensor of PyTorch (3, H, W), as its libraries have photos; an array might be three grey ones."""
    is_torch = callable(getattr(given, "permute", None))
    return bool(is_torch and array.ndim == 3 and array.shape[0] == 3 and min(array.shape[1:]) > MOST_CHANNELS)


def _array(tensor: Any) -> NDArray[Any]:
    """Raises ImageError where it gives no array, as one on a GPU does."""
    name = type(tensor).__name__
    try:
        detached = tensor.detach() if hasattr(tensor, "detach") else tensor
        local = detached.cpu() if callable(getattr(detached, "cpu", None)) else detached
        array = np.asarray(local) if hasattr(local, "__array__") else np.from_dlpack(local)
    except Exception as error:  # whatever a stranger's library raises
        raise ImageError(f"{name}: cannot be made a NumPy array ({_first_line(error)}). Give one") from error
    if not isinstance(array, np.ndarray):
        raise ImageError(f"{name}: cannot be made a NumPy array. Give one")
    return array


def _of_one_array(array: NDArray[Any], limits: Limits) -> Readable:
    kind, channels = array.dtype.kind, array.shape[2] if array.ndim == 3 else 0
    if kind in OF_TEXT and array.ndim == 0:
        return readable(array.item(), limits)
    if array.dtype == np.uint8 and array.ndim == 1:
        check_bytes(array.size, limits)
        return array.tobytes()
    if channels == 1 and array.shape[0] > 4:  # or else it may as well be a row of pictures
        array = array[:, :, 0]
    if array.dtype == np.bool_:
        return np.where(array, np.uint8(255), np.uint8(0))
    if array.dtype == np.uint8 and channels in (2, 4) and array.size:
        from PIL import Image

        return Image.fromarray(np.ascontiguousarray(array))  # LA or RGBA
    return array


def _contents(file: Any, limits: Limits) -> bytes:
    """Raises ImageError where it is closed, of text, empty or too large."""
    if isinstance(file, io.TextIOBase):
        raise ImageError("a file opened as text. Open it as bytes: open(path, 'rb')")
    try:
        with LOCKS[id(file) % len(LOCKS)]:
            data = _read(file, limits.max_bytes + 1)
    except ImageError:
        raise
    except Exception as error:  # closed, gone, or whatever a stranger's file raises
        raise ImageError(f"{type(file).__name__} cannot be read: {_first_line(error)}") from error
    check_bytes(len(data), limits)
    return data


def _read(file: Any, most: int) -> bytes:
    if not callable(getattr(file, "read", None)):
        if _is_to_be_opened(file):
            with file as opened:
                return _read(opened, most)
        return bytes(file.read_bytes())
    if callable(getattr(file, "seek", None)) and (not hasattr(file, "seekable") or file.seekable()):
        file.seek(0)
    chunks: list[bytes] = []
    while most > 0:
        chunk = file.read(most)
        if not isinstance(chunk, bytes | bytearray | memoryview):
            if hasattr(chunk, "close"):
                chunk.close()  # what an asynchronous file gives, which would warn that nobody awaited it
            raise ImageError(f"{type(file).__name__}: its read() gives {type(chunk).__name__}, expected bytes")
        if not chunk:
            break
        chunks.append(bytes(chunk))
        most -= len(chunk)
    return b"".join(chunks)


def _of_buffer(given: Any, limits: Limits) -> Readable:
    """Bytes of a file in one row; or a picture, where a memoryview has its shape."""
    try:
        view = memoryview(given)
    except (TypeError, ValueError) as error:
        raise ImageError(f"{type(given).__name__}: {_first_line(error)}") from None
    if view.ndim > 1:
        return _of_one_array(np.asarray(view), limits)
    if view.itemsize != 1:
        raise ImageError(f"{type(given).__name__} of numbers of {view.itemsize} bytes: {EXPECTED}")
    check_bytes(view.nbytes, limits)
    return view.tobytes()


def _loaded(image: Any, limits: Limits) -> "PillowImage.Image":
    """A Pillow image opens its file and decodes nothing until it is asked for a pixel."""
    try:
        with LOCKS[id(image) % len(LOCKS)]:
            if getattr(image, "tile", None):
                width, height = image.size
                check_pixels(width, height, limits)
            image.load()
    except ImageError:
        raise
    except Exception as error:  # closed, truncated, damaged: nearly any type
        raise ImageError(f"{type(image).__name__} cannot be read: {_first_line(error)}") from error
    loaded: PillowImage.Image = image
    return loaded


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


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
