"""Makes the training set: the photos of a data set that take part, with embeddings and groups, and those left out.

A photo is left out if it cannot be read, or if its bytes have two labels. The module does not split: `splits.py` does.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from whatsit.config import TrainOptions
from whatsit.data.dataset import Dataset, Record
from whatsit.data.groups import TWO_LABELS, Related, conflicts, relate
from whatsit.embedding.source import Embeddings
from whatsit.errors import DatasetError
from whatsit.text import printable

PLAIN = TrainOptions()


@dataclass(frozen=True)
class LeftOut:
    """A record that takes no part, and why."""

    place: int  # in the data set's records
    reason: str


@dataclass(frozen=True)
class TrainingSet:
    """The photos that take part: parallel arrays of length n, in the data set's order."""

    dataset: Dataset
    all_digests: tuple[str | None, ...]  # of the data set's records
    places: NDArray[np.int64]  # in the data set's records
    x: NDArray[np.float32]  # (n, dim)
    labels: NDArray[np.int64]  # indices into the data set's classes
    related: Related  # what belongs together
    left_out: tuple[LeftOut, ...]
    conflicts: int  # photos whose bytes stand under two labels

    @property
    def components(self) -> NDArray[np.int64]:
        """(n,), equal for copies, near-copies and members of a group."""
        return self.related.components

    @property
    def exact_duplicates(self) -> int:
        """Copies beyond the first."""
        return len(self.related.same)

    @property
    def near_duplicate_groups(self) -> int:
        """Sets of photos that differ in bytes."""
        return self.related.near_copy_groups

    @cached_property
    def records(self) -> list[Record]:
        return [self.dataset.records[i] for i in self.places]

    @cached_property
    def digests(self) -> list[str]:
        return [self.all_digests[i] or "" for i in self.places]

    @cached_property
    def groups(self) -> list[str | None]:
        return [record.group for record in self.records]


def make_training_set(dataset: Dataset, embeddings: Embeddings, options: TrainOptions = PLAIN) -> TrainingSet:
    """Leaves out what cannot be read and what has two labels; finds what belongs together.

    Raises DatasetError where too little remains.
    """
    index = {label: i for i, label in enumerate(dataset.classes)}
    readable = embeddings.readable
    if not len(readable):
        first = next(iter(embeddings.errors.items()))
        raise DatasetError(
            f"{dataset.name}: none of {len(dataset.records)} images can be read "
            f"(the first, {dataset.records[first[0]].uri}: {first[1]})"
        )
    labels = np.array([index[dataset.records[i].label] for i in readable], np.int64)
    digests = [embeddings.digests[i] or "" for i in readable]
    reasons = conflicts([dataset.records[i].label for i in readable], digests)
    torn = np.array(list(reasons), np.int64)
    kept = np.setdiff1d(np.arange(len(readable)), torn)
    places, vectors = readable[kept], embeddings.vectors if not len(torn) else embeddings.vectors[kept]
    photos = TrainingSet(
        dataset=dataset,
        all_digests=embeddings.digests,
        places=places,
        x=vectors,
        labels=labels[kept],
        related=relate(
            [dataset.records[i] for i in places],
            labels[kept],
            [digests[i] for i in kept],
            vectors,
            embeddings.thumbnails[kept],
            options.near_copies,
            options.group_by_name,
        ),
        left_out=_left_out(embeddings, {int(readable[row]): reason for row, reason in reasons.items()}),
        conflicts=len(torn),
    )
    check_classes(photos)
    return photos


def _left_out(embeddings: Embeddings, conflicts: dict[int, str]) -> tuple[LeftOut, ...]:
    left = [LeftOut(place, reason) for place, reason in {**embeddings.errors, **conflicts}.items()]
    return tuple(sorted(left, key=lambda one: one.place))


def check_classes(photos: TrainingSet) -> None:
    """Raises DatasetError where no photo of a class is left."""
    present = np.unique(photos.labels)
    names = photos.dataset.classes
    if len(present) < len(names):
        lost = names[int(np.setdiff1d(np.arange(len(names)), present)[0])]
        reason = _reasons(photos, lost)
        mend = "Give each photo one label" if reason.startswith(TWO_LABELS) else "Add readable images"
        raise DatasetError(
            f"class '{printable(lost)}': none of its images can be used ({reason}). {mend}, or remove the class"
        )


def _reasons(photos: TrainingSet, label: str) -> str:
    records = photos.dataset.records
    reasons = [one.reason for one in photos.left_out if records[one.place].label == label]
    return reasons[0] if reasons else "all left out"


def with_vectors(photos: TrainingSet, embeddings: Embeddings) -> TrainingSet:
    """The same photos with the embeddings of another backbone or resize mode."""
    rank = {int(place): i for i, place in enumerate(embeddings.readable)}
    if gone := [int(place) for place in photos.places if int(place) not in rank]:
        reason = embeddings.errors.get(gone[0], "changed")
        raise DatasetError(
            f"{photos.dataset.records[gone[0]].uri}: {reason}. It could be used a moment ago: if it was changed since, "
            "run the same command again"
        )
    return replace(photos, x=embeddings.vectors[[rank[int(place)] for place in photos.places]])
