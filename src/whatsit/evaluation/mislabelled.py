"""Labels that are likely wrong: confident learning (Northcutt, Jiang & Chuang 2021, JAIR 70).

The probabilities must come from classifiers that did not train on the photo they judge (out of fold); one
that did has learned the wrong label by heart.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatsit.evaluation.outcome import check


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
    p = np.asarray(out_of_fold_probabilities, dtype=np.float64)  # (n, k)
    n, k = p.shape
    own = p[np.arange(n), truth]
    counts = np.bincount(truth, minlength=k)
    sums = np.bincount(truth, weights=own, minlength=k)
    thresholds = np.divide(sums, counts, out=np.full(k, np.inf), where=counts > 0)  # (k,); no photo: never
    reached = np.where(p >= thresholds, p, -1.0)
    confident = reached.argmax(axis=1)
    suspicious = (reached.max(axis=1) >= 0) & (confident != truth) & (p[np.arange(n), confident] > own)
    if 2 * np.count_nonzero(suspicious) > n:
        return np.empty(0, np.int64)
    return _by_margin(truth, p, own, np.flatnonzero(suspicious))


def _by_margin(
    truth: NDArray[np.int64], p: NDArray[np.float64], own: NDArray[np.float64], which: NDArray[np.int64]
) -> NDArray[np.int64]:
    """`which`, sorted by the label's probability minus the best other class's."""
    others = p[which].copy()
    others[np.arange(len(which)), truth[which]] = -1.0
    margins = own[which] - others.max(axis=1, initial=-1.0)
    return which[np.argsort(margins, kind="stable")]
