"""splits.csv: every file of the data set with its split, or why it was left out.

What was learned and judged → the model folder, with its report.

What a training did, in plain values for programs: splits, what was left out, groups, thresholds, suspects.
"""

import hashlib
import platform
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from whatsit import __version__
from whatsit.config import TrainOptions
from whatsit.embedding.backbones.extractor import FeatureExtractor
from whatsit.embedding.session import graph_device
from whatsit.evaluation.report.advice import suggest
from whatsit.evaluation.report.content import DataFigures, LeftOut, Report
from whatsit.evaluation.report.page import render_report
from whatsit.evaluation.report.words import headline
from whatsit.files import folder_written_atomically
from whatsit.images.preprocessing import ValueRange, range_words
from whatsit.model.classifier import Classifier
from whatsit.model.evaluation import target_of, with_related
from whatsit.model.export import export_graph
from whatsit.model.format import FILES, ModelFacts, Unsure, write_core
from whatsit.model.golden import golden_bytes
from whatsit.model.similar import thumbnails_bytes
from whatsit.model.tables import Shown, _csv, leaks_csv, likely_labels, predictions_csv, suspects_csv
from whatsit.text import printable, shell_quoted
from whatsit.training.calibration import in_turn
from whatsit.training.experiment import Photos
from whatsit.training.history import History
from whatsit.training.preparation import words
from whatsit.training.probe import Learned
from whatsit.training.splits import HELD_OUT, Plan, Rows
from whatsit.training.test_results import Judged

NO_ROWS: Rows = np.empty(0, np.int64)


def splits_csv(photos: Photos, plan: Plan, references: Rows = NO_ROWS) -> bytes:
    """Every file of the data set: its split, its sha256 and, where it was left out, why.

    references: rows of the photos that `similarity` is compared with, in the graph's order; `reference` is the place.
    `component`: a number, equal for photos that belong together (copies, near-copies, a group).
    """
    dataset, digests = photos.dataset, photos.all_digests
    split_of = dict(zip(photos.places.tolist(), plan.splits, strict=True))
    unit_of = dict(zip(photos.places.tolist(), photos.components.tolist(), strict=True))
    reason_of = {one.place: one.reason for one in photos.left_out}
    reference_of = {int(photos.places[row]): place for place, row in enumerate(references)}
    rows: list[Sequence[object]] = [
        (record.uri, record.label, split_of.get(i, ""), digests[i] or "", reason_of.get(i, ""), *belongs)
        for i, record in enumerate(dataset.records)
        for belongs in [(record.group or "", unit_of.get(i, ""), reference_of.get(i, ""))]
    ]
    rows += [(uri, "", "", "", printable(reason), "", "", "") for uri, reason in dataset.skipped_files]
    return _csv(("uri", "label", "split", "sha256", "left_out", "group", "component", "reference"), rows)


SOFTWARE = ("numpy", "onnx", "onnxruntime", "pillow", "scikit-learn", "scipy")


METHODS = {"scratch": "trained from scratch", "finetune": "fine-tuned"}


GOLDEN_CANDIDATES = 12  # photos; where so many have gone since, the others likely have, and each may be slow to miss


@dataclass(frozen=True)
class Work:
    """All that a training did, step by step: what there is to publish."""

    photos: Photos
    plan: Plan
    learned: Learned
    judged: Judged
    extractor: FeatureExtractor
    options: TrainOptions


def data_fingerprint(photos: Photos) -> str:
    """sha256 over the sorted hashes and labels of the photos that took part: equal for equal data."""
    classes = photos.dataset.classes
    lines = sorted(f"{d} {classes[k]}" for d, k in zip(photos.digests, photos.labels, strict=True))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _software() -> dict[str, str]:
    versions = {name: version(name) for name in SOFTWARE}
    return {"whatsit": __version__, "python": platform.python_version(), **versions}


def _metrics(judged: Judged) -> dict[str, Any]:
    e = judged.evaluation
    figures = ("accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "log_loss", "brier")
    calibration = {"ece": e.ece, "ece_by_chance": e.ece_by_chance, "mean_confidence": e.mean_confidence}
    return {"n": e.n, "units": e.units, **{name: asdict(getattr(e, name)) for name in figures}, **calibration}


def model_facts(work: Work, data: str) -> ModelFacts:
    """data: as the user named it; it is kept as the words of a command line."""
    photos, learned, extractor, options = work.photos, work.learned, work.extractor, work.options
    selected = learned.selected
    return ModelFacts(
        name=photos.dataset.name,
        labels=photos.dataset.classes,
        preprocessing=extractor.preprocessing,
        temperature=selected.temperature,
        unsure=Unsure(
            threshold=learned.threshold.value,
            similarity=learned.ood_score.limit,
            precision=options.precision,
            reached=learned.threshold.reached,
            held_out_precision=learned.threshold.precision,
            held_out_coverage=learned.threshold.coverage,
        ),
        backbone={
            "name": extractor.name,
            "precision": extractor.precision,
            "precision_reason": extractor.precision_reason,
            "dim": extractor.dim,
            "licence": extractor.licence,
            "source": extractor.source,
            "fingerprint": extractor.fingerprint,
        },
        head=learned.head,
        training={name: value for name, value in asdict(options).items() if name != "tensorboard"}
        | ({"ended": learned.history.stopped} if learned.history else {}),
        data={
            "headline": _headline(work),
            "protocol": work.plan.protocol,
            "counts": counts_of(photos, work.plan),
            "left_out": len(photos.left_out),
            "fingerprint": data_fingerprint(photos),
            "typed": shlex.split(data),
            **_depth(photos),
        },
        metrics=_metrics(work.judged),
        software=_software(),
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
    )


def _depth(photos: Photos) -> dict[str, Any]:
    """Where the range of `preprocessing` comes from; nothing where no photo is deep."""
    depth = photos.dataset.depth
    return {} if depth is None else {"deep": {"measured_on": depth.measured_on, "given": depth.given}}


def _headline(work: Work) -> str:
    return headline(
        work.judged.evaluation,
        cross_validated=work.plan.cross_validated,
        seen=work.judged.seen,
        without_leaks=work.judged.without_leaks,
    )


def counts_of(photos: Photos, plan: Plan) -> dict[str, dict[str, int]]:
    """Split → class → photos; in cross-validation all photos are one set."""
    names = ["all"] * len(plan.splits) if plan.cross_validated else plan.splits
    counted = Counter(zip(names, photos.labels.tolist(), strict=True))
    order = [name for name in ("all", "train", HELD_OUT, "valid", "test") if name in set(names)]
    classes = photos.dataset.classes
    return {name: {label: counted[name, k] for k, label in enumerate(classes)} for name in order}


def _data_figures(photos: Photos, plan: Plan, value_range: ValueRange | None) -> DataFigures:
    records = photos.dataset.records
    figures = DataFigures(
        counts=counts_of(photos, plan),
        skipped=photos.dataset.skipped,
        notes=tuple(map(printable, photos.dataset.notes)),
        left_out=tuple(LeftOut(printable(records[one.place].uri), one.reason) for one in photos.left_out),
        conflicts=photos.conflicts,
        groups=len({group for group in photos.groups if group is not None}),
        deep=_deep(photos, value_range),
    )
    return with_related(figures, photos.related, photos.records, photos.labels, photos.dataset.classes)


def _deep(photos: Photos, value_range: ValueRange | None) -> tuple[str, ...]:
    """depth is not known of stored embeddings; their range is."""
    if photos.dataset.depth is not None:
        return words(photos.dataset.depth)
    return () if value_range is None else (range_words(value_range),)


def make_report(work: Work, classifier: Classifier, folder: Path, data: str) -> Report:
    """data: as the user named it, for the commands."""
    photos, plan, learned, judged = work.photos, work.plan, work.learned, work.judged
    facts = classifier.facts
    figures = _data_figures(photos, plan, facts.preprocessing.value_range)
    p = learned.out_of_sample
    reasons = learned.verdict(np.arange(len(p))).reasons.tolist()
    shown = Shown([r.uri for r in photos.records], photos.labels, p, classifier, reasons)
    model, train = shell_quoted(folder), f"whatsit train {data}"
    likely = likely_labels(photos.labels[judged.mislabelled], p[judged.mislabelled])
    return Report(
        title=facts.name,
        created=facts.created,
        headline=facts.data["headline"],
        protocol=plan.protocol,
        evaluation=judged.evaluation,
        data=figures,
        temperature=facts.temperature,
        before_calibration_ece=judged.before_calibration_ece,
        seen=judged.seen,
        without_leaks=judged.without_leaks,
        unsure=judged.answered,
        target=target_of(facts.unsure),
        groups=judged.groups,
        mistakes=shown.gallery(judged.mistakes),
        least_sure=shown.gallery(judged.least_sure),
        mislabelled=shown.gallery(judged.mislabelled, likely),
        mislabelled_count=len(judged.mislabelled),
        facts=_how_made(facts, learned),
        next_steps=suggest(
            judged.evaluation,
            figures,
            unsure=judged.answered,
            target=target_of(facts.unsure),
            mislabelled=len(judged.mislabelled),
            seen=judged.seen,
            train=train,
        ),
        commands=(f"whatsit predict {model} PHOTO…", f"whatsit evaluate {model} OTHER_PHOTOS"),
        history=learned.history,
        location=str(folder / FILES.report),
    )


def _how_made(facts: ModelFacts, learned: Learned) -> Mapping[str, str]:
    backbone, selected = facts.backbone, learned.selected
    chosen_on = f"{len(selected.held_out_rows):,} held-out photos"
    return {
        "Backbone": f"{backbone['name']}, {backbone['precision']}, {backbone['dim']} features",
        f"Why {backbone['precision']}": str(backbone["precision_reason"]),
        "Backbone's licence": f"{backbone['licence']}. {backbone['source']}",
        "Image": f"{facts.preprocessing.dimensions} pixels, by {facts.preprocessing.fit}",
        **_learned(facts, learned.history, chosen_on),
        "Seed": str(facts.training["seed"]),
        "Data fingerprint": facts.data["fingerprint"][:16],
        "Software": ", ".join(f"{name} {number}" for name, number in facts.software.items()),
    }


def _learned(facts: ModelFacts, history: History | None, chosen_on: str) -> Mapping[str, str]:
    """Of a probe its head, of a network its epochs, and what each was chosen by."""
    values = {name: f"{v:.3g}" if isinstance(v, float) else v for name, v in facts.head.items() if name != "name"}
    details = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items())
    if history is None:
        return {"Head": f"{facts.head['name']} ({details}), chosen by log loss on {chosen_on}"}
    return {
        "Network": METHODS[facts.training["method"]],
        "Learning": f"{details}; chosen by log loss on {chosen_on}. It ended: {history.stopped}",
    }


def _beside(work: Work, classifier: Classifier) -> dict[str, bytes]:
    """The files that need photos: golden answers from a few that judged, thumbnails of those that are references."""
    photos, judge = work.photos, work.plan.judge
    records, value_range = photos.records, work.extractor.preprocessing.value_range
    candidates = judge[in_turn(photos.labels[judge])][:GOLDEN_CANDIDATES]
    beside = {FILES.golden: golden_bytes(classifier, [records[i].uri for i in candidates])}
    if work.options.thumbnails:
        references = [records[i] for i in work.plan.learn[work.learned.ood_score.reference_rows]]
        shown = [(one.uri, one.label) for one in references]
        beside[FILES.thumbnails] = thumbnails_bytes(shown, classifier.limits, value_range)
    return beside


def _suspects(work: Work) -> bytes | None:
    photos, rows = work.photos, work.judged.mislabelled
    uris = [record.uri for record in photos.records]
    p = work.learned.out_of_sample
    return suspects_csv(rows, uris, photos.labels, p, photos.dataset.classes) if len(rows) else None


def publish(work: Work, folder: Path, *, data: str, overwrite: bool) -> tuple[Classifier, Report]:
    """Writes the model folder; all of it appears at once, or nothing. Raises WhatsitError where it cannot."""
    photos, plan, learned, limits = work.photos, work.plan, work.learned, work.options.limits
    classes, selected = photos.dataset.classes, learned.selected
    graph = export_graph(work.extractor.graph, selected.head, selected.temperature, learned.ood_score, len(classes))
    facts = model_facts(work, data)
    classifier = Classifier(facts, graph, limits=limits)
    report = make_report(work, classifier, folder, data)
    uris = [photos.records[i].uri for i in plan.judge]
    similarity = learned.similarity[plan.judge]
    predictions = predictions_csv(uris, photos.labels[plan.judge], learned.judged, similarity, classes, learned.rule)
    suspects = _suspects(work)
    beside = _beside(work, classifier)
    with folder_written_atomically(folder, overwrite=overwrite) as fresh:
        (fresh / FILES.splits).write_bytes(splits_csv(photos, plan, plan.learn[learned.ood_score.reference_rows]))
        (fresh / FILES.predictions).write_bytes(predictions)
        if work.judged.seen.listed:
            (fresh / FILES.leaks).write_bytes(leaks_csv(work.judged.seen))
        if suspects:
            (fresh / FILES.suspects).write_bytes(suspects)
        (fresh / FILES.report).write_text(render_report(report), encoding="utf-8", errors="backslashreplace")
        write_core(fresh, facts, graph, beside)
    return Classifier.load(folder, device=graph_device(work.options.device), limits=limits), report


def training_figures(work: Work) -> dict[str, object]:
    """Ready for JSON. Of paths that are no text, as they are printed."""
    photos, plan, learned = work.photos, work.plan, work.learned
    records, classes = photos.dataset.records, photos.dataset.classes
    suspects, p = work.judged.mislabelled, learned.out_of_sample
    likely = likely_labels(photos.labels[suspects], p[suspects])
    return {
        "splits": {"protocol": plan.protocol, "counts": counts_of(photos, plan)},
        "left_out": [
            {"path": printable(records[one.place].uri), "reason": printable(one.reason)} for one in photos.left_out
        ],
        "related": {
            "groups": len(set(photos.groups) - {None}),
            "independent": len(np.unique(photos.components)),
            "exact_duplicates": photos.exact_duplicates,
            "near_duplicate_groups": photos.near_duplicate_groups,
        },
        "thresholds": {
            "probability": learned.threshold.value,
            "similarity": learned.ood_score.limit,
            "precision": work.options.precision,
            "reached": learned.threshold.reached,
            "held_out_precision": learned.threshold.precision,
            "held_out_coverage": learned.threshold.coverage,
        },
        "suspects": [
            {
                "path": printable(photos.records[row].uri),
                "label": classes[photos.labels[row]],
                "likely": classes[k],
                "probability_of_label": round(float(p[row, photos.labels[row]]), 6),
            }
            for row, k in zip(suspects, likely, strict=True)
        ],
    }
