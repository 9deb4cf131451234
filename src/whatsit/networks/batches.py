"""Rows of a file of pixels → batches, in an order that the seed and the epoch alone decide.

So a training that is resumed sees what it would have seen. There are no worker processes: nothing is left to do but
to copy bytes, which is why this works the same on every system. It knows nothing of augmentation.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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
