"""The table of components that splits and folds deal from: one key, one class, one size, one place in line.

A component's place is a hash of the seed and of its key, so it depends on neither the order of the records
nor on what else is in the data set: adding photos moves none that were there.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Components:
    """What one needs to know of `m` components of `n` records.

    Attributes:
        of_record: ``(n,) int64``, the component of each record.
        label: ``(m,) int64``, the majority's label; the smaller one on a tie.
        size: ``(m,) int64``, records in the component.
        place: ``(m,) float64`` in [0, 1], uniform: the hash of seed and key.
    """

    of_record: NDArray[np.int64]
    label: NDArray[np.int64]
    size: NDArray[np.int64]
    place: NDArray[np.float64]

    def by_class(self) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Each class that has components, ascending, with their ids in order of place."""
        order = np.lexsort((np.arange(len(self.label)), self.place, self.label))
        classes, starts = np.unique(self.label[order], return_index=True)
        for label, start, end in zip(classes.tolist(), starts, [*starts[1:], len(order)], strict=False):
            yield label, order[start:end]

    def counts(self, labels: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
        """``(m, classes) int64``: how many records of each class every component holds; labels: ``(n,) int64``."""
        m = len(self.label)
        return np.bincount(self.of_record * classes + labels, minlength=m * classes).reshape(m, classes)


def describe(
    labels: NDArray[np.int64],
    digests: Sequence[str],
    components: NDArray[np.int64],
    groups: Sequence[str | None],
    seed: int,
) -> Components:
    """Sum up components given as one id a record. Those that share a key become one.

    The key is the smallest of the user's group names in the component, else the smallest sha256.
    """
    keys = _keys(digests, components, groups)
    names, of_record = np.unique([keys[c] for c in components.tolist()], return_inverse=True)
    return Components(
        of_record=of_record.astype(np.int64),
        label=_majority(labels, of_record, len(names)),
        size=np.bincount(of_record, minlength=len(names)),
        place=np.array([_place(seed, name) for name in names.tolist()], dtype=np.float64),
    )


def _keys(digests: Sequence[str], components: NDArray[np.int64], groups: Sequence[str | None]) -> dict[int, str]:
    """Component → key. ``"group:"`` sorts before ``"sha256:"``, so that a group's name wins."""
    keys: dict[int, str] = {}
    for component, digest, group in zip(components.tolist(), digests, groups, strict=True):
        key = f"sha256:{digest}" if group is None else f"group:{group}"
        keys[component] = min(key, keys.get(component, key))
    return keys


def _majority(labels: NDArray[np.int64], of_record: NDArray[np.int64], m: int) -> NDArray[np.int64]:
    """``(m,) int64``: the most frequent label of each component, the smaller one on a tie."""
    width = int(labels.max(initial=0)) + 1
    codes, counts = np.unique(of_record * width + labels, return_counts=True)  # one a (component, label)
    owner, label = codes // width, codes % width
    winner_last = np.lexsort((-label, counts))  # of two writes below, the later one stays
    majority = np.zeros(m, dtype=np.int64)
    majority[owner[winner_last]] = label[winner_last]
    return majority


def _place(seed: int, key: str) -> float:
    """A uniform number in [0, 1] that depends on seed and key alone."""
    digest = hashlib.sha256(f"{seed}:{key}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
