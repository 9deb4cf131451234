"""A model and labelled photos → the same figures and report as after training, at any later time."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whatsit.dataset import Dataset, duplicates
from whatsit.decide import Rule, decide
from whatsit.errors import DatasetError
from whatsit.evaluation import Evaluation, evaluate, selective
from whatsit.evaluation.report import DataFigures, LeftOut, Report, headline, render_report, suggest
from whatsit.files import folder_written_atomically, write_json
from whatsit.model.classifier import Classifier
from whatsit.model.folder import FILES
from whatsit.steps.gallery import Shown
from whatsit.steps.judge import target_of
from whatsit.steps.known import Known, known_photos, read_training_photos
from whatsit.steps.related import Related
from whatsit.steps.see import Watch
from whatsit.steps.tables import leaks_csv, predictions_csv
from whatsit.text import printable, shell_quoted

FIGURES = "evaluation.json"


@dataclass(frozen=True)
class Answers:
    """The readable photos and what the model said of each: parallel, length n."""

    dataset: Dataset
    uris: tuple[str, ...]
    digests: tuple[str, ...]  # sha256 of the bytes that were classified, hexadecimal
    groups: tuple[str | None, ...]  # as their owner named them
    labels: NDArray[np.int64]  # indices into the model's classes
    probabilities: NDArray[np.float32]  # (n, classes)
    similarity: NDArray[np.float32]  # (n,) to the training photos
    left_out: tuple[LeftOut, ...]

    @property
    def components(self) -> NDArray[np.int64]:
        """(n,), equal for copies and members of a group: the units that intervals count."""
        return Related(self.groups, same=tuple(duplicates(self.digests))).components


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
    records, digests, rows, similarity, left_out = [], [], [], [], []
    with watch("classifying", len(dataset.records)) as advance:
        said = classifier.classify((record.uri for record in dataset.records), identify=True)
        for record, one in zip(dataset.records, said, strict=True):
            advance(1)
            if one.error is not None or one.digest is None:
                left_out.append(LeftOut(printable(record.uri), one.error or "not read"))
                continue
            records.append(record)
            digests.append(one.digest.hex())
            rows.append(one.probabilities.copy())  # without the embedding that lies beside them in memory
            similarity.append(one.similarity)
    if not rows:
        first = left_out[0]
        raise DatasetError(f"{dataset.name}: no image can be read (the first, {first.path}: {first.reason})")
    return Answers(
        dataset,
        uris=tuple(record.uri for record in records),
        digests=tuple(digests),
        groups=tuple(record.group for record in records),
        labels=np.array([index[record.label] for record in records], np.int64),
        probabilities=np.array(rows),
        similarity=np.array(similarity, np.float32),
        left_out=tuple(left_out),
    )


def known_to(classifier: Classifier, model: Path, answers: Answers) -> Known:
    """model: the folder of the classifier."""
    learned = read_training_photos(model, classifier.facts)
    return known_photos(learned, answers.uris, answers.digests, answers.groups)


def examine(classifier: Classifier, answers: Answers, model: Path, folder: Path) -> tuple[Evaluation, Report]:
    """folder: where the report will lie."""
    facts, classes = classifier.facts, classifier.classes_
    seen = known_to(classifier, model, answers)
    truth, p = answers.labels, answers.probabilities
    verdict = decide(p.max(axis=1), answers.similarity, facts.unsure)
    familiar = ~verdict.unlike
    units = answers.components
    evaluation = evaluate(truth, p, classes, familiar=familiar, groups=units)
    new = ~seen.known
    fresh = None
    if new.any() and not new.all():
        fresh = evaluate(truth[new], p[new], classes, familiar=familiar[new], groups=units[new])
    data = DataFigures(
        counts={"evaluated": {label: int(n) for label, n in zip(classes, evaluation.truth_counts, strict=True)}},
        skipped=answers.dataset.skipped,
        notes=tuple(map(printable, answers.dataset.notes)),
        left_out=answers.left_out,
    )
    shown = Shown(answers.uris, truth, p, classifier, verdict.reasons.tolist())
    by_confidence = np.argsort(-p.max(axis=1), kind="stable")
    wrong = p.argmax(axis=1) != truth
    answered, target = selective(truth, p, facts.unsure, answers.similarity, groups=units), target_of(facts.unsure)
    report = Report(
        title=f"{facts.name} on {answers.dataset.name}",
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        headline=headline(evaluation, seen=seen.seen, without_leaks=fresh),
        protocol=_protocol(answers.dataset),
        evaluation=evaluation,
        data=data,
        temperature=facts.temperature,
        seen=seen.seen,
        without_leaks=fresh,
        unsure=answered,
        target=target,
        mistakes=shown.gallery(by_confidence[wrong[by_confidence]]),
        least_sure=shown.gallery(by_confidence[::-1]),
        facts={"Model": str(model), "Trained": facts.created, "Backbone": str(facts.backbone["name"])},
        next_steps=suggest(evaluation, data, unsure=answered, target=target, seen=seen.seen, listed="The report"),
        commands=(f"whatsit predict {shell_quoted(model)} PHOTO…",),
        location=str(folder / FILES.report),
    )
    return evaluation, report


def write_examination(
    folder: Path,
    answers: Answers,
    evaluation: Evaluation,
    report: Report,
    rule: Rule,
    *,
    overwrite: bool,
) -> None:
    """Writes report.html, predictions.csv, evaluation.json and any leaks.csv: all at once, or nothing."""
    with folder_written_atomically(folder, overwrite=overwrite) as fresh:
        (fresh / FILES.report).write_text(render_report(report), encoding="utf-8", errors="backslashreplace")
        (fresh / FILES.predictions).write_bytes(
            predictions_csv(
                answers.uris, answers.labels, answers.probabilities, answers.similarity, evaluation.classes, rule
            )
        )
        if report.seen.listed:
            (fresh / FILES.leaks).write_bytes(leaks_csv(report.seen))
        write_json(
            fresh / FIGURES,
            {
                **evaluation.to_dict(),
                "answered": report.unsure and report.unsure.to_dict(),
                "seen": asdict(report.seen),
            },
        )
