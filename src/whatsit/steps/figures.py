"""What a training did, in plain values for programs: splits, what was left out, groups, thresholds, suspects."""

import numpy as np

from whatsit.steps.publish import Work, counts_of
from whatsit.steps.tables import likely_labels
from whatsit.text import printable


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
            "similarity": learned.familiarity.limit,
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
