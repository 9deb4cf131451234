"""splits.csv: every file of the data set with its split, or why it was left out."""

from collections.abc import Sequence

import numpy as np

from whatsit.steps.gallery import _csv
from whatsit.steps.gather import Photos
from whatsit.steps.plan import Plan, Rows
from whatsit.text import printable

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
