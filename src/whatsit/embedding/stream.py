"""Images in, rows of numbers and named errors out, at the speed of the machine and in constant memory.

Each worker thread takes a few sources, reads and decodes them, and runs the network on the lot: Pillow,
hashlib and ONNX Runtime all release the interpreter's lock, so as many workers as cores keep every core at
useful work, and reading one image overlaps with computing another. It does not know where the sources come
from or the rows go.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from whatsit.embedding.finite import usable, why_unusable
from whatsit.errors import InferenceError

T = TypeVar("T")
Source = TypeVar("Source")

Run = Callable[[NDArray[np.uint8]], NDArray[np.float32]]  # (n, size, size, 3) → (n, columns)

IN_FLIGHT = 3  # batches a worker: one in work, the others waiting, so that none is ever idle


@dataclass(frozen=True, slots=True)
class Loaded:
    """A source made ready for the network; without pixels where it failed or its row is not wanted."""

    pixels: NDArray[np.uint8] | None  # (size, size, 3)
    digest: bytes | None = None  # sha256 of the file's bytes, where the loader took it
    thumbnail: NDArray[np.uint8] | None = None  # (32, 32) grey, likewise
    error: str | None = None
    note: str | None = None  # what a reader of an answer should know of it


Load = Callable[[Source], Loaded]


@dataclass(frozen=True, slots=True)
class Item(Generic[Source]):
    """What became of one source: a row, or an error, or neither where its row was not wanted."""

    source: Source
    digest: bytes | None
    row: NDArray[np.float32] | None  # (columns,)
    thumbnail: NDArray[np.uint8] | None
    error: str | None
    note: str | None = None


def _work(sources: Sequence[Source], load: Load[Source], run: Run) -> list[Item[Source]]:
    loaded = [load(source) for source in sources]
    pixels = [one.pixels for one in loaded if one.pixels is not None]
    rows = iter(rows_or_errors(np.stack(pixels), run) if pixels else ())
    return [
        Item(source, one.digest, None, one.thumbnail, one.error)
        if one.pixels is None
        else _item(source, one, next(rows))
        for source, one in zip(sources, loaded, strict=True)
    ]


def rows_or_errors(pixels: NDArray[np.uint8], run: Run) -> list[NDArray[np.float32] | str]:
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


def _row_or_error(pixels: NDArray[np.uint8], run: Run) -> NDArray[np.float32] | str:
    """Of one image: (1, size, size, 3)."""
    try:
        row = run(pixels)[0]
    except InferenceError as error:
        return str(error)
    return why_unusable(row) or row


def _item(source: Source, loaded: Loaded, row: NDArray[np.float32] | str) -> Item[Source]:
    if isinstance(row, str):
        return Item(source, loaded.digest, None, None, row)
    return Item(source, loaded.digest, row, loaded.thumbnail, None, loaded.note)


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def stream(
    sources: Iterable[Source], load: Load[Source], run: Run, *, batch: int, workers: int
) -> Generator[Item[Source]]:
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
        flying: deque[Future[list[Item[Source]]]] = deque()
        try:
            for some in batched(sources, batch):
                flying.append(pool.submit(_work, some, load, run))
                if len(flying) >= IN_FLIGHT * workers:
                    yield from flying.popleft().result()
            while flying:
                yield from flying.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
