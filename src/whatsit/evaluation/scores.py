"""Scores from counts: precision, recall, F1 and their means. The formulas are scikit-learn's, on arrays of
counts, so that a thousand resamples are cheap; the tests hold them against scikit-learn.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def share(part: Floats, whole: Floats) -> Floats:
    """part / whole, elementwise; 0/0 is 0."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def precision_recall_f1(hits: Floats, support: Floats, predicted: Floats) -> tuple[Floats, Floats, Floats]:
    """Each class's scores from its (k,) counts: photos right, photos of it, photos called it."""
    return share(hits, predicted), share(hits, support), share(2 * hits, support + predicted)


def mean_scores(hits: Floats, support: Floats, predicted: Floats) -> tuple[float, float, float]:
    """Balanced accuracy, macro F1 and weighted F1 from (k,) counts.

    The first two are means over the classes present in truth: a class that no photo shows has no recall, and
    calling photos by its name already lowers the recall of theirs.
    """
    _, recall, f1 = precision_recall_f1(hits, support, predicted)
    present = support > 0
    return (
        float(recall[present].mean()),
        float(f1[present].mean()),
        float(f1 @ support / support.sum()),
    )
