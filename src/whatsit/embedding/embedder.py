"""Photos → embeddings, each computed once: `Embedder = source × backbone × engine × store`.

| part | what it gives | where it is made | to replace it |
| --- | --- | --- | --- |
| source | a URI → the bytes of a photo → pixels of the network's input | `load_image` | a reader |
| backbone | an ONNX graph, its preprocessing, its fingerprint | `FeatureExtractor`, `backbones/` | a backbone |
| engine | threads, batch size and the session that runs the graph | `find_engine`, `open_session` | an engine |
| store | sha256 of the bytes → vector and thumbnail | `store.Cache`, one file a fingerprint | another folder |

`fill` asks the store what it has, by the file's stamp and then by its bytes; loads, decodes and runs the rest in one
stream; and commits twice a second, so that a kill loses half a second of work. Several processes may fill one store.
It does not know labels, and of a photo it says no more than its digest, its vector, its thumbnail, or why not.
"""

import os
import random
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatsit.embedding.backbones.extractor import FeatureExtractor
from whatsit.embedding.engines.registry import find_engine
from whatsit.embedding.session import Item, batched, open_session, run, stream_images
from whatsit.embedding.store import Cache, Stamp, stamp
from whatsit.images.limits import DEFAULT_LIMITS, Limits
from whatsit.machine import Later, cores

BLOCK = 32  # images whose order is kept when blocks are shuffled
COMMIT_SECONDS = 0.5  # at most this much work is lost to a kill
COMMIT_IMAGES = 64


@dataclass(frozen=True)
class Embedded:
    """What became of each source, by its place. Vectors stay in the cache until asked for."""

    digests: tuple[bytes | None, ...]  # sha256 of the file's bytes; None where it cannot be read
    errors: dict[int, str]
    computed: int  # how many vectors were not in the cache

    @property
    def readable(self) -> list[int]:
        return [i for i, digest in enumerate(self.digests) if digest is not None and i not in self.errors]


def embed_images(
    extractor: FeatureExtractor,
    images: Iterable[Any],
    device: str,
    limits: Limits,
    *,
    wanted: Callable[[bytes], bool] | None = None,
) -> Generator[Item[Any]]:
    """Embeds images of any kind, one `Item` an image, in the order given: load, decode, run, without the store.

    wanted: see `load_image`.
    """
    engine = find_engine(device)
    opening = Later(lambda: open_session(extractor.graph, device, engine.threads))

    def forward(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return run(opening.result(), ["embedding"], pixels)[0]

    return stream_images(
        images, extractor.preprocessing, limits, forward, batch=engine.batch, workers=cores(), wanted=wanted
    )


class Embedder:
    """Use it in a `with`. `fill` computes what is missing; `vectors` and `thumbnails` read it back."""

    def __init__(
        self,
        extractor: FeatureExtractor,
        cache: Path,
        *,
        device: str = "cpu",
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.extractor = extractor = extractor.reading(limits)
        self.device = device
        self.limits = limits
        plain = extractor.name.replace(":", "-").replace("/", "-")  # as a part of a file's name
        name = f"{plain}-{extractor.precision}-{extractor.fingerprint}"
        self.cache = Cache(cache, name, extractor.dim)

    def __enter__(self) -> "Embedder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cache.__exit__()

    def vectors(self, digests: Sequence[bytes]) -> NDArray[np.float32]:
        """(n, dim) float32 of images that `fill` has seen."""
        return self.cache.vectors(digests)

    def thumbnails(self, digests: Sequence[bytes]) -> NDArray[np.uint8]:
        """(n, 32, 32) uint8 grey, the whole image squashed."""
        return self.cache.thumbnails(digests)

    def fill(self, sources: Sequence[str], progress: Callable[[int], None] = lambda n: None) -> Embedded:
        """Makes sure that the vector of every readable source is in the cache."""
        stamps = {source: s for source in sources if (s := stamp(source))}
        digests = self.cache.known_digests(stamps)
        present = self.cache.present(set(digests.values()))
        missing = [source for source in dict.fromkeys(sources) if digests.get(source) not in present]
        progress(len(sources) - len(missing))
        errors: dict[str | bytes, str] = {}  # by source, and by digest for the copies of a damaged file
        computed = 0
        with closing(self._commits(missing, stamps)) as commits:
            for items in commits:
                computed += sum(item.row is not None for item in items)
                digests |= {item.source: item.digest for item in items if item.digest}
                errors |= {key: i.error for i in items if i.error for key in (i.source, i.digest) if key}
                progress(len(items))
        of_each = [errors.get(source) or errors.get(digests.get(source, b"")) for source in sources]
        by_place = {i: error for i, error in enumerate(of_each) if error}
        return Embedded(tuple(digests.get(source) for source in sources), by_place, computed)

    def _compute(self, sources: Sequence[str]) -> Generator[Item[str]]:
        if not sources:
            return
        yield from embed_images(
            self.extractor, _shuffled_blocks(sources), self.device, self.limits, wanted=_Wanted(self.cache)
        )

    def _commits(self, sources: Sequence[str], stamps: dict[str, Stamp]) -> Generator[list[Item[str]]]:
        """Computes, stores in small transactions, also when interrupted, and passes on what is stored."""
        waiting: list[Item[str]] = []
        since = time.monotonic()
        with closing(self._compute(sources)) as items:
            try:
                for item in items:
                    waiting.append(item)
                    if len(waiting) >= COMMIT_IMAGES or time.monotonic() - since > COMMIT_SECONDS:
                        done, waiting = waiting, []
                        self.cache.add(done, stamps)
                        since = time.monotonic()
                        yield done
            finally:
                self.cache.add(waiting, stamps)
        yield waiting


class _Wanted:
    """Whether a vector is still to be computed: not by this process, not by another that shares the cache."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._lock = threading.Lock()
        self._claimed: set[bytes] = set()

    def __call__(self, digest: bytes) -> bool:
        with self._lock:
            if digest in self._claimed:
                return False
            self._claimed.add(digest)
            return not self._cache.present([digest])


def _shuffled_blocks(sources: Sequence[str]) -> Iterator[str]:
    """All sources, in blocks whose order differs by process: two at work on the same photos share them."""
    blocks = list(batched(sources, BLOCK))
    random.Random(os.getpid()).shuffle(blocks)
    for block in blocks:
        yield from block
