"""What a version said of photos that it did not learn from: as its training wrote down, or asked now.

Two versions side by side: their figures, and what they say of the photos that both were tested on.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatsit.config import READ_DEFAULTS, ReadOptions
from whatsit.data.components import group_records
from whatsit.data.dataset import with_pages
from whatsit.data.groups import Related
from whatsit.data.read import read_dataset
from whatsit.errors import RepositoryError
from whatsit.evaluation.figures import Figure
from whatsit.evaluation.intervals import Counted, count_units, paired_test, share_interval
from whatsit.images.limits import DEFAULT_LIMITS, Limits
from whatsit.model.answers import Answers, answer
from whatsit.model.classifier import Classifier
from whatsit.model.evaluation import known_to, relate_answers, sound, test_part
from whatsit.model.format import FILES
from whatsit.model.versions.entries import Entry, sound_entry
from whatsit.model.versions.store import Repository, change_of_classes
from whatsit.progress import ProgressReporter, no_progress
from whatsit.text import plain_row


@dataclass(frozen=True)
class Said:
    """An answer to one photo."""

    uri: str
    label: str  # what the photo shows
    predicted: str
    probability: float  # of `predicted`, in [0, 1]
    unit: str = ""  # equal where photos belong together; empty: the photo is its own

    @property
    def right(self) -> bool:
        return self.predicted == self.label


def recorded(model: Path) -> dict[str, Said]:
    """sha256 of a photo → the answer, of every photo that the headline figure comes from.

    Raises RepositoryError where the two tables are missing or damaged.
    """
    table = model / FILES.predictions
    answers = _rows(table, ("label", "predicted", "probability"))
    name = "uri" if answers and "uri" in answers[0] else "path"  # as models of earlier versions of whatsit call it
    if any(row.get(name) is None for row in answers):
        raise _unusable(table, "expected the column path")
    splits = {row["uri"]: row for row in _rows(model / FILES.splits, ("uri", "sha256"))}
    said: dict[str, Said] = {}
    for row in answers:
        if (its := splits.get(row[name])) and (digest := its["sha256"]):
            unit = its.get("component") or its.get("group") or ""  # as earlier versions of whatsit have it
            said.setdefault(digest, _said(row, row[name], table, unit))  # a copy of a photo counts once
    return said


def _rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [plain_row(row) for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _unusable(path, getattr(error, "strerror", None) or "no CSV") from error
    if any(row.get(column) is None for row in rows for column in columns):
        raise _unusable(path, f"expected the columns {', '.join(columns)}")
    return rows


def _said(row: Mapping[str, str], uri: str, path: Path, unit: str) -> Said:
    try:
        probability = float(row["probability"])
    except ValueError:
        probability = -1
    if not 0 <= probability <= 1:
        raise _unusable(path, f"'{row['probability'][:20]}' is no probability")
    return Said(uri, row["label"], row["predicted"], probability, unit)


def _unusable(path: Path, reason: str) -> RepositoryError:
    return RepositoryError(f"{path}: {reason}")


@dataclass(frozen=True)
class Asked:
    """What some versions say of the same photos: uri → the answer, one mapping a version."""

    said: tuple[dict[str, Said], ...]
    unusable: int  # photos that cannot be read, or whose bytes stand under two labels
    known: int  # photos that are not new to a version, and which therefore no mapping has
    unknown: tuple[str, ...]  # why a version cannot tell all photos that it learned from, one a version; empty: it can
    notes: tuple[str, ...] = ()  # how the photos were read


def ask(
    models: Sequence[tuple[Path, Classifier]],
    data: str | Path,
    progress: ProgressReporter,
    reading: ReadOptions = READ_DEFAULTS,
) -> Asked:
    """Of a data set with splits the test split is taken. Raises DatasetError where the photos cannot be used."""
    classes = dict.fromkeys(label for _, classifier in models for label in classifier.classes_)
    dataset = test_part(read_dataset(data, classes=tuple(classes), options=reading))
    pages = {classifier.limits.page for _, classifier in models}
    if len(pages) > 1 and "all" in pages:
        raise RepositoryError(
            "one model was taught on all pages of a file, another was not. Compare models taught alike"
        )
    dataset = with_pages(dataset, pages.pop())
    label_of = {record.uri: record.label for record in dataset.records}
    said, unknown, unusable, known = [], list[str](), 0, set[str]()
    for folder, classifier in models:
        answers = sound(answer(classifier, dataset, progress))
        related = relate_answers(classifier, answers)
        said.append(_each(answers, related, classifier.classes_, label_of))
        unusable = max(unusable, len(answers.left_out))
        seen = known_to(classifier, folder, answers, related)
        unknown.append(seen.seen.unknown)
        known.update(uri for uri, its in zip(answers.uris, seen.known, strict=True) if its)
    fresh = ({uri: one for uri, one in its.items() if uri not in known} for its in said)
    return Asked(tuple(fresh), unusable, len(known), tuple(unknown), dataset.notes)


def _each(answers: Answers, related: Related, classes: Sequence[str], label_of: Mapping[str, str]) -> dict[str, Said]:
    best = answers.probabilities.argmax(axis=1)  # (n,)
    top = answers.probabilities.max(axis=1)  # (n,)
    answered = zip(answers.uris, best.tolist(), top.tolist(), related.components.tolist(), strict=True)
    return {uri: Said(uri, label_of[uri], classes[k], p, str(unit)) for uri, k, p, unit in answered}


GIVE = "Give labelled photos to compare on: whatsit models compare NAME V1 V2 DATA"


@dataclass(frozen=True)
class Comparison:
    """`pairs` holds both answers to each photo that neither version learned from."""

    first: Entry
    second: Entry
    pairs: tuple[tuple[Said, Said], ...]
    left_out: Mapping[str, int] = field(default_factory=dict)  # reason → photos
    notes: tuple[str, ...] = ()  # sentences: why there are no pairs, or what else one has to know

    def accuracies(self) -> tuple[Figure, Figure]:
        """On the photos of both, with intervals that count units; there must be some."""
        first, second = (Figure(float(right.mean()), *share_interval(right, self.units)) for right in self.right)
        return first, second

    @cached_property
    def right(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """(pairs,) whether each version is."""
        first, second = (np.array([pair[i].right for pair in self.pairs], bool) for i in (0, 1))
        return first, second

    @cached_property
    def units(self) -> NDArray[np.int64]:
        """(pairs,) equal where photos belong together for either version's data."""
        both = [[pair[i].unit or None for pair in self.pairs] for i in (0, 1)]
        first: dict[str, int] = {}
        same = [(first.setdefault(unit, i), i) for i, unit in enumerate(both[1]) if unit is not None]
        return group_records(len(self.pairs), same, both[0])

    @property
    def counted(self) -> Counted:
        """What intervals and test count."""
        return count_units(self.units, len(self.pairs))

    @property
    def only_first(self) -> int:
        """Photos that the first version alone has right."""
        return sum(one.right and not other.right for one, other in self.pairs)

    @property
    def only_second(self) -> int:
        return sum(other.right and not one.right for one, other in self.pairs)

    @property
    def p_value(self) -> float:
        return paired_test(*self.right, self.units)

    @property
    def differing(self) -> list[tuple[Said, Said]]:
        """The photos that they call by different names."""
        return [(one, other) for one, other in self.pairs if one.predicted != other.predicted]

    @property
    def classes(self) -> str:
        """How the second version's classes differ; empty where they do not."""
        new, old = f"version {self.second.version}", f"version {self.first.version}"
        return change_of_classes(self.first.labels, self.second.labels, new, old)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "name": self.first.name,
            "versions": [self.first.to_dict(), self.second.to_dict()],
            "classes": self.classes or None,
            "shared": self._shared() if self.pairs else None,
            "left_out": dict(self.left_out),
            "notes": list(self.notes),
        }

    def _shared(self) -> dict[str, Any]:
        return {
            "photos": len(self.pairs),
            "units": self.counted.units,
            "accuracy": [asdict(figure) for figure in self.accuracies()],
            "right_alone": [self.only_first, self.only_second],
            "p_value": self.p_value,
            "differing": [
                {"path": one.uri, "label": one.label, "said": [_answer(one), _answer(other)]}
                for one, other in self.differing
            ],
        }


def _answer(said: Said) -> dict[str, Any]:
    return {"label": said.predicted, "probability": said.probability}


def compare(
    repository: Repository,
    name: str,
    first: int,
    second: int,
    data: str | Path | None = None,
    *,
    device: str = "cpu",
    limits: Limits = DEFAULT_LIMITS,
    reading: ReadOptions = READ_DEFAULTS,
    progress: ProgressReporter = no_progress,
) -> Comparison:
    """On the photos that both judged out of sample when they were made, or on labelled photos given now.

    Raises a WhatsitError for whatever the user can mend.
    """
    entries = sound_entry(repository, name, first), sound_entry(repository, name, second)
    if data is None:
        return _on_record(*entries)
    models = [(e.folder, Classifier.load(e.folder, device=device, limits=limits)) for e in entries]
    asked = ask(models, data, progress, reading)
    pairs = _paired(*asked.said)
    left_out = {
        "that cannot be used": asked.unusable,
        f"that are not new to version {first} or {second}": asked.known,
    }
    notes = list(asked.notes)
    for version, unknown in zip((first, second), asked.unknown, strict=True):
        if unknown:
            notes.append(f"Photos that version {version} learned from may be among these: {unknown}.")
    if not pairs:
        notes.append("No photo is new to both versions. Give others as DATA.")
    return Comparison(*entries, pairs, {why: n for why, n in left_out.items() if n}, tuple(notes))


def _on_record(first: Entry, second: Entry) -> Comparison:
    try:
        pairs = _paired(recorded(first.folder), recorded(second.folder))
    except RepositoryError as error:
        return Comparison(first, second, (), notes=(f"{error}. {GIVE}",))
    agreed = tuple((one, other) for one, other in pairs if one.label == other.label)
    relabelled = len(pairs) - len(agreed)
    left_out = {"whose label is another in each version's data": relabelled} if relabelled else {}
    none = f"No photo was judged by both versions, under one label, when they were made. {GIVE}"
    return Comparison(first, second, agreed, left_out, () if agreed else (none,))


def _paired(first: Mapping[str, Said], second: Mapping[str, Said]) -> tuple[tuple[Said, Said], ...]:
    return tuple((said, second[key]) for key, said in first.items() if key in second)
