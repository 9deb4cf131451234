"""How like the training photos an image is: the cosine to the nearest of up to a thousand of them.

A head divides all of space among its classes, so it is sure of pictures of something else entirely. The distance
to the nearest training embedding is not fooled (Sun et al. 2022); on five sets it told foreign photos apart far
better than the top probability did (benchmarks/RESULTS.md).
"""

import numpy as np
from numpy.typing import NDArray

from whatsit.model.heads import MAX_REFERENCES, Familiarity, directions

Array = NDArray[np.float32]

KEPT = 0.99  # share of photos like the training photos that pass
ROUNDING = 1e-4  # by which the graph's cosines may differ from those here; copies of one picture are to pass


def learn_familiarity(
    x: Array,
    labels: NDArray[np.int64],
    components: NDArray[np.int64],
    new: NDArray[np.int64] | None = None,
) -> Familiarity:
    """References spread evenly over the classes; the limit from photos compared to others than their own copies.

    x: (n, dim) training embeddings; labels: (n,); components: (n,), equal for copies and groups; new: rows that the
    network which made the embeddings did not learn from, where it learned from the others. A network that is taught for
    long draws the photos of a class together (Papyan, Han & Donoho 2020), and new photos less: so the limit lets 99 %
    of those pass, too, where there are some.
    """
    rows = np.sort(in_turn(labels)[:MAX_REFERENCES])
    references = directions(x[rows]).astype(np.float16)
    similarity = np.empty(len(x), np.float32)
    for start in range(0, len(x), 1024):
        block = slice(start, start + 1024)
        cosines = directions(x[block]) @ references.astype(np.float32).T
        cosines[components[block, None] == components[rows]] = -1
        similarity[block] = cosines.max(axis=1)
    judged = [similarity] if new is None else [similarity, similarity[new]]
    limit = min(float(np.quantile(one, 1 - KEPT)) for one in judged) - ROUNDING
    return Familiarity(references, limit, rows, similarity)


def in_turn(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) all rows: the first of every class, the second of every class, and so on."""
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], labels[order])
    turn = np.empty(len(labels), np.int64)
    turn[order] = np.arange(len(labels)) - starts
    return np.argsort(turn, kind="stable")
