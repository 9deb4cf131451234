"""The experiment: which photos take part, which belong together, and how they are split.

An `Experiment` is all that a method is fitted on: the training set (photos with labels, embeddings and groups) and the
splits. A photo is left out of it if it cannot be read, or if its bytes have two labels. Candidates of a comparison and
trials of a search get the experiment without its test photos, so that they cannot look at them.

The module does not decide who is in which split: `splits.py` does. It does not read a photo, and it fits nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from whatsit.config import TrainOptions
from whatsit.data.dataset import Dataset, Record
from whatsit.data.groups import TWO_LABELS, Related, conflicts, relate
from whatsit.embedding.backbones.extractor import FeatureExtractor
from whatsit.embedding.source import Embeddings
from whatsit.errors import DatasetError
from whatsit.text import printable
from whatsit.training.selection import Fold

Rows = NDArray[np.int64]

PLAIN = TrainOptions()
NO_ROWS: Rows = np.empty(0, np.int64)


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


@dataclass(frozen=True)
class Splits:
    """Rows are places in the photos' arrays."""

    protocol: str  # in words, for the report
    names: tuple[str, ...]  # (n,) of each photo: train, held-out, valid, test, or fold 1 … fold 5; empty: not used
    train: Rows  # the final head is fitted on these
    cv: tuple[Fold, ...]  # by which the regularization is chosen; rows count within `train`
    test: Rows  # the headline comes from these; in cross-validation all
    folds: NDArray[np.int64] | None  # (n,) the fold of each photo in cross-validation
    available: int = 0  # photos that could be learned from, where only a share of them is (`with_train_share`)

    @property
    def cross_validated(self) -> bool:
        return self.folds is not None


@dataclass(frozen=True)
class Experiment:
    """What a method is fitted on."""

    photos: TrainingSet
    splits: Splits
    extractor: FeatureExtractor  # that made the embeddings of `photos`
    # The embeddings are the default backbone's, by which copies were found; there is one fold, and all methods have it.
    # Otherwise the embeddings are those of the options, and a probe is fitted on them.
    shared: bool

    @property
    def classes(self) -> tuple[str, ...]:
        return self.photos.dataset.classes

    @property
    def train_labels(self) -> NDArray[np.int64]:
        """(train,) labels of the photos in `splits.train`, those held out included."""
        labels: NDArray[np.int64] = self.photos.labels[self.splits.train]
        return labels

    @property
    def fold(self) -> Fold:
        """Where there is one: the photos that a network is fitted on, and those that it is stopped and compared by."""
        (fold,) = self.splits.cv
        return fold

    @property
    def valid_rows(self) -> Rows:
        """(valid,) the held-out photos of the one fold, as places in the photos' arrays."""
        rows: Rows = self.splits.train[self.fold.held_out]
        return rows

    @property
    def valid_labels(self) -> NDArray[np.int64]:
        """(valid,)"""
        labels: NDArray[np.int64] = self.photos.labels[self.valid_rows]
        return labels

    @property
    def valid_units(self) -> NDArray[np.int64]:
        """(valid,) equal where photos belong together: what intervals and tests count."""
        components: NDArray[np.int64] = self.photos.components[self.valid_rows]
        return components

    @property
    def has_test(self) -> bool:
        """Whether test photos are part of it; those of candidates and trials are not."""
        return len(self.splits.test) > 0

    def records_of(self, rows: Rows) -> Dataset:
        """A data set of these photos alone, in the order of the rows."""
        return replace(self.photos.dataset, records=tuple(self.photos.records[i] for i in rows))

    def without_test(self) -> "Experiment":
        """The photos to learn from and to choose on, in the order of `splits.train`, and no other photo."""
        rows, photos = self.splits.train, self.photos
        away = np.ones(len(photos.labels), np.bool_)
        away[rows] = False
        learning = replace(
            photos,
            dataset=self.records_of(rows),
            all_digests=tuple(photos.digests[i] for i in rows),
            places=np.arange(len(rows)),
            x=photos.x[rows],
            labels=photos.labels[rows],
            related=photos.related.without(away),
            left_out=(),
        )
        names = tuple(self.splits.names[i] for i in rows)
        splits = replace(self.splits, names=names, train=np.arange(len(rows)), test=NO_ROWS, folds=None)
        return replace(self, photos=learning, splits=splits)


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


def with_other_embeddings(photos: TrainingSet, splits: Splits, embeddings: Embeddings) -> tuple[TrainingSet, Splits]:
    """Both with the embeddings of another backbone or resize mode; a photo without one is left out and named.

    Raises DatasetError where a class, or the test or held-out photos, are then gone.
    """
    lost = {int(place): reason for place in photos.places if (reason := embeddings.errors.get(int(place)))}
    if lost:
        photos, splits = _without(photos, splits, lost)
    return with_vectors(photos, embeddings), splits


def all_vectors(dataset: Dataset, embeddings: Embeddings) -> NDArray[np.float32]:
    """(n, dim), for ways that are measured on the same photos. Raises DatasetError, naming the photo that has none."""
    for place, reason in sorted(embeddings.errors.items()):
        raise DatasetError(f"{dataset.records[place].uri}: {reason}")
    return embeddings.vectors


def _without(photos: TrainingSet, splits: Splits, lost: Mapping[int, str]) -> tuple[TrainingSet, Splits]:
    kept = ~np.isin(photos.places, list(lost))
    left_out = [*photos.left_out, *(LeftOut(place, reason) for place, reason in lost.items())]
    fewer = replace(
        photos,
        places=photos.places[kept],
        x=photos.x[kept],
        labels=photos.labels[kept],
        related=photos.related.without(~kept),
        left_out=tuple(sorted(left_out, key=lambda one: one.place)),
    )
    check_classes(fewer)
    kept_train = kept[splits.train]
    cv = tuple(Fold(_places(one.train, kept_train), _places(one.held_out, kept_train)) for one in splits.cv)
    cv = tuple(one for one in cv if len(one.train) and len(one.held_out))
    test = _places(splits.test, kept)
    if not (cv and len(test)):
        place, reason = next(iter(lost.items()))
        what = "choose" if len(test) else "judge"
        raise DatasetError(
            f"{photos.dataset.name}: none of the photos to {what} on can be used "
            f"(the first, {photos.dataset.records[place].uri}: {reason})"
        )
    return fewer, replace(
        splits,
        names=tuple(split for split, good in zip(splits.names, kept, strict=True) if good),
        train=_places(splits.train, kept),
        cv=cv,
        test=test,
        folds=None if splits.folds is None else splits.folds[kept],
    )


def _places(rows: Rows, kept: NDArray[np.bool_]) -> Rows:
    """Where the rows that are kept stand, once the others have gone."""
    standing: Rows = np.cumsum(kept) - 1
    return standing[rows[kept[rows]]]
