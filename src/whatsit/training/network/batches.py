"""Photos decoded once into a file of pixels, and batches of its rows.

The file holds uint8 pixels, so that from then on the processor does network work alone. It is mapped, not read: the
operating system keeps in memory what fits, and reads the rest from the disk. Several processes share it. Its name is
the photos' hashes and the preprocessing, so another training of the same photos finds it; the oldest files go where all
together grow too large.

The seed and the epoch alone decide the order of the rows, so a training that is resumed gets the batches that it would
have had. There are no worker processes: only bytes are copied, which works the same on every system. The module does
not know augmentation.
"""

import hashlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from whatsit.errors import DatasetError, ImageError
from whatsit.files import written_atomically
from whatsit.images.decode import load_for_network
from whatsit.images.limits import Limits
from whatsit.images.preprocessing import Preprocessing
from whatsit.images.source import read_bytes
from whatsit.machine import cores

Rows = NDArray[np.int64]
Pixels = NDArray[np.uint8]


class Batch(NamedTuple):
    """pixels: uint8 (n, 3, h, w), channels last in memory; labels: int64 (n,); draw: seeds what chance decides."""

    pixels: Tensor
    labels: Tensor
    draw: int


@dataclass
class Batches:
    """Some rows of a file of pixels, with labels. `shuffled` ones come in another order each epoch.

    In several processes each takes its share; batches to learn from are full in all of them but one, so that no
    process waits for a batch that another has not.
    """

    file: Path  # uint8 (all, h, w, 3)
    rows: Rows
    labels: NDArray[np.int64]  # of the rows
    size: int  # photos a batch, over all processes
    shuffled: bool
    seed: int = 0
    rank: int = 0
    world: int = 1
    epoch: int = 0  # the trainer counts it up
    _pixels: Pixels | None = field(default=None, repr=False, compare=False)  # once mapped, held, by copies too

    def __len__(self) -> int:
        full, rest = divmod(len(self.rows), self.size)
        return max(1, full) if self.shuffled and self._drops(rest) else full + bool(rest)

    def _drops(self, rest: int) -> bool:
        """A last batch of less than half the size would weigh its photos twice and more; others learn next epoch."""
        return rest < max(self.size // 2, self.world)

    def __iter__(self) -> Iterator[Batch]:
        pixels = self.mapped()
        order = np.arange(len(self.rows))
        if self.shuffled:
            order = np.random.default_rng((self.seed, self.epoch)).permutation(order)
        for number in range(len(self)):
            places = order[number * self.size : (number + 1) * self.size][self.rank :: self.world]
            images = torch.from_numpy(pixels[self.rows[places]])
            draw = int(np.random.SeedSequence((self.seed, self.epoch, number, self.rank)).generate_state(1)[0])
            yield Batch(images.permute(0, 3, 1, 2), torch.from_numpy(self.labels[places]), draw)

    def mapped(self) -> Pixels:
        """All pixels. Held, as the file may be removed to make room for another training's."""
        if self._pixels is None:
            self._pixels = np.load(self.file, mmap_mode="r")
        return self._pixels

    def __getstate__(self) -> dict[str, object]:
        """Another process maps for itself: else it were handed the pixels of all photos."""
        return {**self.__dict__, "_pixels": None}


AHEAD = 3  # photos a thread that are decoded before they are written: a slow disk must not fill the memory
MOST_BYTES = 20e9  # of all such files together
PATTERN = "pixels-*.npy"
IN_USE = 3600  # seconds after its last use, in which a file is not removed: other processes may still have to map it
LEFT_OVER = 86_400  # seconds without a change, after which nobody writes to an unfinished file any more


@dataclass(frozen=True)
class ListedPhoto:
    """A photo to decode, and the bytes that it had when it was listed."""

    uri: str
    digest: str  # sha256, hexadecimal


def decoded(
    sources: Sequence[ListedPhoto],
    preprocessing: Preprocessing,
    folder: Path,
    *,
    limits: Limits,
    advance: Callable[[int], None],
) -> Path:
    """The file of all photos' pixels, uint8 (n, height, width, 3), made where it is not there yet.

    Raises DatasetError for a photo that has changed since it was listed, WhatsitError where the folder cannot be
    written.
    """
    path = folder / f"pixels-{_key(sources, preprocessing)}.npy"
    shape = (len(sources), preprocessing.height, preprocessing.width, 3)
    if _holds(path, shape):
        with suppress(OSError):
            os.utime(path)  # the oldest are those unused for longest
        advance(len(sources))
        return path
    with written_atomically(path) as fresh:
        _make_room(folder, int(np.prod(shape)))
        pixels = np.lib.format.open_memmap(fresh, mode="w+", dtype=np.uint8, shape=shape)
        _reserve(fresh)
        for i, image in enumerate(_images(sources, preprocessing, limits)):
            pixels[i] = image
            advance(1)
        pixels.flush()
        del pixels
    return path


def _holds(path: Path, shape: tuple[int, ...]) -> bool:
    """Whether it is there, and whole: a machine that lost its power may have left less."""
    try:
        return bool(np.load(path, mmap_mode="r").shape == shape)
    except (OSError, ValueError):
        return False


def _key(sources: Sequence[ListedPhoto], preprocessing: Preprocessing) -> str:
    digest = hashlib.sha256(f"{sorted(preprocessing.as_dict().items())}".encode())
    for source in sources:
        digest.update(source.digest.encode())
    return digest.hexdigest()[:24]


def _reserve(path: Path) -> None:
    """A full disk is an error now, not a crash when a mapped page finds no place."""
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def _make_room(folder: Path, wanted: int) -> None:
    """What is mapped stays readable where it was unlinked."""
    for left in folder.glob(f".{PATTERN}.*"):  # by a process that was killed
        if time.time() - _changed(left) > LEFT_OVER:
            left.unlink(missing_ok=True)
    files = sorted(folder.glob(PATTERN), key=_changed)
    total = wanted + sum(_size(path) for path in files)
    for path in files:
        if total <= MOST_BYTES or time.time() - _changed(path) < IN_USE:
            return
        total -= _size(path)
        with suppress(OSError):  # in use on a system that does not let it go
            path.unlink()


def _changed(path: Path) -> float:
    """When, in seconds since 1970; now, where another process has just removed it."""
    with suppress(OSError):
        return path.stat().st_mtime
    return time.time()


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _images(
    sources: Sequence[ListedPhoto], preprocessing: Preprocessing, limits: Limits
) -> Iterator[NDArray[np.uint8]]:
    """In order, decoded by as many threads as there are cores."""

    def load(source: ListedPhoto) -> NDArray[np.uint8]:
        try:
            data = read_bytes(source.uri, limits)
            if hashlib.sha256(data).hexdigest() != source.digest:
                raise ImageError("changed")
            return load_for_network(data, preprocessing, limits)
        except ImageError as error:
            raise DatasetError(
                f"{source.uri}: {error}, but it was readable a moment ago. Run the same command again"
            ) from error

    with ThreadPoolExecutor(cores(), thread_name_prefix="decode") as pool:
        flying: deque[Future[NDArray[np.uint8]]] = deque()
        try:
            for source in sources:
                flying.append(pool.submit(load, source))
                if len(flying) >= AHEAD * cores():
                    yield flying.popleft().result()
            while flying:
                yield flying.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
