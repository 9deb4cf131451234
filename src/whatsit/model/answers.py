"""A model and photos → what it says of each, and what tells copies, of one read of each photo.

Kept of a photo are its probabilities and what `data/groups.py` tells copies by: a thumbnail of 1 kB and, where photos
are many, 512 bytes of its vector. Of many photos, thumbnails, vectors and probabilities lie in temporary files. Labels
play no part here.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from whatsit.data.dataset import Dataset, Record
from whatsit.data.near.neighbours import nearest
from whatsit.data.near.rows import Rows, Table, some_rows
from whatsit.data.near.search import Reduced
from whatsit.errors import DatasetError
from whatsit.evaluation.report.content import LeftOut
from whatsit.images.source import SAID_AT_THE_END
from whatsit.model.classifier import Classifier
from whatsit.model.similar import references_of
from whatsit.progress import ProgressReporter
from whatsit.text import printable

VERY_LIKE = 0.8  # cosine; near-copies of photos of five sets were above 0.91 in 19 of 20 cases (docs/log.md)


@dataclass(frozen=True)
class Answers:
    """The readable photos and what the model said of each: parallel, length n."""

    dataset: Dataset
    places: NDArray[np.int64]  # (n,) in the data set's records
    digests: tuple[str, ...]  # sha256 of the bytes that were classified, hexadecimal
    probabilities: NDArray[np.float32]  # (n, classes)
    similarity: NDArray[np.float32]  # (n,) to the training photos
    vectors: Rows  # (n, dim), or fewer directions of them
    thumbnails: Rows  # (n, 32, 32) uint8
    nearest: NDArray[np.int32]  # (n,) place of the reference that a photo is very like; -1 where there is none
    reduced: Callable[[NDArray[np.float32]], NDArray[np.float32]]  # (m, dim) → as `vectors`
    left_out: tuple[LeftOut, ...]
    notes: Mapping[str, int]  # what should be known of answers → of how many photos

    @cached_property
    def records(self) -> list[Record]:
        return [self.dataset.records[place] for place in self.places.tolist()]

    @cached_property
    def uris(self) -> list[str]:
        return [record.uri for record in self.records]

    def without(self, reasons: dict[int, str]) -> "Answers":
        """Without some rows, which are left out for a reason each."""
        if not reasons:
            return self
        kept = np.setdiff1d(np.arange(len(self.places)), np.array(list(reasons), np.int64))
        gone = tuple(LeftOut(printable(self.uris[row]), reason) for row, reason in reasons.items())
        return replace(
            self,
            places=self.places[kept],
            digests=tuple(self.digests[row] for row in kept.tolist()),
            probabilities=self.probabilities[kept],
            similarity=self.similarity[kept],
            vectors=some_rows(self.vectors, kept),
            thumbnails=some_rows(self.thumbnails, kept),
            nearest=self.nearest[kept],
            left_out=(*self.left_out, *gone),
        )


def answer(classifier: Classifier, dataset: Dataset, progress: ProgressReporter) -> Answers:
    """Raises DatasetError where no photo can be read."""
    total = len(dataset.records)
    probabilities = np.empty((total, len(classifier.classes_)), np.float32)
    similarity = np.empty(total, np.float32)
    thumbnails = Table(total, (32, 32), np.uint8)
    closest = np.full(total, -1, np.int32)
    references = references_of(classifier)
    vectors = Reduced(total, classifier.facts.backbone["dim"])
    places: list[int] = []
    digests: list[str] = []
    left_out: list[LeftOut] = []
    notes: Counter[str] = Counter()
    with progress("classifying", total) as advance:
        said = classifier.classify((record.uri for record in dataset.records), identify=True)
        for place, one in enumerate(said):
            advance(1)
            if one.digest is None or one.thumbnail is None or one.error is not None:
                left_out.append(LeftOut(printable(dataset.records[place].uri), one.error or "not read"))
                continue
            n = len(places)
            probabilities[n], similarity[n] = one.probabilities, one.similarity
            thumbnails.add(one.thumbnail[None])
            vectors.add(one.embedding)
            if references is not None and one.similarity >= VERY_LIKE:
                closest[n] = nearest(one.embedding[None], references, 1).places[0, 0]
            places.append(place)
            digests.append(one.digest.hex())
            if one.note and one.note not in SAID_AT_THE_END:
                notes[one.note] += 1
    if not places:
        first = left_out[0]
        raise DatasetError(f"{dataset.name}: no image can be read (the first, {first.path}: {first.reason})")
    n = len(places)
    return Answers(
        dataset,
        places=np.array(places, np.int64),
        digests=tuple(digests),
        probabilities=probabilities[:n],
        similarity=similarity[:n],
        vectors=vectors.rows(),
        thumbnails=thumbnails,
        nearest=closest[:n],
        reduced=vectors.reduced,
        left_out=tuple(left_out),
        notes=notes,
    )
