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
from whatsit.steps.related import NEAR, SAME_BYTES, SOURCE, Related
from whatsit.text import clean_group, plain_row, printable


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
        {clean_group(row["group"]): row["uri"] for row in reversed(mine) if row.get("group")},
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


@dataclass(frozen=True)
class NearKnown:
    """Photos whose bytes the model did not learn from, and that repeat a training photo nevertheless."""

    leaks: Mapping[int, Leak] = field(default_factory=dict)  # by row
    looked: str = ""  # where they were looked for
    moved: int = 0  # training photos that could not be compared


def known_photos(
    learned: TrainingPhotos, uris: Sequence[str], digests: Sequence[str], related: Related, near: NearKnown
) -> Known:
    """Of n photos: what they are called, sha256 of their bytes in hexadecimal, and which of them belong together.

    What belongs to a photo that is known is known, too.
    """
    found: dict[int, Leak] = {**near.leaks}
    found |= {
        row: Leak(uris[row], learned.uri_of[digest], SAME_BYTES)
        for row, digest in enumerate(digests)
        if digest in learned.uri_of
    }
    for components, why in ((related.lookalikes, NEAR), (related.copies, SOURCE)):
        found |= _spread(found, components, uris, why)
    copies = np.zeros(len(uris), bool)
    copies[list(found)] = True
    of_group = [learned.group_of.get(group or "") for group in related.groups]
    named = (f"group {printable(group or '')}" for group in related.groups)
    groups = {row: Leak(uris[row], one, why) for row, (one, why) in enumerate(zip(of_group, named, strict=True)) if one}
    for row, leak in {**groups, **_spread(groups, related.components, uris, "group")}.items():
        found.setdefault(row, leak)
    grouped = ~copies
    grouped[[row for row in range(len(uris)) if row not in found]] = False
    leaks = tuple(found[row] for row in sorted(found))
    seen = Seen(int(copies.sum()), int(grouped.sum()), near.moved, near.looked, learned.unknown, leaks)
    return Known(copies, grouped, seen)


def _spread(found: Mapping[int, Leak], components: NDArray[np.int64], uris: Sequence[str], why: str) -> dict[int, Leak]:
    """Of the rows that share a component with one that was found, and were not."""
    of = {int(components[row]): leak for row, leak in sorted(found.items(), reverse=True)}
    rows = ((row, of.get(component)) for row, component in enumerate(components.tolist()) if row not in found)
    return {row: Leak(uris[row], leak.training_photo, why) for row, leak in rows if leak is not None}
