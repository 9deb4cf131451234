"""Labels that are likely wrong: confident learning (Northcutt, Jiang & Chuang 2021, JAIR 70).

The probabilities must come from classifiers that did not train on the photo they judge (out of fold); one
that did has learned the wrong label by heart.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatsit.evaluation.outcome import CHUNK, check


def likely_mislabelled(
    truth: NDArray[np.int64], out_of_fold_probabilities: NDArray[np.floating[Any]]
) -> NDArray[np.int64]:
    """Indices of the suspicious photos, the worst first; truth (n,), probabilities (n, k).

    A class's threshold is its mean self-confidence: the mean probability it gets on photos labelled with it
    (eq. 2). A photo belongs confidently to the likeliest class among those that reach theirs (eq. 1); it is
    suspicious where that class is not its label and is likelier than its label. Sorted by normalised margin:
    the label's probability minus the best other's.

    None where more than half look wrong: then it is the classifier that is, as most labels are taken to be right.
    """
    check(truth, out_of_fold_probabilities)
    p = out_of_fold_probabilities  # (n, k)
    n, k = p.shape
    own = p[np.arange(n), truth].astype(np.float64)
    counts = np.bincount(truth, minlength=k)
    sums = np.bincount(truth, weights=own, minlength=k)
    thresholds = np.divide(sums, counts, out=np.full(k, np.inf), where=counts > 0)  # (k,); no photo: never
    step = max(1, CHUNK // k)
    parts = [_suspicious(truth[i : i + step], p[i : i + step], thresholds) for i in range(0, n, step)]
    which = np.concatenate([i * step + rows for i, (rows, _) in enumerate(parts)])
    if 2 * len(which) > n:
        return np.empty(0, np.int64)
    return which[np.argsort(np.concatenate([margins for _, margins in parts]), kind="stable")]


def _suspicious(
    truth: NDArray[np.int64], rows: NDArray[np.floating[Any]], thresholds: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Of some photos, the suspicious ones, and by how much the label's probability exceeds the best other class's."""
    p = np.asarray(rows, dtype=np.float64)
    places = np.arange(len(p))
    reached = np.where(p >= thresholds, p, -1.0)
    confident = reached.argmax(axis=1)
    own = p[places, truth]
    which = np.flatnonzero((reached.max(axis=1) >= 0) & (confident != truth) & (p[places, confident] > own))
    others = p[which]
    others[np.arange(len(which)), truth[which]] = -1.0
    return which, own[which] - others.max(axis=1, initial=-1.0)
