"""Photos for the report: small, with their heat maps."""

import csv
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from whatsit.decide import Rule, decide
from whatsit.errors import ImageError
from whatsit.evaluation.report import Photo
from whatsit.images.small import as_jpeg, shrunk
from whatsit.model.classifier import Classifier
from whatsit.text import csv_cell, printable

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
        photos = (self._photo(int(row), int(k)) for row, k in zip(rows[:MOST], says, strict=False))
        return tuple(photo for photo in photos if photo)

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
