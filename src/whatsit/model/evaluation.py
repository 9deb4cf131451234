"""What both reports have in common, that of a training and that of a later evaluation.

A model and labelled photos → the same figures and report as after training, at any later time.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whatsit.data.dataset import Dataset, Record
from whatsit.data.groups import TWO_LABELS, Related, conflicts, relate
from whatsit.decide import Rule, decide
from whatsit.errors import DatasetError
from whatsit.evaluation.calibration import selective
from whatsit.evaluation.figures import Evaluation
from whatsit.evaluation.intervals import by_group
from whatsit.evaluation.metrics import evaluate, likely_mislabelled
from whatsit.evaluation.report.advice import suggest
from whatsit.evaluation.report.content import DataFigures, Proposal, Report, Strangers, Target, Torn
from whatsit.evaluation.report.page import render_report
from whatsit.evaluation.report.words import headline
from whatsit.files import folder_written_atomically, write_json
from whatsit.images.preprocessing import ValueRange, range_words
from whatsit.model.answers import Answers, answer
from whatsit.model.classifier import Classifier
from whatsit.model.format import FILES, Unsure
from whatsit.model.leaks import Known, known_photos, near_training_photos, read_training_photos
from whatsit.model.tables import Shown, leaks_csv, likely_labels, predictions_csv, suspects_csv
from whatsit.notices import notice
from whatsit.progress import ProgressReporter
from whatsit.text import number, printable, shell_quoted


def with_related(
    figures: DataFigures, related: Related, records: Sequence[Record], labels: NDArray[np.int64], classes: Sequence[str]
) -> DataFigures:
    """The figures of a report, with what belongs together among the photos that it is about."""

    def torn(a: int, b: int) -> Torn:
        label, other = classes[labels[a]], classes[labels[b]]
        return Torn(printable(records[a].uri), label, printable(records[b].uri), other)

    sources = related.sources
    return replace(
        figures,
        exact_duplicates=len(related.same),
        near_duplicate_groups=related.near_copy_groups,
        near_copies_ignored=len({row for pair in related.ignored for row in pair}),
        torn=tuple(torn(a, b) for a, b in related.torn(labels)),
        source_photos=sources.photos,
        sources=sources.sources,
        proposals=tuple(Proposal(printable(one.example), one.photos, one.sources) for one in sources.proposals),
    )


def checks(report: Report) -> dict[str, object]:
    """What the photos were checked for, as plain values: which are not new, what belongs together, what conflicts."""
    data = report.data
    return {
        "seen": asdict(report.seen),
        "exact_copies": data.exact_duplicates,
        "near_copy_groups": data.near_duplicate_groups,
        "near_copies_ignored": data.near_copies_ignored,
        "sources_by_name": {"photos": data.source_photos, "sources": data.sources},
        "proposed_sources": [asdict(one) for one in data.proposals],
        "near_copies_under_two_labels": [asdict(one) for one in data.torn],
    }


def target_of(unsure: Unsure) -> Target | None:
    """How right the answers were to be, for a report; None for an older model, which does not say what was reached."""
    if unsure.reached is None or unsure.held_out_precision is None or unsure.held_out_coverage is None:
        return None
    return Target(unsure.precision, unsure.held_out_precision, unsure.held_out_coverage, unsure.reached)


FIGURES = "evaluation.json"


def test_part(dataset: Dataset) -> Dataset:
    """Of a data set with splits, the photos of test, or of valid where there is no test."""
    for split in ("test", "valid"):
        if chosen := tuple(record for record in dataset.records if record.split == split):
            foreign = tuple(record for record in dataset.foreign if record.split == split)
            return replace(dataset, records=chosen, foreign=foreign)
    return dataset


def _protocol(dataset: Dataset) -> str:
    splits = {record.split for record in dataset.records}
    one = splits.pop() if len(splits) == 1 else None
    return f"the {one} split of the photos that you gave" if one else "all labelled photos that you gave"


def say_notes(notes: Mapping[str, int]) -> None:
    """A line each, as soon as all photos are classified."""
    for note, count in notes.items():
        notice(f"{number(count, 'photo')}: {note}")


def _deep(value_range: ValueRange | None, notes: Mapping[str, int]) -> tuple[str, ...]:
    """For the report: the model's range, and what deep photos here make doubtful."""
    said = () if value_range is None else (f"{range_words(value_range)}, as the model has it",)
    return (*said, *(f"{number(count, 'photo')}: {note}" for note, count in notes.items()))


def known_to(classifier: Classifier, model: Path, answers: Answers, related: Related) -> Known:
    """model: the folder of the classifier."""
    learned = read_training_photos(model, classifier.facts)
    near = near_training_photos(classifier, learned, answers)
    return known_photos(learned, answers.uris, answers.digests, related, near)


def sound(answers: Answers) -> Answers:
    """Without photos whose very bytes stand under two labels. Raises DatasetError where no other is left."""
    labels = [record.label for record in answers.records]
    kept = answers.without(conflicts(labels, answers.digests))
    if not len(kept.places):
        raise DatasetError(f"{answers.dataset.name}: every image stands under two labels. Decide which is right")
    return kept


def relate_answers(classifier: Classifier, answers: Answers) -> Related:
    """What belongs together among the photos, by the same function and options as when the model was trained."""
    chosen = classifier.facts.training
    names = {label: i for i, label in enumerate(sorted({record.label for record in answers.records}))}
    return relate(
        answers.records,
        np.array([names[record.label] for record in answers.records], np.int64),
        answers.digests,
        answers.vectors,
        answers.thumbnails,
        chosen.get("near_copies", "group"),
        chosen.get("group_by_name", "auto"),
    )


def judge_strangers(classifier: Classifier, dataset: Dataset, progress: ProgressReporter) -> Strangers | None:
    """How often the model is unsure of the photos whose class it does not have; None where there are none to read."""
    if not dataset.foreign:
        return None
    try:
        answers = answer(classifier, replace(dataset, records=dataset.foreign), progress)
    except DatasetError:  # none can be read, and none is needed
        return None
    unsure = decide(answers.probabilities.max(axis=1), answers.similarity, classifier.facts.unsure).unsure
    labels = [record.label for record in answers.records]
    photos, unsure_of = Counter(labels), Counter(label for label, one in zip(labels, unsure, strict=True) if one)
    return Strangers(
        len(labels),
        int(unsure.sum()),
        tuple((label, n, unsure_of[label]) for label, n in photos.most_common()),
    )


def labels_of(answers: Answers, classes: Sequence[str]) -> NDArray[np.int64]:
    """(n,) indices into the model's classes."""
    index = {label: i for i, label in enumerate(classes)}
    return np.array([index[record.label] for record in answers.records], np.int64)


@dataclass(frozen=True)
class Examined:
    """What is to be told of the answers."""

    evaluation: Evaluation
    report: Report
    rule: Rule  # when the model is unsure
    mislabelled: NDArray[np.int64]  # rows of the answers, the most suspicious first


def examine(
    classifier: Classifier, answers: Answers, model: Path, folder: Path, strangers: Strangers | None = None
) -> Examined:
    """folder: where the report will lie."""
    facts, classes = classifier.facts, classifier.classes_
    related = relate_answers(classifier, answers)
    seen = known_to(classifier, model, answers, related)
    truth, p = labels_of(answers, classes), answers.probabilities
    verdict = decide(p.max(axis=1), answers.similarity, facts.unsure)
    familiar = ~verdict.unlike
    units = related.components
    evaluation = evaluate(truth, p, classes, familiar=familiar, groups=units)
    new = ~seen.known
    fresh = None
    if new.any() and not new.all():
        fresh = evaluate(truth[new], p[new], classes, familiar=familiar[new], groups=units[new])
    data = _data_figures(classifier, answers, related, evaluation)
    shown = Shown(answers.uris, truth, p, classifier, verdict.reasons.tolist())
    by_confidence = np.argsort(-p.max(axis=1), kind="stable")
    wrong = p.argmax(axis=1) != truth
    answered, target = selective(truth, p, facts.unsure, answers.similarity, groups=units), target_of(facts.unsure)
    mislabelled = _mislabelled(truth, p, new & familiar)
    likely = likely_labels(truth[mislabelled], p[mislabelled])
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
        strangers=strangers,
        target=target,
        groups=by_group(related.groups, ~wrong),
        mistakes=shown.gallery(by_confidence[wrong[by_confidence]]),
        least_sure=shown.gallery(by_confidence[::-1]),
        mislabelled=shown.gallery(mislabelled, likely),
        mislabelled_count=len(mislabelled),
        facts={
            "Model": str(model),
            "Trained": facts.created,
            "Backbone": str(facts.backbone["name"]),
            "Near-copies of training photos": seen.seen.looked,
        },
        next_steps=suggest(
            evaluation,
            data,
            unsure=answered,
            target=target,
            mislabelled=len(mislabelled),
            seen=seen.seen,
            listed="The report",
        ),
        commands=(f"whatsit predict {shell_quoted(model)} PHOTO…",),
        location=str(folder / FILES.report),
    )
    return Examined(evaluation, report, facts.unsure, mislabelled)


def _data_figures(classifier: Classifier, answers: Answers, related: Related, evaluation: Evaluation) -> DataFigures:
    """What was looked at, for the report."""
    classes = classifier.classes_
    figures = DataFigures(
        counts={"evaluated": {label: int(n) for label, n in zip(classes, evaluation.truth_counts, strict=True)}},
        skipped=answers.dataset.skipped,
        notes=tuple(map(printable, answers.dataset.notes)),
        left_out=answers.left_out,
        deep=_deep(classifier.facts.preprocessing.value_range, answers.notes),
        conflicts=sum(one.reason.startswith(TWO_LABELS) for one in answers.left_out),
        groups=len({group for group in related.groups if group is not None}),
    )
    return with_related(figures, related, answers.records, labels_of(answers, classes), classes)


def _mislabelled(
    truth: NDArray[np.int64], probabilities: NDArray[np.float32], eligible: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """eligible: (n,) that the model neither learned from nor finds unlike all that it did."""
    rows = np.flatnonzero(eligible)
    return rows[likely_mislabelled(truth[rows], probabilities[rows])] if len(rows) else rows


def write_examination(folder: Path, answers: Answers, examined: Examined, *, overwrite: bool) -> None:
    """Writes report.html, predictions.csv, evaluation.json, any leaks.csv and suspects.csv: all at once, or nothing."""
    evaluation, report = examined.evaluation, examined.report
    classes = evaluation.classes
    uris, labels, p = answers.uris, labels_of(answers, classes), answers.probabilities
    with folder_written_atomically(folder, overwrite=overwrite) as fresh:
        (fresh / FILES.report).write_text(render_report(report), encoding="utf-8", errors="backslashreplace")
        (fresh / FILES.predictions).write_bytes(
            predictions_csv(uris, labels, p, answers.similarity, classes, examined.rule)
        )
        if report.seen.listed:
            (fresh / FILES.leaks).write_bytes(leaks_csv(report.seen))
        if len(examined.mislabelled):
            (fresh / FILES.suspects).write_bytes(suspects_csv(examined.mislabelled, uris, labels, p, classes))
        write_json(fresh / FIGURES, {**evaluation.to_dict(), **_checks(report)})


def _checks(report: Report) -> dict[str, object]:
    """Who gets an answer, what the photos were checked for, and what was left out, as plain values."""
    data = report.data
    return {
        "answered": report.unsure and report.unsure.to_dict(),
        "strangers": report.strangers and asdict(report.strangers),
        "groups": [asdict(group) for group in report.groups],
        **checks(report),
        "left_out": [asdict(one) for one in data.left_out],
    }
