"""The CSV files beside a report: who was where, what was said, which photos are not new, and which labels doubtful."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatsit.decide import Rule, decide
from whatsit.evaluation.report import Seen
from whatsit.steps.gather import Photos
from whatsit.steps.plan import Plan, Rows
from whatsit.text import csv_cell, printable

NO_ROWS: Rows = np.empty(0, np.int64)


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    data = io.BytesIO()
    with io.TextIOWrapper(data, encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([csv_cell(value) if isinstance(value, str) else value for value in row] for row in rows)
        file.flush()
        return data.getvalue()


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


def leaks_csv(seen: Seen) -> bytes:
    """Every judged photo that is not new to the classifier, beside the training photo that it repeats."""
    return _csv(("path", "training_photo", "why"), [(one.path, one.training_photo, one.why) for one in seen.listed])


PREDICTIONS = ("path", "label", "predicted", "probability", "probability_of_label", "similarity", "unsure", "reason")


def predictions_csv(
    uris: Sequence[str],
    labels: NDArray[np.int64],
    probabilities: NDArray[np.floating[Any]],
    similarity: NDArray[np.floating[Any]],
    classes: Sequence[str],
    rule: Rule,
) -> bytes:
    """Every photo that the headline figure comes from, one row each: what it shows, and what was said of it.

    Columns have the names that `whatsit predict --csv` gives them; `label` is the truth.
    """
    verdict = decide(probabilities.max(axis=1), similarity, rule)
    unsure, reasons = verdict.unsure, verdict.reasons

    def rows() -> Iterator[Sequence[object]]:
        for row, (uri, truth) in enumerate(zip(uris, labels.tolist(), strict=True)):
            p = probabilities[row]
            best = int(p.argmax())
            numbers = (f"{p[best]:.6f}", f"{p[truth]:.6f}", f"{similarity[row]:.6f}")
            yield uri, classes[truth], classes[best], *numbers, bool(unsure[row]), reasons[row]

    return _csv(PREDICTIONS, rows())


SUSPECTS = ("path", "label", "likely_label", "probability_of_label", "probability_of_likely_label")


def suspects_csv(
    rows: NDArray[np.int64],
    uris: Sequence[str],
    labels: NDArray[np.int64],
    probabilities: NDArray[np.floating[Any]],
    classes: Sequence[str],
) -> bytes:
    """Photos whose label is likely wrong, the most suspicious first, as `rows` has them: places in the other arrays.

    labels (n,), probabilities (n, classes) out of sample.
    """
    given, p = labels[rows], probabilities[rows]
    found = zip(rows.tolist(), given.tolist(), likely_labels(given, p), p, strict=True)
    return _csv(SUSPECTS, [(uris[i], classes[k], classes[to], f"{q[k]:.6f}", f"{q[to]:.6f}") for i, k, to, q in found])


def likely_labels(labels: NDArray[np.int64], probabilities: NDArray[np.floating[Any]]) -> list[int]:
    """The most probable class other than the given one: (n,) labels, (n, classes) probabilities → n indices."""
    others = probabilities.copy()
    others[np.arange(len(labels)), labels] = -1
    return [int(k) for k in others.argmax(axis=1)]
