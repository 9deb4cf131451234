"""Photos of a common source, by their names and on the evidence of their vectors.

A name claims (`names.py`): `leaf_aug3.jpg` and `leaf_flip.jpg` are one photo, changed twice. Whether that is so, the
vectors tell: two photos that claim a common source should be more alike than two of the same class that do not. A
claim's *agreement* is the share of unrelated pairs of its class that are less alike than its own pairs, on average: 0.5
by chance, above 0.96 for augmented copies of photos (measured on four of five sets, docs/log.md). What agrees is a
group. What agrees less, or is a mere number, is proposed to the user. What does not agree is passed over: `cat (1)` to
`cat (300)` is how Windows numbers any folder.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from posixpath import dirname

import numpy as np
from numpy.typing import NDArray

from whatsit.config import GroupByName
from whatsit.data.components import group_records
from whatsit.data.names import Kind, camera_number, made_by_tools, numbered, stem_of
from whatsit.data.near.rows import Rows as Vectors
from whatsit.data.near.rows import blocks

Float = NDArray[np.float32]
Rows = NDArray[np.int64]
Pairs = tuple[tuple[int, int], ...]
Taken = Callable[[str], float | None]  # a photo's URI → when it was taken, in seconds, where its EXIF says so

PAIRS = 64  # of a claim that are looked at
UNRELATED = 4000  # pairs of a class, to compare with: a quantile of 0.99 within 0.002
WHOLE = 30  # photos of a claim that may be more than half of its class, where a tool's hash says so
CERTAIN = 3.0  # standard errors above chance, of all claims of a kind together
BY_CHANCE = 0.01  # that any of the claims of a kind agrees so well that it needs no others beside it
BURST = 5.0  # seconds between two photos of a burst
BURST_AGREES = 0.8  # share of pairs that are less alike; neighbours in number and time need no more


@dataclass(frozen=True)
class Rule:
    """How much claims of a kind must agree."""

    trusted: float  # all of the kind on average, so that each that agrees is taken for a group
    each: float  # one claim, to be taken or proposed
    proposed: float  # all of the kind, to be proposed where they are not taken
    most: int = 1_000  # photos of a claim that is taken without asking


# The limits lie between chance and the least that five sets of photos showed: 0.96, and 0.71 for boats on water, which
# all look alike.
RULES: dict[Kind, Rule] = {
    "export": Rule(0.6, 0.0, 0.0),  # a hash that a tool wrote means nothing else
    "change": Rule(0.8, 0.7, 0.65),
    "copy": Rule(0.8, 0.7, 0.65),
    "draw": Rule(0.9, 0.75, 0.8),
    "number": Rule(0.9, 0.75, 0.8, 30),
    "series": Rule(0.93, 0.75, 0.8, 100),  # copies, a burst, a patient; a longer one may be a day and is asked about
}
ACROSS = Rule(0.8, 0.8, 2.0)  # one name in two folders, such as train and test


@dataclass(frozen=True)
class Proposal:
    """What names say and vectors support, but not so well that it is done without asking."""

    example: str  # a file's name
    photos: int
    sources: int


@dataclass(frozen=True)
class Sources:
    """What is known of common sources among n photos."""

    pairs: Pairs = ()  # rows, enough to connect what belongs together
    photos: int = 0  # that belong to a source with others
    sources: int = 0
    proposals: tuple[Proposal, ...] = ()


@dataclass(frozen=True)
class _Claims:
    """Claims of one kind: rows of the photos of each source, two or more."""

    kind: Kind
    rows: list[Rows]


def find_sources(
    uris: Sequence[str],
    labels: Rows,
    vectors: Vectors,
    choice: GroupByName = "auto",
    taken: Taken = lambda uri: None,
    groups: Sequence[str | None] | None = None,
) -> Sources:
    """Of n photos: names, ``(n,)`` labels, ``(n, dim)`` vectors of any length.

    Args:
        uris: Paths or URIs; what counts are the files' names, and in which folder they lie.
        labels: Photos of two classes are never of one source.
        vectors: The photos' embeddings.
        choice: "always" takes what else would be proposed; "never" looks at no name.
        taken: When a photo was taken. Asked of photos with neighbouring numbers that look alike.
        groups: The user's group of each photo, or None. What it holds together already is not proposed.
    """
    if choice == "never" or len(uris) < 2:
        return Sources()
    names = _Names(uris, labels)
    alike = _Alike(vectors, labels, names.stems)
    accepted: list[Rows] = []
    proposals: list[Proposal] = []
    for kind, claims in names.claims():
        agreed, proposed = _weigh(claims, _agreements(claims, alike), names.class_sizes, RULES[kind])
        accepted += agreed
        if choice == "always":
            accepted += proposed
        elif proposed := [rows for rows in proposed if groups is None or not _together(rows, groups)]:
            example = uris[int(proposed[0][-1])].replace("\\", "/").rpartition("/")[2]
            proposals.append(Proposal(example, sum(map(len, proposed)), len(proposed)))
    accepted += _across(names, alike)
    accepted += _bursts(names, alike, taken)
    return _sources(accepted, tuple(proposals), len(uris))


def _together(rows: Rows, groups: Sequence[str | None]) -> bool:
    found = {groups[row] for row in rows}
    return len(found) == 1 and None not in found


class _Names:
    """What n photos' names claim."""

    def __init__(self, uris: Sequence[str], labels: Rows) -> None:
        found = [made_by_tools(stem_of(uri)) for uri in uris]
        self.uris = uris
        self.labels = labels
        self.folders = [dirname(uri) for uri in uris]
        self.stems = [claim.stem for claim in found]
        self.kinds = [claim.kind for claim in found]
        sizes = np.bincount(labels)
        self.class_sizes = [int(sizes[label]) for label in labels.tolist()]  # (n,) photos of each one's class

    def claims(self) -> Iterator[tuple[Kind, list[Rows]]]:
        """Of each kind its claims, each the rows of two or more photos. A photo is in one claim at most.

        First the names that tools and people's words have changed, then mere numbers; each with its original.
        """
        by_kind: dict[Kind, list[Rows]] = {kind: [] for kind in RULES}
        free = np.ones(len(self.uris), bool)
        for rows in _clusters(zip(self.folders, self.labels.tolist(), self.stems, strict=True)):
            if kind := next((self.kinds[row] for row in rows if self.kinds[row]), None):
                by_kind[kind].append(rows)
                free[rows] = False
        for kind, claims in self._numbered(free).items():
            by_kind[kind] += claims
        yield from ((kind, claims) for kind, claims in by_kind.items() if claims)

    def _numbered(self, free: NDArray[np.bool_]) -> dict[Kind, list[Rows]]:
        """Claims of numbers among the photos that are free: `cup (1)` and `cup (2)`, with `cup` where it is there."""
        whole: dict[tuple[str, int, str], int] = {}
        found: dict[Kind, dict[tuple[str, int, str], list[int]]] = {"draw": {}, "number": {}, "series": {}}
        for row in np.flatnonzero(free).tolist():
            folder, label, claim = self.folders[row], int(self.labels[row]), numbered(self.stems[row])
            whole[folder, label, self.stems[row]] = row
            if claim.kind:
                found[claim.kind].setdefault((folder, label, claim.stem), []).append(row)
        taken: set[int] = set()  # an original of copies is no member of a series
        claims: dict[Kind, list[Rows]] = {}
        for kind, members in found.items():
            for key, rows in members.items():
                original = [whole[key]] if key in whole else []
                rows = [row for row in (*original, *rows) if row not in taken]
                taken.update(original)
                if len(rows) > 1:
                    claims.setdefault(kind, []).append(np.array(sorted(rows), np.int64))
        return claims


def _clusters(keys: Iterable[object]) -> Iterator[Rows]:
    """Rows of equal keys, where there are two or more."""
    found: dict[object, list[int]] = {}
    for row, key in enumerate(keys):
        found.setdefault(key, []).append(row)
    yield from (np.array(rows, np.int64) for rows in found.values() if len(rows) > 1)


class _Alike:
    """How much more alike some photos are than unrelated ones of their class."""

    def __init__(self, vectors: Vectors, labels: Rows, stems: Sequence[str]) -> None:
        self._vectors = vectors
        lengths = np.concatenate([np.linalg.norm(block, axis=1) for block in blocks(vectors)])
        self._norms = np.maximum(lengths, np.float32(1e-12))
        self._labels = labels
        self._stems = np.unique(np.array(stems, dtype=object), return_inverse=True)[1]
        self._of_class: dict[int, Float] = {}

    def shares(self, one: Rows, two: Rows) -> Float:
        """``(p,)``: of each pair, the share of unrelated pairs that are less alike; NaN with none to compare with.

        All pairs are of one class.
        """
        unrelated = self._unrelated(int(self._labels[one[0]]))
        if not len(unrelated):
            return np.full(len(one), np.nan, np.float32)
        below, upto = (np.searchsorted(unrelated, self._cosines(one, two), side) for side in ("left", "right"))
        return np.asarray((below + upto) / (2 * len(unrelated)), np.float32)

    def _cosines(self, one: Rows, two: Rows) -> Float:
        products = np.einsum("pd,pd->p", self._vectors[one], self._vectors[two])
        return np.asarray(products / (self._norms[one] * self._norms[two]), np.float32)

    def _unrelated(self, label: int) -> Float:
        """Sorted cosines of pairs of the class whose names claim no common source."""
        if label not in self._of_class:
            self._of_class[label] = self._sample(np.flatnonzero(self._labels == label), label)
        return self._of_class[label]

    def _sample(self, rows: Rows, seed: int) -> Float:
        one, two = rows[np.random.default_rng(seed).integers(0, len(rows), (2, 2 * UNRELATED))]
        apart = np.flatnonzero(self._stems[one] != self._stems[two])[:UNRELATED]
        parts = [self._cosines(one[some], two[some]) for some in np.array_split(apart, 8)]
        return np.sort(np.concatenate(parts))


def _agreements(claims: Sequence[Rows], alike: _Alike) -> Float:
    """``(claims,)``: the mean share over each claim's pairs."""
    return np.array([_mean_share(*_pairs(rows), alike) for rows in claims], np.float32)


def _mean_share(one: Rows, two: Rows, alike: _Alike) -> float:
    if len(one) > PAIRS:
        chosen = np.random.default_rng(0).permutation(len(one))[:PAIRS]
        one, two = one[chosen], two[chosen]
    return float(alike.shares(one, two).mean())


def _pairs(rows: Rows) -> tuple[Rows, Rows]:
    if len(rows) > PAIRS:
        rows = np.random.default_rng(0).permutation(rows)[:PAIRS]
    one, two = np.triu_indices(len(rows), 1)
    return rows[one], rows[two]


def _weigh(
    claims: Sequence[Rows], agreements: Float, class_sizes: Sequence[int], rule: Rule
) -> tuple[list[Rows], list[Rows]]:
    """The claims that are taken for groups, and those to propose.

    Half a class or more is not taken without asking: `cat_aug_1` to `cat_aug_300` may be any cats.
    """
    compared = agreements[~np.isnan(agreements)]
    overall = float(compared.mean()) if len(compared) else 1.0
    certain = (overall - 0.5) * (12 * len(compared)) ** 0.5 >= CERTAIN  # a share by chance has a variance of 1/12
    by_hash = rule.each == 0
    trusted = overall >= rule.trusted and (certain or by_hash)
    least = rule.each if trusted else 1 - BY_CHANCE / max(1, len(claims))
    taken, offered = [], []
    for rows, agreement in zip(claims, agreements.tolist(), strict=True):
        part = 2 * len(rows) <= class_sizes[int(rows[0])] or (by_hash and len(rows) <= WHOLE)
        agrees = agreement >= least or (by_hash and trusted)  # (NaN is not)
        if agrees and part and len(rows) <= rule.most:
            taken.append(rows)
        elif by_hash or (agreement >= rule.each and certain and overall >= rule.proposed):
            offered.append(rows)
    return taken, offered


def _across(names: _Names, alike: _Alike) -> list[Rows]:
    """Photos of one source in several folders: pairs of them, to connect what lies in each."""
    claims, agreements = [], []
    for rows in _clusters(zip(names.labels.tolist(), names.stems, strict=True)):
        if not any(names.kinds[row] for row in rows):
            continue
        one, two = _pairs(rows)
        apart = np.array([names.folders[i] != names.folders[j] for i, j in zip(one, two, strict=True)])
        if apart.any():
            claims.append(rows)
            agreements.append(_mean_share(one[apart], two[apart], alike))
    return _weigh(claims, np.array(agreements, np.float32), names.class_sizes, ACROSS)[0]


def _bursts(names: _Names, alike: _Alike, taken: Taken) -> list[Rows]:
    """Photos with neighbouring numbers that look alike and were taken within seconds."""
    numbered_photos = []
    for row, stem in enumerate(names.stems):
        if found := camera_number(stem):
            numbered_photos.append((names.folders[row], int(names.labels[row]), *found, row))
    numbered_photos.sort()
    found_pairs = []
    for (*one, a, i), (*two, b, j) in pairwise(numbered_photos):
        if one != two or b - a > 1:
            continue
        pair = np.array([i, j], np.int64)
        if alike.shares(pair[:1], pair[1:])[0] >= BURST_AGREES and _within_seconds(names.uris[i], names.uris[j], taken):
            found_pairs.append(pair)
    return found_pairs


def _within_seconds(one: str, two: str, taken: Taken) -> bool:
    first = taken(one)
    second = taken(two) if first is not None else None
    return first is not None and second is not None and abs(first - second) <= BURST


def _sources(accepted: Sequence[Rows], proposals: tuple[Proposal, ...], n: int) -> Sources:
    pairs = tuple((int(rows[0]), int(row)) for rows in accepted for row in rows[1:])
    sizes = np.bincount(group_records(n, pairs, [None] * n))
    return Sources(pairs, int(sizes[sizes > 1].sum()), int(np.count_nonzero(sizes > 1)), proposals)
