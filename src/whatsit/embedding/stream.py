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


Load = Callable[[Source], Loaded]


@dataclass(frozen=True, slots=True)
class Item(Generic[Source]):
    """What became of one source: a row, or an error, or neither where its row was not wanted."""

    source: Source
    digest: bytes | None
    row: NDArray[np.float32] | None  # (columns,)
    thumbnail: NDArray[np.uint8] | None
    error: str | None


def _work(sources: Sequence[Source], load: Load[Source], run: Run) -> list[Item[Source]]:
    loaded = [load(source) for source in sources]
    pixels = [one.pixels for one in loaded if one.pixels is not None]
    rows = iter(_rows(np.stack(pixels), run) if pixels else ())
    return [
        Item(source, one.digest, None, one.thumbnail, one.error)
        if one.pixels is None
        else _item(source, one, next(rows))
        for source, one in zip(sources, loaded, strict=True)
    ]


def _rows(pixels: NDArray[np.uint8], run: Run) -> NDArray[np.float32]:
    """(n, size, size, 3) → (n, columns). An image without usable numbers is asked for alone.

    For a network that scales all images of a call together, one of them may spoil the others' numbers.
    """
    rows = run(pixels)
    if len(rows) == 1 or (good := usable(rows)).all():
        return rows
    rows = rows.copy()
    for i in np.flatnonzero(~good):
        rows[i] = run(pixels[i : i + 1])[0]
    return rows


def _item(source: Source, loaded: Loaded, row: NDArray[np.float32]) -> Item[Source]:
    if error := why_unusable(row):
        return Item(source, loaded.digest, None, None, error)
    return Item(source, loaded.digest, row, loaded.thumbnail, None)


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def stream(
    sources: Iterable[Source], load: Load[Source], run: Run, *, batch: int, workers: int
) -> Generator[Item[Source]]:
    """One `Item` a source, in the order given. `load` and `run` are called from several threads at once, or with
    no workers from the caller's. A row of numbers that are not finite is an error of its source.

    An error that either raises ends it. Closed early, it drops what waits and returns when its threads have.
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
