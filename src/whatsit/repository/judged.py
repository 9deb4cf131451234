"""What a version said of photos that it did not learn from: as its training wrote down, or asked now."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from whatsit.dataset import READ_DEFAULTS, ReadOptions, read_dataset, with_pages
from whatsit.errors import RepositoryError
from whatsit.model.classifier import Classifier
from whatsit.model.folder import FILES
from whatsit.steps.answers import Answers, answer
from whatsit.steps.examine import known_to, relate_answers, sound, test_part
from whatsit.steps.related import Related
from whatsit.steps.see import Watch
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
    models: Sequence[tuple[Path, Classifier]], data: str | Path, watch: Watch, reading: ReadOptions = READ_DEFAULTS
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
        answers = sound(answer(classifier, dataset, watch))
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
