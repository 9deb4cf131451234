"""The CSV files beside a report: who was where, what was said, which photos are not new, and which labels doubtful."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatsit.evaluation.report import Seen
from whatsit.steps.gallery import _csv


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
