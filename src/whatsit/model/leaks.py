"""Which photos a model was made from, and which of other photos are among them or near-copies of them.

`splits.csv` of the model folder lists the training photos. There are three answers: a photo is known (a copy of one
that the model learned from, or in a group with one), new, or nobody can say, since the folder does not list them.
Photos are told by the bytes that were read, so it does not matter by what path or URI they are named.

Near-copies are found through the graph's references, the vectors of up to 1,000 training photos; `splits.csv` says
which photos these are. A photo that is very like a reference is compared with that training photo itself, read from
where it lay, by the same search as before training. Where it lies no more, that is said.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whatsit.data.groups import NEAR, SAME_BYTES, SOURCE, Related
from whatsit.data.names import made_by_tools, stem_of
from whatsit.data.near.search import near_duplicates
from whatsit.evaluation.report.content import Leak, Seen
from whatsit.model.answers import Answers
from whatsit.model.classifier import Classifier
from whatsit.model.format import FILES, ModelFacts
from whatsit.model.prediction import Classified
from whatsit.text import clean_group, number, plain_row, printable


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


BESIDE = 2000  # other photos that take part, so that the search learns what all have in common
AT_ONCE = 4000  # photos to compare with those of the training; vectors of 512 bytes, or few whole ones


def near_training_photos(classifier: Classifier, learned: TrainingPhotos, answers: Answers) -> NearKnown:
    """Of the answers' photos whose bytes the model did not learn from."""
    references = learned.references
    if classifier.facts.training.get("near_copies") == "ignore":
        return NearKnown(looked="not looked for, as the model was trained with --near-copies ignore")
    if not references:
        return NearKnown(looked="not looked for: the model folder does not say which photos its references are")
    new = np.array([digest not in learned.uri_of for digest in answers.digests], bool)
    rows = np.flatnonzero(new & (answers.nearest >= 0) & (answers.nearest < len(references)))
    wanted = np.unique(answers.nearest[rows]).tolist()
    read = _read(classifier, [references[place] for place in wanted])
    total = len(learned.uri_of)
    among = f"all {total:,}" if len(references) >= total else f"{len(references):,} of {total:,}"
    gone = len(wanted) - len(read)
    missing = f", but not among {number(gone, 'photo')} that are not on this machine where they lay" if gone else ""
    leaks = {**_by_name(answers, rows, references), **_found(answers, rows, read)}
    return NearKnown(leaks, f"looked for among {among} training photos{missing}", gone)


def _read(classifier: Classifier, photos: Sequence[tuple[str, str]]) -> dict[str, Classified]:
    """URI → what tells copies, of the (uri, sha256) that still lie where they lay. None is fetched from afar."""
    here = {uri: digest for uri, digest in photos if "://" not in uri or uri.startswith(("file://", "local://"))}
    said = zip(here.items(), classifier.classify(list(here), identify=True), strict=True)
    return {uri: one for (uri, digest), one in said if one.digest is not None and one.digest.hex() == digest}


def _by_name(answers: Answers, rows: NDArray[np.int64], references: Sequence[tuple[str, str]]) -> dict[int, Leak]:
    """Photos that have the name of the very training photo that they are most like, but for what tools add to names."""
    leaks = {}
    for row in rows.tolist():
        mine, (its, _) = answers.uris[row], references[answers.nearest[row]]
        one, two = made_by_tools(stem_of(mine)), made_by_tools(stem_of(its))
        if one.stem == two.stem and (one.kind or two.kind):
            leaks[row] = Leak(mine, its, SOURCE)
    return leaks


def _found(answers: Answers, rows: NDArray[np.int64], read: dict[str, Classified]) -> dict[int, Leak]:
    """Near-copies, as the pictures tell."""
    thumbnails = {uri: one.thumbnail for uri, one in read.items() if one.thumbnail is not None}
    if not len(rows) or not thumbnails:
        return {}
    uris = list(thumbnails)
    vectors = answers.reduced(np.stack([read[uri].embedding for uri in uris]))
    pictures = np.stack([thumbnails[uri] for uri in uris])
    found: dict[int, Leak] = {}
    for start in range(0, len(rows), AT_ONCE):
        wanted = rows[start : start + AT_ONCE]
        some = np.union1d(wanted, np.arange(min(len(answers.places), BESIDE)))
        pairs = near_duplicates(
            np.concatenate([answers.vectors[some], vectors]), np.concatenate([answers.thumbnails[some], pictures])
        )
        sought = set(wanted.tolist())
        for a, b in pairs:
            if a < len(some) <= b and (row := int(some[a])) in sought:
                found.setdefault(row, Leak(answers.uris[row], uris[b - len(some)], NEAR))
    return found
