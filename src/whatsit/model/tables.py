"""The CSV files beside a report: who was where, what was said, which photos are not new, and which labels doubtful.

Photos for the report: small, with their heat maps.
"""

import csv
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from whatsit.decide import Rule, decide
from whatsit.errors import ImageError
from whatsit.evaluation.report.content import Photo, Seen
from whatsit.images.decode import as_jpeg, shrunk
from whatsit.model.classifier import Classifier
from whatsit.text import csv_cell, printable


def leaks_csv(seen: Seen) -> bytes:
    """Every judged photo that is not new to the classifier, beside the training photo that it repeats."""
    return _csv(("path", "training_photo", "why"), [(one.path, one.training_photo, one.why) for one in seen.listed])


SUSPECTS = ("path", "label", "likely_label", "probability_of_label", "probability_of_likely_label")


def suspects_csv(
    rows: NDArray[np.int64],
    uris: Sequence[str],
    labels: NDArray[np.int64],
    probabilities: NDArray[np.floating[Any]],
    classes: Sequence[str],
) -> bytes:
    """Photos whose label is likely wrong, the most suspicious first, as `rows` has them: places in the other arrays.

    labels (n,), probabilities (n, classes) out of sample.
    """
    given, p = labels[rows], probabilities[rows]
    found = zip(rows.tolist(), given.tolist(), likely_labels(given, p), p, strict=True)
    return _csv(SUSPECTS, [(uris[i], classes[k], classes[to], f"{q[k]:.6f}", f"{q[to]:.6f}") for i, k, to, q in found])


def likely_labels(labels: NDArray[np.int64], probabilities: NDArray[np.floating[Any]]) -> list[int]:
    """The most probable class other than the given one: (n,) labels, (n, classes) probabilities → n indices."""
    others = probabilities.copy()
    others[np.arange(len(labels)), labels] = -1
    return [int(k) for k in others.argmax(axis=1)]


SIDE = 480  # pixels: a click enlarges to it, at about 30 kB
HEAT_SIDE = 240  # pixels of a heat map, which has no detail to enlarge
MOST = 12  # photos a gallery


@dataclass(frozen=True)
class Shown:
    """What a gallery draws from: parallel sequences of length n."""

    uris: Sequence[str]
    labels: NDArray[np.int64]  # indices into the classifier's classes
    probabilities: NDArray[np.floating[Any]]  # (n, classes) out of sample
    classifier: Classifier
    reasons: Sequence[str]  # (n,) why the classifier is unsure, of `whatsit.decide.REASONS`
    _made: dict[tuple[int, int], Photo | None] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def root(self) -> str:
        """What all paths have in common and captions need not repeat."""
        common = os.path.commonprefix(list(self.uris))  # noqa: RUF071 (URIs are no paths; cut at a slash below)
        return "".join(common.rpartition("/")[:2])

    def gallery(self, rows: NDArray[np.int64], predicted: Sequence[int] | None = None) -> tuple[Photo, ...]:
        """The first `MOST` of `rows`, each with the heat map of the class predicted: the top one, or as given.

        A photo that has gone since is passed over: the figures stand, the picture is missing.
        """
        says = self.probabilities[rows].argmax(axis=1) if predicted is None else predicted
        keys = [(int(row), int(k)) for row, k in zip(rows[:MOST], says, strict=False)]
        for key in keys:
            if key not in self._made:  # a photo may stand in several galleries
                self._made[key] = self._photo(*key)
        return tuple(photo for key in keys if (photo := self._made[key]))

    def _photo(self, row: int, predicted: int) -> Photo | None:
        classes, p = self.classifier.classes_, self.probabilities[row]
        try:
            explanation = self.classifier.explain(self.uris[row], classes[predicted], side=SIDE)
        except ImageError:
            return None
        return Photo(
            path=printable(self.uris[row].removeprefix(self.root)),
            thumbnail=as_jpeg(Image.fromarray(explanation.photo)),
            truth=classes[self.labels[row]],
            predicted=classes[predicted],
            probability=float(p[predicted]),
            probability_of_truth=float(p[self.labels[row]]),
            heat_map=as_jpeg(shrunk(np.asarray(explanation.overlay()), HEAT_SIDE)),
            reason=self.reasons[row],
        )


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    data = io.BytesIO()
    with io.TextIOWrapper(data, encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([csv_cell(value) if isinstance(value, str) else value for value in row] for row in rows)
        file.flush()
        return data.getvalue()


PREDICTIONS = ("path", "label", "predicted", "probability", "probability_of_label", "similarity", "unsure", "reason")


def predictions_csv(
    uris: Sequence[str],
    labels: NDArray[np.int64],
    probabilities: NDArray[np.floating[Any]],
    similarity: NDArray[np.floating[Any]],
    classes: Sequence[str],
    rule: Rule,
) -> bytes:
    """Every photo that the headline figure comes from, one row each: what it shows, and what was said of it.

    Columns have the names that `whatsit predict --csv` gives them; `label` is the truth.
    """
    verdict = decide(probabilities.max(axis=1), similarity, rule)
    unsure, reasons = verdict.unsure, verdict.reasons

    def rows() -> Iterator[Sequence[object]]:
        for row, (uri, truth) in enumerate(zip(uris, labels.tolist(), strict=True)):
            p = probabilities[row]
            best = int(p.argmax())
            numbers = (f"{p[best]:.6f}", f"{p[truth]:.6f}", f"{similarity[row]:.6f}")
            yield uri, classes[truth], classes[best], *numbers, bool(unsure[row]), reasons[row]

    return _csv(PREDICTIONS, rows())
