"""Which photos a model was made from, as its `splits.csv` tells, and which of other photos are among them.

There are three answers: a photo is known (a copy of one that the model learned from, or in a group with one), new, or
nobody can say, since the model folder does not tell its training photos. Photos are told by the bytes that were read,
so it does not matter by what path or URI they are named.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whatsit.evaluation.report import Leak, Seen
from whatsit.model.folder import FILES, ModelFacts
from whatsit.steps.gather import Photos
from whatsit.steps.plan import Plan
from whatsit.steps.related import NEAR, SAME_BYTES, SOURCE, Related
from whatsit.text import plain_row, printable


@dataclass(frozen=True)
class TrainingPhotos:
    """The photos that a model learned from, or chose by."""

    uri_of: Mapping[str, str] = field(default_factory=dict)  # sha256, hexadecimal → where the photo lay
    group_of: Mapping[str, str] = field(default_factory=dict)  # group → a photo of it
    references: tuple[tuple[str, str], ...] = ()  # (where it lay, sha256) of those that the graph holds, in its order
    unknown: str = ""  # why these are not all, in words; empty where they are


def read_training_photos(model: Path, facts: ModelFacts) -> TrainingPhotos:
    """Of a model folder; one whose splits.csv is missing, damaged or another model's is no error, but `unknown`."""
    try:
        with (model / FILES.splits).open(newline="", encoding="utf-8") as file:
            rows = [plain_row(row) for row in csv.DictReader(file) if row["split"]]
            digests = [(row["sha256"], row["label"], row["uri"]) for row in rows]
    except FileNotFoundError:
        return TrainingPhotos(unknown=f"its folder has no {FILES.splits}")
    except (OSError, KeyError, UnicodeDecodeError, csv.Error):
        return TrainingPhotos(unknown=f"its {FILES.splits} cannot be read")
    took_part = sum(n for split in facts.data.get("counts", {}).values() for n in split.values())
    judged = "test" if any(row["split"] == "test" for row in rows) else "valid"  # in cross-validation there is neither
    mine = [row for row in rows if row["split"] != judged]
    complete = len(digests) == took_part and all(row["sha256"] for row in mine)
    held = {int(row["reference"]): row for row in mine if (row.get("reference") or "").isdecimal()}
    in_order = [held[place] for place in range(len(held)) if place in held]
    return TrainingPhotos(
        {row["sha256"]: row["uri"] for row in reversed(mine)},
        {row["group"]: row["uri"] for row in reversed(mine) if row.get("group")},
        tuple((row["uri"], row["sha256"]) for row in in_order) if len(in_order) == len(held) else (),
        "" if complete else f"its {FILES.splits} is not complete",
    )


@dataclass(frozen=True)
class Known:
    """What is known of n photos."""

    copies: NDArray[np.bool_]  # (n,) of photos that the model learned from
    grouped: NDArray[np.bool_]  # (n,) no copies, but in a group with photos that it learned from
    seen: Seen  # the same in numbers and names, for the report

    @property
    def known(self) -> NDArray[np.bool_]:
        return self.copies | self.grouped


def known_photos(
    learned: TrainingPhotos,
    uris: Sequence[str],
    digests: Sequence[str],
    related: Related,
    near: Mapping[int, str],
    moved: int = 0,
) -> Known:
    """Of n photos: what they are called, sha256 of their bytes in hexadecimal, and which of them belong together.

    near: row → the training photo of which it is a near-copy. A photo that is a near-copy of one that is known is
    known, too.
    """
    original = [learned.uri_of.get(digest) for digest in digests]
    twins = _first_of(related.copies, [one or near.get(row) for row, one in enumerate(original)])
    kin = _first_of(related.components, [learned.group_of.get(group or "") for group in related.groups])
    copies = np.array([twin is not None for twin in twins], bool)
    grouped = ~copies & np.array([one is not None for one in kin], bool)
    leaks = []
    for row, (uri, twin, one) in enumerate(zip(uris, twins, kin, strict=True)):
        if twin is not None:
            leaks.append(Leak(uri, twin, SAME_BYTES if original[row] else NEAR))
        elif one is not None:
            leaks.append(Leak(uri, one, f"group {printable(related.groups[row] or '')}".strip()))
    return Known(copies, grouped, _seen(copies, grouped, leaks, learned.unknown, moved))


def _first_of(components: NDArray[np.int64], found: Sequence[str | None]) -> list[str | None]:
    """Of each row what was found of it, or of another in its component."""
    of: dict[int, str] = {}
    for component, one in zip(components.tolist(), found, strict=True):
        if one is not None:
            of.setdefault(component, one)
    return [one or of.get(component) for component, one in zip(components.tolist(), found, strict=True)]


def find_leaks(photos: Photos, plan: Plan) -> Known:
    """Of the photos that judge: which have a copy, or another of their group, among those learned from."""
    n = len(plan.judge)
    if plan.cross_validated:
        return Known(np.zeros(n, bool), np.zeros(n, bool), Seen())
    related = photos.related
    twin = _partners(related.copies, plan)  # (n,) a row learned from, or -1
    kin = _partners(related.components, plan)
    copies, grouped = twin >= 0, (twin < 0) & (kin >= 0)
    leaks = []
    same = {photos.digests[row]: row for row in plan.learn[::-1]}
    for row, mine, its in zip(plan.judge, twin, kin, strict=True):
        if (original := same.get(photos.digests[row])) is not None:
            leaks.append(_leak(photos, row, original, SAME_BYTES))
        elif mine >= 0:
            looks = related.lookalikes[row] == related.lookalikes[mine]
            leaks.append(_leak(photos, row, mine, NEAR if looks else SOURCE))
        elif its >= 0:
            leaks.append(_leak(photos, row, its, f"group {printable(photos.groups[row] or photos.groups[its] or '')}"))
    return Known(copies, grouped, _seen(copies, grouped, leaks))


def _partners(components: NDArray[np.int64], plan: Plan) -> NDArray[np.int64]:
    """Of each photo that judges, the first row learned from in its component; -1 where there is none."""
    first = np.full(int(components.max(initial=0)) + 1, -1, np.int64)
    first[components[plan.learn[::-1]]] = plan.learn[::-1]
    return first[components[plan.judge]]


def _leak(photos: Photos, row: int, other: int, why: str) -> Leak:
    return Leak(photos.records[row].uri, photos.records[other].uri, why)


def _seen(
    copies: NDArray[np.bool_], grouped: NDArray[np.bool_], leaks: Sequence[Leak], unknown: str = "", moved: int = 0
) -> Seen:
    return Seen(int(copies.sum()), int(grouped.sum()), moved, unknown, tuple(leaks))
