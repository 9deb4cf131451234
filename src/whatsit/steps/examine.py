"""A model and labelled photos → the same figures and report as after training, at any later time."""

import csv
import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whatsit.dataset import Dataset
from whatsit.errors import DatasetError
from whatsit.evaluation import Evaluation, evaluate, selective
from whatsit.evaluation.report import DataFigures, LeftOut, Report, headline, render_report, suggest
from whatsit.files import folder_written_atomically, write_json
from whatsit.model.classifier import Classifier
from whatsit.model.folder import FILES
from whatsit.steps.gallery import Shown
from whatsit.steps.see import Watch
from whatsit.steps.tables import predictions_csv
from whatsit.text import printable, shell_quoted

FIGURES = "evaluation.json"


@dataclass(frozen=True)
class Answers:
    """The readable photos and what the model said of each: parallel, length n."""

    dataset: Dataset
    uris: tuple[str, ...]
    labels: NDArray[np.int64]  # indices into the model's classes
    probabilities: NDArray[np.float64]  # (n, classes)
    left_out: tuple[LeftOut, ...]


def test_part(dataset: Dataset) -> Dataset:
    """Of a data set with splits, the photos of test, or of valid where there is no test."""
    for split in ("test", "valid"):
        if chosen := tuple(record for record in dataset.records if record.split == split):
            return replace(dataset, records=chosen)
    return dataset


def _protocol(dataset: Dataset) -> str:
    splits = {record.split for record in dataset.records}
    one = splits.pop() if len(splits) == 1 else None
    return f"the {one} split of the photos that you gave" if one else "all labelled photos that you gave"


def answer(classifier: Classifier, dataset: Dataset, watch: Watch) -> Answers:
    """Raises DatasetError where no photo can be read."""
    index = {label: i for i, label in enumerate(classifier.classes_)}
    uris, labels, rows, left_out = [], [], [], []
    with watch("classifying", len(dataset.records)) as advance:
        said = classifier.classify(record.uri for record in dataset.records)
        for record, one in zip(dataset.records, said, strict=True):
            advance(1)
            if one.error is not None:
                left_out.append(LeftOut(printable(record.uri), one.error))
                continue
            uris.append(record.uri)
            labels.append(index[record.label])
            rows.append(one.probabilities)
    if not rows:
        first = left_out[0]
        raise DatasetError(f"{dataset.name}: no image can be read (the first, {first.path}: {first.reason})")
    return Answers(dataset, tuple(uris), np.array(labels, np.int64), np.array(rows, np.float64), tuple(left_out))


def known_photos(answers: Answers, model: Path) -> NDArray[np.bool_]:
    """(n,) whether the very bytes of a photo were among those that the model was made from."""
    try:
        with (model / FILES.splits).open(newline="", encoding="utf-8") as file:
            split_of = {row["sha256"]: row["split"] for row in csv.DictReader(file)}
    except (OSError, KeyError, UnicodeDecodeError, csv.Error):  # missing or damaged: the model answers without it
        return np.zeros(len(answers.uris), bool)
    judged = "test" if "test" in split_of.values() else "valid"  # in cross-validation there is neither
    seen = {digest for digest, split in split_of.items() if split not in ("", judged)}
    return np.array([_digest(uri) in seen for uri in answers.uris], bool)


def _digest(uri: str) -> str | None:
    try:
        with Path(uri).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def examine(classifier: Classifier, answers: Answers, model: Path, folder: Path) -> tuple[Evaluation, Report]:
    """folder: where the report will lie."""
    facts, classes = classifier.facts, classifier.classes_
    known = known_photos(answers, model)
    truth, p = answers.labels, answers.probabilities
    evaluation = evaluate(truth, p, classes)
    new = ~known
    fresh = evaluate(truth[new], p[new], classes) if known.any() and new.any() else None
    leaks = int(known.sum())
    data = DataFigures(
        counts={"evaluated": {label: int(n) for label, n in zip(classes, evaluation.truth_counts, strict=True)}},
        skipped=sum(answers.dataset.skipped.values()),
        left_out=answers.left_out,
    )
    shown = Shown(answers.uris, truth, p, classifier, facts.unsure.threshold)
    by_confidence = np.argsort(-p.max(axis=1), kind="stable")
    wrong = p.argmax(axis=1) != truth
    report = Report(
        title=f"{facts.name} on {answers.dataset.name}",
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        headline=headline(evaluation, leaks=leaks, without_leaks=fresh),
        protocol=_protocol(answers.dataset),
        evaluation=evaluation,
        data=data,
        temperature=facts.temperature,
        leaks=leaks,
        without_leaks=fresh,
        unsure=selective(truth, p, facts.unsure.threshold),
        mistakes=shown.gallery(by_confidence[wrong[by_confidence]]),
        least_sure=shown.gallery(by_confidence[::-1]),
        facts={"Model": str(model), "Trained": facts.created, "Backbone": str(facts.backbone["name"])},
        next_steps=suggest(evaluation, data, leaks=leaks, listed="The report"),
        commands=(f"whatsit predict {shell_quoted(model)} PHOTO…",),
        location=str(folder / FILES.report),
    )
    return evaluation, report


def write_examination(
    folder: Path,
    answers: Answers,
    evaluation: Evaluation,
    report: Report,
    threshold: float,
    *,
    overwrite: bool,
) -> None:
    """Writes report.html, predictions.csv and evaluation.json; all at once, or nothing."""
    with folder_written_atomically(folder, overwrite=overwrite) as fresh:
        (fresh / FILES.report).write_text(render_report(report), encoding="utf-8", errors="backslashreplace")
        (fresh / FILES.predictions).write_bytes(
            predictions_csv(answers.uris, answers.labels, answers.probabilities, evaluation.classes, threshold)
        )
        write_json(fresh / FIGURES, evaluation.to_dict())
