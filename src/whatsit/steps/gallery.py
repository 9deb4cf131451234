"""Photos for the report: small, with their heat maps."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from whatsit.errors import ImageError
from whatsit.evaluation.report import Photo
from whatsit.images.small import as_jpeg, shrunk
from whatsit.model.classifier import Classifier
from whatsit.text import printable

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
