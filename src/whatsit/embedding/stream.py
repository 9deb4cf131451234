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
    rows = iter(run(np.stack(pixels)) if pixels else ())
    return [
        Item(source, one.digest, None if one.pixels is None else next(rows), one.thumbnail, one.error)
        for source, one in zip(sources, loaded, strict=True)
    ]


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def stream(
    sources: Iterable[Source], load: Load[Source], run: Run, *, batch: int, workers: int
) -> Generator[Item[Source]]:
    """One `Item` a source, in the order given. `load` and `run` are called from several threads at once, or with
    no workers from the caller's.

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
