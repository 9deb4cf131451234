"""Writes the model folder of a fitted model, with its report and tables.

`splits.csv` lists every file of the data set with its split, or why it was left out. `training_figures` gives what the
training did as plain values for programs.
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
from whatsit.evaluation.report.content import TRAIN_SHARE, DataFigures, LeftOut, Report, Section
from whatsit.evaluation.report.page import render_report
from whatsit.evaluation.report.words import count, headline
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
from whatsit.training.experiment import NO_ROWS, Rows, Splits, TrainingSet
from whatsit.training.fitted import Fitted, Predictions
from whatsit.training.preparation import words
from whatsit.training.splits import HELD_OUT
from whatsit.training.test_results import TestResults


def splits_csv(photos: TrainingSet, splits: Splits, references: Rows = NO_ROWS) -> bytes:
    """Every file of the data set: its split, its sha256 and, where it was left out, why.

    references: rows of the photos that `similarity` is compared with, in the graph's order; `reference` is the place.
    `component`: a number, equal for photos that belong together (copies, near-copies, a group).
    """
    dataset, digests = photos.dataset, photos.all_digests
    split_of = dict(zip(photos.places.tolist(), splits.names, strict=True))
    unit_of = dict(zip(photos.places.tolist(), photos.components.tolist(), strict=True))
    unused = dict.fromkeys(photos.places[[not name for name in splits.names]].tolist(), UNUSED)
    reason_of = unused | {one.place: one.reason for one in photos.left_out}
    reference_of = {int(photos.places[row]): place for place, row in enumerate(references)}
    rows: list[Sequence[object]] = [
        (record.uri, record.label, split_of.get(i, ""), digests[i] or "", reason_of.get(i, ""), *belongs)
        for i, record in enumerate(dataset.records)
        for belongs in [(record.group or "", unit_of.get(i, ""), reference_of.get(i, ""))]
    ]
    rows += [(uri, "", "", "", printable(reason), "", "", "") for uri, reason in dataset.skipped_files]
    return _csv(("uri", "label", "split", "sha256", "left_out", "group", "component", "reference"), rows)


SOFTWARE = ("numpy", "onnx", "onnxruntime", "pillow", "scikit-learn", "scipy")
UNUSED = "beyond the share of training photos that was asked for"
GOLDEN_CANDIDATES = 12  # photos; where so many have gone since, the others likely have, and each may be slow to miss


@dataclass(frozen=True)
class SaveRequest:
    """All that a training gave: what `save_model` writes."""

    predictions: Predictions
    test_results: TestResults
    sections: tuple[Section, ...] = ()  # of the report, besides its own

    @property
    def fitted(self) -> Fitted:
        return self.predictions.fitted

    @property
    def photos(self) -> TrainingSet:
        return self.fitted.experiment.photos

    @property
    def splits(self) -> Splits:
        return self.fitted.experiment.splits

    @property
    def options(self) -> TrainOptions:
        return self.fitted.options

    @property
    def extractor(self) -> FeatureExtractor:
        return self.fitted.extractor


def data_fingerprint(photos: TrainingSet) -> str:
    """sha256 over the sorted hashes and labels of the photos that took part: equal for equal data."""
    classes = photos.dataset.classes
    lines = sorted(f"{d} {classes[k]}" for d, k in zip(photos.digests, photos.labels, strict=True))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _software() -> dict[str, str]:
    versions = {name: version(name) for name in SOFTWARE}
    return {"whatsit": __version__, "python": platform.python_version(), **versions}


def _metrics(test_results: TestResults) -> dict[str, Any]:
    e = test_results.evaluation
    figures = ("accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "log_loss", "brier")
    calibration = {"ece": e.ece, "ece_by_chance": e.ece_by_chance, "mean_confidence": e.mean_confidence}
    return {"n": e.n, "units": e.units, **{name: asdict(getattr(e, name)) for name in figures}, **calibration}


def model_facts(request: SaveRequest, data: str) -> ModelFacts:
    """data: as the user named it; it is kept as the words of a command line."""
    photos, fitted, extractor, options = request.photos, request.fitted, request.extractor, request.options
    threshold = request.predictions.threshold
    return ModelFacts(
        name=photos.dataset.name,
        labels=photos.dataset.classes,
        preprocessing=extractor.preprocessing,
        temperature=fitted.temperature,
        unsure=Unsure(
            threshold=threshold.value,
            similarity=request.predictions.ood_score.limit,
            precision=options.target_precision,
            reached=threshold.reached,
            held_out_precision=threshold.precision,
            held_out_coverage=threshold.coverage,
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
        head=fitted.facts,
        training={name: value for name, value in asdict(options).items() if name != "tensorboard"} | dict(fitted.ended),
        data={
            "headline": _headline(request),
            "protocol": request.splits.protocol,
            "counts": counts_of(photos, request.splits),
            "left_out": len(photos.left_out),
            "fingerprint": data_fingerprint(photos),
            "typed": shlex.split(data),
            **_depth(photos),
        },
        metrics=_metrics(request.test_results),
        software=_software(),
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
    )


def _depth(photos: TrainingSet) -> dict[str, Any]:
    """Where the range of `preprocessing` comes from; nothing where no photo is deep."""
    depth = photos.dataset.depth
    return {} if depth is None else {"deep": {"measured_on": depth.measured_on, "given": depth.given}}


def _headline(request: SaveRequest) -> str:
    return headline(
        request.test_results.evaluation,
        cross_validated=request.splits.cross_validated,
        seen=request.test_results.seen,
        without_leaks=request.test_results.without_leaks,
    )


def counts_of(photos: TrainingSet, splits: Splits) -> dict[str, dict[str, int]]:
    """Split → class → photos; in cross-validation all photos are one set."""
    names = ["all"] * len(splits.names) if splits.cross_validated else splits.names
    counted = Counter(zip(names, photos.labels.tolist(), strict=True))
    order = [name for name in ("all", "train", HELD_OUT, "valid", "test") if name in set(names)]
    classes = photos.dataset.classes
    return {name: {label: counted[name, k] for k, label in enumerate(classes)} for name in order}


def _data_figures(photos: TrainingSet, splits: Splits, value_range: ValueRange | None) -> DataFigures:
    records = photos.dataset.records
    figures = DataFigures(
        counts=counts_of(photos, splits),
        skipped=photos.dataset.skipped,
        notes=tuple(map(printable, photos.dataset.notes)),
        left_out=tuple(LeftOut(printable(records[one.place].uri), one.reason) for one in photos.left_out),
        conflicts=photos.conflicts,
        groups=len({group for group in photos.groups if group is not None}),
        deep=_deep(photos, value_range),
    )
    return with_related(figures, photos.related, photos.records, photos.labels, photos.dataset.classes)


def _deep(photos: TrainingSet, value_range: ValueRange | None) -> tuple[str, ...]:
    """depth is not known of stored embeddings; their range is."""
    if photos.dataset.depth is not None:
        return words(photos.dataset.depth)
    return () if value_range is None else (range_words(value_range),)


def make_report(request: SaveRequest, classifier: Classifier, folder: Path, data: str) -> Report:
    """data: as the user named it, for the commands."""
    photos, splits, fitted, test_results = request.photos, request.splits, request.fitted, request.test_results
    predictions = request.predictions
    facts = classifier.facts
    figures = _data_figures(photos, splits, facts.preprocessing.value_range)
    p = predictions.out_of_sample
    reasons = predictions.verdict(np.arange(len(p))).reasons.tolist()
    shown = Shown([r.uri for r in photos.records], photos.labels, p, classifier, reasons)
    model, train = shell_quoted(folder), f"whatsit train {data}"
    likely = likely_labels(photos.labels[test_results.mislabelled], p[test_results.mislabelled])
    return Report(
        title=facts.name,
        created=facts.created,
        headline=facts.data["headline"],
        protocol=splits.protocol,
        evaluation=test_results.evaluation,
        data=figures,
        temperature=facts.temperature,
        before_calibration_ece=test_results.before_calibration_ece,
        seen=test_results.seen,
        without_leaks=test_results.without_leaks,
        unsure=test_results.answered,
        target=target_of(facts.unsure),
        groups=test_results.groups,
        mistakes=shown.gallery(test_results.mistakes),
        least_sure=shown.gallery(test_results.least_sure),
        mislabelled=shown.gallery(test_results.mislabelled, likely),
        mislabelled_count=len(test_results.mislabelled),
        facts=_how_made(facts, fitted),
        next_steps=suggest(
            test_results.evaluation,
            figures,
            unsure=test_results.answered,
            target=target_of(facts.unsure),
            mislabelled=len(test_results.mislabelled),
            seen=test_results.seen,
            train=train,
        ),
        commands=(f"whatsit predict {model} PHOTO…", f"whatsit evaluate {model} OTHER_PHOTOS"),
        history=fitted.history,
        sections=request.sections,
        location=str(folder / FILES.report),
    )


def _how_made(facts: ModelFacts, fitted: Fitted) -> Mapping[str, str]:
    backbone = facts.backbone
    chosen_on = f"{len(fitted.held_out_rows):,} held-out photos"
    values = {name: f"{v:.3g}" if isinstance(v, float) else v for name, v in fitted.facts.items() if name != "name"}
    details = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items())
    return {
        "Backbone": f"{backbone['name']}, {backbone['precision']}, {backbone['dim']} features",
        f"Why {backbone['precision']}": str(backbone["precision_reason"]),
        "Backbone's licence": f"{backbone['licence']}. {backbone['source']}",
        "Image": f"{facts.preprocessing.dimensions} pixels, by {facts.preprocessing.resize_mode}",
        **_share(fitted),
        **fitted.how_fitted(chosen_on, details),
        "Seed": str(facts.training["seed"]),
        "Data fingerprint": facts.data["fingerprint"][:16],
        "Software": ", ".join(f"{name} {number}" for name, number in facts.software.items()),
    }


def _share(fitted: Fitted) -> Mapping[str, str]:
    """How much of the training photos was learned from; nothing where it is all of them."""
    splits = fitted.experiment.splits
    if not splits.available:
        return {}
    held_out = splits.cv[0].held_out if len(splits.cv) == 1 else NO_ROWS  # they are no part of the share
    used = len(splits.train) - len(held_out)
    return {TRAIN_SHARE: f"{used:,} of {count(splits.available, 'training photo')}, as was asked for"}


def _beside(request: SaveRequest, classifier: Classifier) -> dict[str, bytes]:
    """The files that need photos: golden answers of a few test photos, thumbnails of those that are references."""
    photos, test = request.photos, request.splits.test
    records, value_range = photos.records, request.extractor.preprocessing.value_range
    candidates = test[in_turn(photos.labels[test])][:GOLDEN_CANDIDATES]
    beside = {FILES.golden: golden_bytes(classifier, [records[i].uri for i in candidates])}
    if request.options.thumbnails:
        rows = request.splits.train[request.predictions.ood_score.reference_rows]
        shown = [(records[i].uri, records[i].label) for i in rows]
        beside[FILES.thumbnails] = thumbnails_bytes(shown, classifier.limits, value_range)
    return beside


def _suspects(request: SaveRequest) -> bytes | None:
    photos, rows = request.photos, request.test_results.mislabelled
    uris = [record.uri for record in photos.records]
    p = request.predictions.out_of_sample
    return suspects_csv(rows, uris, photos.labels, p, photos.dataset.classes) if len(rows) else None


def save_model(request: SaveRequest, folder: Path, *, data: str, overwrite: bool) -> tuple[Classifier, Report]:
    """Writes the model folder; all of it appears at once, or nothing. Raises WhatsitError where it cannot."""
    photos, splits, fitted, limits = request.photos, request.splits, request.fitted, request.options.limits
    predictions, classes = request.predictions, photos.dataset.classes
    ood_score = predictions.ood_score
    graph = export_graph(fitted.extractor.graph, fitted.head, fitted.temperature, ood_score, len(classes))
    facts = model_facts(request, data)
    classifier = Classifier(facts, graph, limits=limits)
    report = make_report(request, classifier, folder, data)
    uris = [photos.records[i].uri for i in splits.test]
    similarity = predictions.similarity[splits.test]
    table = predictions_csv(
        uris, photos.labels[splits.test], predictions.test_probabilities, similarity, classes, predictions.rule
    )
    suspects = _suspects(request)
    beside = _beside(request, classifier)
    with folder_written_atomically(folder, overwrite=overwrite) as fresh:
        (fresh / FILES.splits).write_bytes(splits_csv(photos, splits, splits.train[ood_score.reference_rows]))
        (fresh / FILES.predictions).write_bytes(table)
        if request.test_results.seen.listed:
            (fresh / FILES.leaks).write_bytes(leaks_csv(request.test_results.seen))
        if suspects:
            (fresh / FILES.suspects).write_bytes(suspects)
        (fresh / FILES.report).write_text(render_report(report), encoding="utf-8", errors="backslashreplace")
        write_core(fresh, facts, graph, beside)
    return Classifier.load(folder, device=graph_device(request.options.device), limits=limits), report


def training_figures(request: SaveRequest) -> dict[str, object]:
    """Ready for JSON. Of paths that are no text, as they are printed."""
    photos, splits, predictions = request.photos, request.splits, request.predictions
    records, classes = photos.dataset.records, photos.dataset.classes
    suspects, p = request.test_results.mislabelled, predictions.out_of_sample
    likely = likely_labels(photos.labels[suspects], p[suspects])
    return {
        "splits": {
            "protocol": splits.protocol,
            "counts": counts_of(photos, splits),
            "train_share": request.options.train_share,
        },
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
            "probability": predictions.threshold.value,
            "similarity": predictions.ood_score.limit,
            "precision": request.options.target_precision,
            "reached": predictions.threshold.reached,
            "held_out_precision": predictions.threshold.precision,
            "held_out_coverage": predictions.threshold.coverage,
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
