"""Cut a training set into k folds for cross-validation: stratified, whole components, deterministic."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from whatsit.dataset.balance import balance
from whatsit.dataset.components import describe
from whatsit.errors import DatasetError

FEW_MIXED = 0.05  # share of the photos in components of several classes, as near-copies may be; so few disturb nothing


def assign_folds(
    labels: NDArray[np.int64],
    digests: Sequence[str],
    components: NDArray[np.int64],
    k: int,
    seed: int,
) -> NDArray[np.int64]:
    """The fold, 0 to ``k - 1``, of each of `n` records.

    The components of each class, largest first and by hash within a size, are dealt round-robin; each class
    goes on at the fold where the one before it stopped. So folds differ by at most one component a class and
    one in all, and a class's photos differ by at most its largest component. Where components hold several
    classes, whole ones are then moved until each fold's share of every class is as near to the others' as they
    allow: see `balance`.

    Fewer components than `k` make fewer folds. A class with fewer than `k` components is missing from some folds;
    one with a single component is missing from the training part of one fold. Callers must allow for that: it is
    no error here.

    Args:
        labels: ``(n,) int64``.
        digests: sha256 of each record's bytes, hexadecimal.
        components: ``(n,) int64`` from `group_records`; none is ever cut.
        k: Number of folds, at least 2; of fewer components each is a fold.
        seed: Another seed deals another way.

    Raises:
        DatasetError: `k` is below 2.
    """
    if k < 2:
        raise DatasetError(f"{k} folds: too few to cross-validate. Expected 2 or more.")
    table = describe(labels, digests, components, [None] * len(digests), seed)
    counts = table.counts(labels, int(labels.max(initial=0)) + 1)
    k = max(1, min(k, len(table.label)))
    fold = np.zeros(len(table.label), dtype=np.int64)  # (m,)
    dealt = 0
    for _, members in table.by_class():
        largest_first = members[np.argsort(-table.size[members], kind="stable")]
        fold[largest_first] = (dealt + np.arange(len(members))) % k
        dealt += len(members)
    mixed = np.count_nonzero(counts, axis=1) > 1  # (m,) components of several classes
    if table.size[mixed].sum() > FEW_MIXED * len(labels):
        fold = balance(table, counts, fold, (1 / k,) * k)
    return fold[table.of_record]
