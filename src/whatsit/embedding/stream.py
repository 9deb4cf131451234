"""Images in, vectors and named errors out, at the speed of the machine and in constant memory.

Each worker thread takes a few sources, reads and decodes them, and runs the network on the lot: Pillow, hashlib and
ONNX Runtime all release the interpreter's lock, so as many workers as cores keep every core at useful work, and
reading one image overlaps with computing another. It does not know where the sources come from or the vectors go.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from whatsit.errors import ImageError
from whatsit.images import Limits, Loaded, Preprocessing, load_with_thumbnail, read_bytes

T = TypeVar("T")

Run = Callable[[NDArray[np.uint8]], NDArray[np.float32]]  # (n, size, size, 3) → (n, dim)
Wanted = Callable[[bytes], bool]  # sha256 → whether its vector is still to be computed

IN_FLIGHT = 3  # batches a worker: one in work, the others waiting, so that none is ever idle


@dataclass(frozen=True, slots=True)
class Item:
    """What became of one source: a vector, or an error, or neither where its vector was not wanted."""

    source: str
    digest: bytes | None  # sha256 of the file's bytes; None where it cannot be read
    vector: NDArray[np.float32] | None = None  # (dim,)
    thumbnail: NDArray[np.uint8] | None = None  # (32, 32) grey
    error: str | None = None


def _load(source: str, preprocessing: Preprocessing, limits: Limits, wanted: Wanted) -> tuple[Item, Loaded | None]:
    digest = None
    try:
        data = read_bytes(source, limits)
        digest = hashlib.sha256(data).digest()
        loaded = load_with_thumbnail(data, preprocessing, limits) if wanted(digest) else None
        return Item(source, digest), loaded
    except ImageError as error:
        return Item(source, digest, error=str(error)), None


def _embed(
    sources: Sequence[str], preprocessing: Preprocessing, limits: Limits, wanted: Wanted, run: Run
) -> list[Item]:
    pairs = [_load(source, preprocessing, limits, wanted) for source in sources]
    pixels = [loaded.pixels for _, loaded in pairs if loaded]
    vectors = iter(run(np.stack(pixels)) if pixels else ())
    return [
        Item(item.source, item.digest, next(vectors), loaded.thumbnail) if loaded else item
        for item, loaded in pairs
    ]


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def embed_stream(
    sources: Iterable[str],
    run: Run,
    preprocessing: Preprocessing,
    *,
    limits: Limits = Limits(),
    wanted: Wanted = lambda digest: True,
    batch: int = 4,
    workers: int = 1,
) -> Iterator[Item]:
    """One `Item` a source, in the order given. `run` and `wanted` are called from several threads at once."""
    with ThreadPoolExecutor(workers, thread_name_prefix="embed") as pool:
        flying: deque[Future[list[Item]]] = deque()
        try:
            for some in batched(sources, batch):
                flying.append(pool.submit(_embed, some, preprocessing, limits, wanted, run))
                if len(flying) >= IN_FLIGHT * workers:
                    yield from flying.popleft().result()
            while flying:
                yield from flying.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
