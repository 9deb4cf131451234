"""Runs a graph on images: a session on a device, and the one loop from images of any kind to rows of numbers.

`stream_images` is that loop, for the embedder, the classifier and scikit-learn's estimators. Each worker thread takes a
few images, reads and decodes them, and runs the network on the lot. Pillow, hashlib and ONNX Runtime all release the
interpreter's lock, so as many workers as cores keep every core at useful work, in constant memory.

What fails is an error of its image, by name. So is a row that nothing can be computed from: its numbers are not finite,
or so large that their squares are not. A network that divides by a photo's spread gives such a row for a photo of one
colour, and every later figure would be NaN, too. The module does not know where the rows go.
"""

import hashlib
import re
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from os import PathLike
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import onnxruntime  # noqa: F401 (here, not first on the thread that opens a session)
from numpy.typing import NDArray

from whatsit.embedding.engines.registry import ENGINES, TRAINS, Session, available_devices, find_engine
from whatsit.errors import BackboneError, ImageError, InferenceError
from whatsit.images.limits import Limits
from whatsit.images.preprocessing import Preprocessing

if TYPE_CHECKING:
    from PIL.Image import Image

ADVICE = "Leave the photo out, or mend the network"
DETAILS = "ONNX Runtime: "  # begins what it says itself, in an InferenceError
_CODE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")


def graph_device(device: str) -> str:
    """The same, or the CPU where its engine is not available: PyTorch trains there all the same."""
    if device in TRAINS:
        return "cpu"
    return device if find_engine(device).is_available() else "cpu"


def open_session(graph: bytes | str, device: str = "cpu", threads: int = 1) -> Session:
    """`threads`: within one call.

    Raises BackboneError for an unknown device, for one whose package is not installed, and for a graph that
    does not load.
    """
    engine = find_engine(device)
    if not engine.is_available():
        raise BackboneError(
            f"device {device!r} needs the package {engine.package}. Available here: {', '.join(available_devices())}"
        )
    try:
        return engine.open(graph, threads)
    except Exception as error:  # ONNX Runtime's own errors share no base class but Exception
        name = "ONNX Runtime" if device in ENGINES.built_in else f"device {device!r}"
        reason = str(error).partition("\n")[0]
        raise BackboneError(f"{name} cannot load the graph: {reason}") from error


def run(session: Session, outputs: list[str], image: NDArray[np.uint8]) -> list[NDArray[Any]]:
    """image: (n, height, width, 3) uint8 → the named outputs, each (n, …).

    Raises InferenceError where the network fails, or its answers are not as many as the images.
    """
    try:
        results: list[NDArray[Any]] = session.run(outputs, {"image": image})
    except MemoryError:
        raise
    except Exception as error:  # as above
        reason = _CODE.sub("", str(error).partition("\n")[0]) or type(error).__name__
        raise InferenceError(f"the network fails on it ({DETAILS}{reason}). {ADVICE}") from error
    counts = {len(result) if result.ndim else 0 for result in results}
    if counts != {len(image)}:
        raise InferenceError(f"the network gives {max(counts)} answers for {len(image)} images. Mend the network")
    return results


NOT_FINITE_ADVICE = (
    "Leave the photo out, or mend the network: where it divides by a photo's spread, which is 0 for one colour, add a "
    "small number"
)


def usable(rows: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(n, columns) → (n,) whether a row's squares add up to a finite number, as every norm and cosine needs."""
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.einsum("ij,ij->i", rows, rows)
    good: NDArray[np.bool_] = np.isfinite(squares)
    return good


def why_unusable(row: NDArray[np.floating]) -> str | None:
    """(columns,) → what is wrong with a photo's row and what to do, in a line; None where it is usable."""
    if usable(row[None])[0]:
        return None
    if np.isnan(row).any():
        return f"the network's numbers for it are not finite (NaN). {NOT_FINITE_ADVICE}"
    if np.isinf(row).any():
        return f"the network's numbers for it are not finite (infinite). {NOT_FINITE_ADVICE}"
    return f"the network's numbers for it are too large to compute with ({np.abs(row).max():.1e}). {NOT_FINITE_ADVICE}"


T = TypeVar("T")
Given = TypeVar("Given")
Forward = Callable[[NDArray[np.uint8]], NDArray[np.float32]]  # (n, size, size, 3) → (n, columns)
IN_FLIGHT = 3  # batches a worker: one in work, the others waiting, so that none is ever idle


@dataclass(frozen=True, slots=True)
class NetworkInput:
    """A source made ready for the network; without pixels where it failed or its row is not wanted."""

    pixels: NDArray[np.uint8] | None  # (size, size, 3)
    digest: bytes | None = None  # sha256 of the file's bytes, where the loader took it
    thumbnail: NDArray[np.uint8] | None = None  # (32, 32) grey, likewise
    error: str | None = None
    note: str | None = None  # what a reader of an answer should know of it


Load = Callable[[Given], NetworkInput]


@dataclass(frozen=True, slots=True)
class Item(Generic[Given]):
    """What became of one source: a row, or an error, or neither where its row was not wanted."""

    source: Given
    digest: bytes | None
    row: NDArray[np.float32] | None  # (columns,)
    thumbnail: NDArray[np.uint8] | None
    error: str | None
    note: str | None = None


def _work(sources: Sequence[Given], load: Load[Given], run: Forward) -> list[Item[Given]]:
    loaded = [load(source) for source in sources]
    pixels = [one.pixels for one in loaded if one.pixels is not None]
    rows = iter(rows_or_errors(np.stack(pixels), run) if pixels else ())
    return [
        Item(source, one.digest, None, one.thumbnail, one.error)
        if one.pixels is None
        else _item(source, one, next(rows))
        for source, one in zip(sources, loaded, strict=True)
    ]


def rows_or_errors(pixels: NDArray[np.uint8], run: Forward) -> list[NDArray[np.float32] | str]:
    """(n, size, size, 3) → of each image its row (columns,), or what is wrong with it.

    An image without usable numbers is asked for alone, and so is each of a call on which the network failed: one of
    them may spoil the others' answers.
    """
    if len(pixels) == 1:
        return [_row_or_error(pixels, run)]
    try:
        rows = run(pixels)
    except InferenceError:
        return [_row_or_error(pixels[i : i + 1], run) for i in range(len(pixels))]
    return [
        row if good else _row_or_error(pixels[i : i + 1], run)
        for i, (row, good) in enumerate(zip(rows, usable(rows), strict=True))
    ]


def _row_or_error(pixels: NDArray[np.uint8], run: Forward) -> NDArray[np.float32] | str:
    """Of one image: (1, size, size, 3)."""
    try:
        row = run(pixels)[0]
    except InferenceError as error:
        return str(error)
    return why_unusable(row) or row


def _item(source: Given, loaded: NetworkInput, row: NDArray[np.float32] | str) -> Item[Given]:
    if isinstance(row, str):
        return Item(source, loaded.digest, None, None, row)
    return Item(source, loaded.digest, row, loaded.thumbnail, None, loaded.note)


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def stream(
    sources: Iterable[Given], load: Load[Given], run: Forward, *, batch: int, workers: int
) -> Generator[Item[Given]]:
    """One `Item` a source, in the order given. `load` and `run` are called from several threads at once, or with
    no workers from the caller's. Where `run` raises InferenceError for an image alone, or its row has numbers that are
    not finite, that is an error of its source.

    Any other error that either raises ends it. Closed early, it drops what waits and returns when its threads have.
    """
    if not workers:
        for some in batched(sources, batch):
            yield from _work(some, load, run)
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="embed") as pool:
        flying: deque[Future[list[Item[Given]]]] = deque()
        try:
            for some in batched(sources, batch):
                flying.append(pool.submit(_work, some, load, run))
                if len(flying) >= IN_FLIGHT * workers:
                    yield from flying.popleft().result()
            while flying:
                yield from flying.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def stream_images(
    images: Iterable[Any],
    preprocessing: Preprocessing,
    limits: Limits,
    run: Forward,
    *,
    batch: int,
    workers: int,
    identify: bool = True,
    wanted: Callable[[bytes], bool] | None = None,
) -> Generator[Item[Any]]:
    """One `Item` an image of any kind, in the order given: `load_image` → `run`, as `stream` has it."""
    load = partial(load_image, preprocessing=preprocessing, limits=limits, identify=identify, wanted=wanted)
    return stream(images, load, run, batch=batch, workers=workers)


def load_image(
    image: Any,
    preprocessing: Preprocessing,
    limits: Limits,
    *,
    identify: bool = True,
    wanted: Callable[[bytes], bool] | None = None,
) -> NetworkInput:
    """An image of any kind → the network's input, or an error where it cannot be read.

    identify: also what tells copies, its digest and thumbnail, of the same read and decode. wanted: asked with the
    sha256 of a file's bytes before they are decoded; where it says no, there are no pixels.
    """
    from whatsit.images.decode import load_noted, load_with_thumbnail
    from whatsit.images.inputs import readable
    from whatsit.images.source import read_bytes

    digest = None
    try:
        given = readable(image, limits)
        if not isinstance(given, str | bytes | PathLike):
            return _load_from_memory(given, preprocessing, identify)
        if not identify:
            pixels, note = load_noted(given, preprocessing, limits)
            return NetworkInput(pixels, note=note)
        data = read_bytes(given, limits)
        digest = hashlib.sha256(data).digest()
        if wanted is not None and not wanted(digest):
            return NetworkInput(None, digest)
        loaded = load_with_thumbnail(data, preprocessing, limits)
        return NetworkInput(loaded.pixels, digest, loaded.thumbnail, note=loaded.note)
    except ImageError as error:
        return NetworkInput(None, digest, error=str(error))


def _load_from_memory(image: "Image | NDArray[Any]", preprocessing: Preprocessing, identify: bool) -> NetworkInput:
    """Of a Pillow image or an array. Raises ImageError."""
    from PIL import Image

    from whatsit.images.colour import doubt
    from whatsit.images.decode import thumbnail
    from whatsit.images.inputs import deep_values, from_memory
    from whatsit.images.resize import fit_image

    pixels = from_memory(image, preprocessing.value_range)  # (H, W, 3)
    made = fit_image(pixels, preprocessing)
    note = doubt(deep_values(image), preprocessing.value_range)
    if not identify:
        return NetworkInput(made, note=note)
    digest = hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).digest()
    return NetworkInput(made, digest, thumbnail(Image.fromarray(pixels)), note=note)
