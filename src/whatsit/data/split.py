"""Cut a data set into train, valid and test: seeded, stratified, whole components, stable as photos come.

Every component has a place in [0, 1) that only its own key and the seed decide. Laid out by place, the parts
of a class are three stretches of one line::

    0 ──── test ──── test + valid ──────────── train ──────────── 1

so each share comes out as asked up to chance, and a photo's split never depends on other photos. Chance may
leave a small class with too little in a part, so each class's two cuts are then moved, as little as possible,
until each part holds at least `max(1, floor(half of its expected share))` components: those nearest to a cut
change sides. As such a class grows, its cuts return to the common ones.

That is a fair deal of many single photos. Where the user names groups, a part is small, or a class comes out with
less than half of its photos in some part, as where a group holds several classes, whole components are then moved
until the shares are as near as they allow: see `balance`.

Cut a training set into k folds for cross-validation: stratified, whole components, deterministic.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whatsit.config import Split
from whatsit.data.balance import balance
from whatsit.data.components import describe
from whatsit.errors import DatasetError
from whatsit.text import number, printable

_LINE: tuple[Split, ...] = ("test", "valid", "train")  # the order of the parts along the line
COUNT_ONCE = "(near-copies and a group's photos count once; where photos only look alike: --near-copies ignore)"
SMALL_PART = 100  # photos; chance alone gives or takes a tenth of a part of so many, and more of a smaller one


@dataclass(frozen=True)
class SplitOptions:
    """How to cut. A share of 0 means: no such split.

    Attributes:
        valid: Share of the photos that is held out for choices, in [0, 1).
        test: Share that is held out for the final figures, in [0, 1). 15 % each leaves 70 % to learn from:
            the split that a few hundred photos allow, with an interval for the figures that is not absurd.
        seed: Another seed gives another cut; the same seed always the same one.
    """

    valid: float = 0.15
    test: float = 0.15
    seed: int = 0

    def __post_init__(self) -> None:
        for name, share in (("valid", self.valid), ("test", self.test)):
            if not 0 <= share < 1:
                raise DatasetError(f"{name}={share}: not a share. Expected a number from 0 to below 1.")
        if self.valid + self.test >= 1:
            raise DatasetError(
                f"valid={self.valid} and test={self.test} leave nothing to train on. "
                "Expected a sum below 1, such as 0.15 and 0.15."
            )

    @property
    def shares(self) -> tuple[float, float, float]:
        """Shares of test, valid, train: the order along the line."""
        return (self.test, self.valid, 1.0 - self.valid - self.test)


def assign_splits(
    labels: NDArray[np.int64],
    digests: Sequence[str],
    components: NDArray[np.int64],
    groups: Sequence[str | None],
    class_names: Sequence[str],
    options: SplitOptions,
) -> list[Split]:
    """The split of each of `n` records.

    Args:
        labels: ``(n,) int64``, indices into `class_names`.
        digests: sha256 of each record's bytes, hexadecimal.
        components: ``(n,) int64`` from `group_records`. A component is assigned whole, whatever classes it holds.
        groups: The user's group of each record, or None.
        class_names: All classes; each must occur in enough components to be in every part.
        options: Shares and seed.

    Raises:
        DatasetError: A class has too few distinct photos to be in every part.
    """
    table = describe(labels, digests, components, groups, options.seed)
    counts = table.counts(labels, len(class_names))
    _check_enough(np.count_nonzero(counts, axis=0), class_names, options)
    part = np.zeros(len(table.label), dtype=np.int64)  # (m,), an index into _LINE
    near = any(group is not None for group in groups) or _is_small(len(labels), options)
    for _, members in table.by_class():
        first, second = _cuts(table.place[members], options, by_rank=near)
        part[members[first:]] = 1
        part[members[second:]] = 2
    if near or _lacks(counts, part, options):
        cuts = (options.test, options.test + options.valid)
        part = balance(table, counts, part, options.shares, vital=_LINE.index("train"), cuts=cuts)
    return [_LINE[index] for index in part[table.of_record].tolist()]


def _is_small(photos: int, options: SplitOptions) -> bool:
    """Whether a part would have few photos, so that chance alone would leave it far from its share."""
    asked = [share for share in options.shares if share > 0]
    return len(asked) > 1 and 0 < min(asked) * photos < SMALL_PART


def _lacks(counts: NDArray[np.int64], part: NDArray[np.int64], options: SplitOptions) -> bool:
    """Whether a part holds less than half of its share of some class's photos."""
    shares = np.array(options.shares)
    held = np.eye(len(shares), dtype=np.int64)[part].T @ counts  # (parts, classes) photos
    return bool((held < (np.outer(shares, counts.sum(axis=0)) / 2).astype(np.int64)).any())


def _cuts(places: NDArray[np.float64], options: SplitOptions, *, by_rank: bool) -> tuple[int, int]:
    """Where valid and train begin among a class's components, given their ascending places ``(c,)``.

    by_rank: so that each part gets its share of them, rounded; else where the shares lie on the line.
    """
    count, shares = len(places), options.shares
    test, valid, train = (max(1, int(share * count / 2)) if share > 0 else 0 for share in shares)
    thresholds = (shares[0], shares[0] + shares[1])
    ranks = [round(threshold * count) for threshold in thresholds]
    first, second = ranks if by_rank else np.searchsorted(places, thresholds).tolist()
    first = min(max(first, test), count - valid - train) if shares[0] > 0 else 0
    second = min(max(second, first + valid), count - train) if shares[1] > 0 else first
    return first, second


def _check_enough(counts: NDArray[np.int64], class_names: Sequence[str], options: SplitOptions) -> None:
    """Every class needs a component for each part; counts: (classes,) components that hold the class."""
    parts = [name for name, share in zip(_LINE, options.shares, strict=True) if share > 0][::-1]
    short = [i for i in range(len(class_names)) if counts[i] < len(parts)]
    if not short:
        return
    first, rest = short[0], short[1:]
    others = ", ".join(f"'{printable(class_names[i])}' ({counts[i]})" for i in rest[:3])
    more = f" and {len(rest) - 3} more" if len(rest) > 3 else ""
    raise DatasetError(
        f"class '{printable(class_names[first])}' has {number(int(counts[first]), 'distinct photo')}; "
        f"at least {len(parts)} are needed to split into {', '.join(parts)} "
        f"{COUNT_ONCE}. "
        + (f"Too few as well: {others}{more}. " if rest else "")
        + "Add photos, or remove or merge such classes."
    )


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


def draw_share(
    labels: NDArray[np.int64], digests: Sequence[str], components: NDArray[np.int64], share: float, seed: int
) -> NDArray[np.bool_]:
    """Which of `n` records are drawn: of each class as near to the share as whole components allow, at least one.

    A smaller share is part of a larger one: the components of a class are taken in the order of their hashes.

    Args:
        labels: ``(n,) int64``.
        digests: sha256 of each record's bytes, hexadecimal.
        components: ``(n,) int64`` from `group_records`; none is ever cut.
        share: In (0, 1].
        seed: Another seed draws others.

    Returns:
        ``(n,) bool``.
    """
    table = describe(labels, digests, components, [None] * len(digests), seed)
    drawn = np.zeros(len(table.label), np.bool_)  # (m,)
    for _, members in table.by_class():
        photos = np.cumsum(table.size[members])
        drawn[members[: int(np.argmin(np.abs(photos - share * photos[-1]))) + 1]] = True
    kept: NDArray[np.bool_] = drawn[table.of_record]
    return kept
