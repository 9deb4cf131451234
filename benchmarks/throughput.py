"""Efficiency of the embedding pipeline: images/s against the ideal of this machine, and images/s from a warm cache.

The ideal is cores / (decode seconds + inference seconds per image), each measured alone on one thread, on the very
same photos. Decoding is reading, sha256 and `load_with_thumbnail`; inference is the graph at the device's batch.
What the pipeline pays on top (opening the session, threads, the cache's transactions) counts against it. Parts
and pipeline alternate, so that both see the same machine. How much of what is missing is the machine's own (cores
that share memory, the interpreter's lock) is told by bare threads: one a core, each decodes and infers its share of
the photos, a batch at a time, and keeps nothing.
"""

import hashlib
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import get_args

import numpy as np
from common import DATA, Spread, finish, parser, photos_below, print_table, say
from numpy.typing import NDArray

from whatsit.config import DEFAULT_BACKBONE, Precision
from whatsit.embedding.backbones.extractor import FeatureExtractor
from whatsit.embedding.backbones.registry import feature_extractor
from whatsit.embedding.embedder import Embedder
from whatsit.embedding.engines.registry import find_engine
from whatsit.embedding.session import open_session, run
from whatsit.images.decode import load_with_thumbnail
from whatsit.images.source import read_bytes
from whatsit.machine import cores

DEVICE = "cpu"


@dataclass(frozen=True)
class Round:
    """Seconds an image: decode and inference alone on one thread, and together on all cores."""

    decode: float
    infer: float
    pipeline: float
    threads: float  # bare ones
    cpu_alone: float  # processor seconds an image, of all threads
    cpu_pipeline: float

    @property
    def ratio(self) -> float:
        return self.ideal_seconds / self.pipeline

    @property
    def ceiling(self) -> float:
        return self.ideal_seconds / self.threads

    @property
    def ideal_seconds(self) -> float:
        return (self.decode + self.infer) / cores()


def decode_all(extractor: FeatureExtractor, photos: list[str]) -> list[NDArray[np.uint8]]:
    """All that the pipeline does with a photo before the network."""
    pixels = []
    for photo in photos:
        data = read_bytes(photo)
        hashlib.sha256(data).digest()
        pixels.append(load_with_thumbnail(data, extractor.preprocessing).pixels)
    return pixels


@dataclass(frozen=True)
class Clock:
    """Two clocks at one moment; a difference is (wall, processor) seconds."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> "Clock":
        return cls(time.perf_counter(), time.process_time())

    def since(self, start: "Clock") -> "Clock":
        return Clock(self.wall - start.wall, self.cpu - start.cpu)


def alone(extractor: FeatureExtractor, photos: list[str]) -> tuple[Clock, Clock]:
    """To decode and to infer all photos, one thread each."""
    start = Clock.now()
    pixels = decode_all(extractor, photos)
    decoded = Clock.now()
    session = open_session(extractor.graph, DEVICE, threads=1)
    batch = find_engine(DEVICE).batch
    run(session, ["embedding"], np.stack(pixels[:batch]))  # the first call lays out memory
    begun = Clock.now()
    for at in range(0, len(pixels), batch):
        run(session, ["embedding"], np.stack(pixels[at : at + batch]))
    return decoded.since(start), Clock.now().since(begun)


def bare_threads(extractor: FeatureExtractor, photos: list[str]) -> Clock:
    """Decode and infer all photos on all cores."""
    session = open_session(extractor.graph, DEVICE, threads=1)
    batch = find_engine(DEVICE).batch

    def work(share: list[str]) -> None:
        for at in range(0, len(share), batch):
            run(session, ["embedding"], np.stack(decode_all(extractor, share[at : at + batch])))

    start = Clock.now()
    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(work, [photos[k :: cores()] for k in range(cores())]))
    return Clock.now().since(start)


def pipeline(extractor: FeatureExtractor, photos: list[str]) -> Clock:
    """`Embedder.fill` of all photos on an empty cache."""
    with tempfile.TemporaryDirectory() as cache, Embedder(extractor, Path(cache), device=DEVICE) as embedder:
        start = Clock.now()
        embedder.fill(photos)
        return Clock.now().since(start)


def measure(extractor: FeatureExtractor, photos: list[str], number: int) -> Round:
    """The parts first in even rounds, the pipeline first in odd ones."""
    before = pipeline(extractor, photos) if number % 2 else None
    decode, infer = alone(extractor, photos)
    threads = bare_threads(extractor, photos)
    whole, n = before or pipeline(extractor, photos), len(photos)
    cpu_alone, cpu_pipeline = (decode.cpu + infer.cpu) / n, whole.cpu / n
    return Round(decode.wall / n, infer.wall / n, whole.wall / n, threads.wall / n, cpu_alone, cpu_pipeline)


def warm(extractor: FeatureExtractor, photos: list[str], repeats: int) -> tuple[list[float], list[float]]:
    """Images/s of `fill` and `vectors` together on what is in the cache; and the share of it that `fill` takes."""
    rates, shares = [], []
    with tempfile.TemporaryDirectory() as cache:
        with Embedder(extractor, Path(cache), device=DEVICE) as embedder:
            embedder.fill(photos)
        for _ in range(repeats):
            with Embedder(extractor, Path(cache), device=DEVICE) as embedder:
                start = time.perf_counter()
                digests = embedder.fill(photos).digests
                filled = time.perf_counter()
                embedder.vectors([digest for digest in digests if digest])
                done = time.perf_counter()
            rates.append(len(photos) / (done - start))
            shares.append((filled - start) / (done - start))
    return rates, shares


def main() -> None:
    started = time.perf_counter()
    options = parser(__doc__)
    options.add_argument("photos", type=Path, nargs="?", default=DATA / "cats_dogs", help="folder of photos")
    options.add_argument("--most", type=int, default=1200, help="photos to take at most")
    options.add_argument("--rounds", type=int, default=5, help="rounds of parts and pipeline")
    options.add_argument("--warm", type=int, default=15, help="repeats on the warm cache")
    options.add_argument("--resize-mode", default="crop", choices=["squash", "crop", "letterbox"], help="to a square")
    options.add_argument("--precisions", nargs="+", default=get_args(Precision), help="precisions")
    given = options.parse_args()
    photos = photos_below(given.photos, given.most)
    rows, warm_rows = [], []
    for precision in given.precisions:
        extractor = feature_extractor(DEFAULT_BACKBONE, precision, given.resize_mode)
        decode_all(extractor, photos)  # so that neither pays for the disk
        rounds = []
        for number in range(given.rounds):
            rounds.append(measure(extractor, photos, number))
            say(f"{precision}, round {number + 1}: {rounds[-1].ratio:.3f}")
        rows += [row(precision, str(number), one) for number, one in enumerate(rounds, 1)]
        ratio, ceiling = median(r.ratio for r in rounds), median(r.ceiling for r in rounds)
        rows.append([f"**{precision}**", "median", *[""] * 6, f"{ceiling:.3f}", f"**{ratio:.3f}**"])
        rates, shares = warm(extractor, photos, given.warm)
        warm_rows.append([precision, Spread.of(rates).text(",.0f"), f"{median(shares):.0%}"])
    print(f"{len(photos)} photos of {given.photos.name}, {given.resize_mode}, {cores()} cores; ms an image\n")
    header = ["precision", "round", "decode", "infer", "CPU alone", "CPU in pipeline"]
    print_table([*header, "ideal img/s", "pipeline img/s", "bare threads' ratio", "ratio"], rows)
    print("\nWarm cache: `fill` and `vectors`\n")
    print_table(["precision", "images/s, min / median / max", "of the time in `fill`"], warm_rows)
    finish(started)


def row(precision: str, number: str, one: Round) -> list[str]:
    parts = [f"{1000 * part:.2f}" for part in (one.decode, one.infer, one.cpu_alone, one.cpu_pipeline)]
    rates = [f"{1 / one.ideal_seconds:.0f}", f"{1 / one.pipeline:.0f}"]
    return [precision, number, *parts, *rates, f"{one.ceiling:.3f}", f"{one.ratio:.3f}"]


if __name__ == "__main__":
    main()
