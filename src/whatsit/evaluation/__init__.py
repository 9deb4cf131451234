"""Predictions and labels → figures one can trust: metrics with intervals, calibration, wrong labels.

    evaluate(truth, probabilities, classes)   everything about one set of predictions, as an `Evaluation`
    selective(truth, probabilities, rule)     how often it answers by the rule of "unsure", and how often rightly
    likely_mislabelled(truth, probabilities)  the photos to look at again
    by_group(groups, right)                   the accuracy of each group, the worst first
    auroc, fpr_at_95_tpr                      how well a score tells foreign photos from known ones

The HTML report and the terminal summary live in `whatsit.evaluation.report`. This room trains nothing, reads
no file and prints nothing; it knows neither images nor models.
"""

from whatsit.evaluation.calibration import expected_calibration_error
from whatsit.evaluation.coverage import selective
from whatsit.evaluation.evaluate import evaluate
from whatsit.evaluation.figures import (
    Answered,
    ClassFigures,
    CoveragePoint,
    Evaluation,
    Figure,
    ReliabilityBin,
    RocCurve,
)
from whatsit.evaluation.groups import GroupFigures, by_group
from whatsit.evaluation.intervals import wilson
from whatsit.evaluation.mislabelled import likely_mislabelled
from whatsit.evaluation.ranking import auroc, fpr_at_95_tpr

__all__ = [
    "Answered",
    "ClassFigures",
    "CoveragePoint",
    "Evaluation",
    "Figure",
    "GroupFigures",
    "ReliabilityBin",
    "RocCurve",
    "auroc",
    "by_group",
    "evaluate",
    "expected_calibration_error",
    "fpr_at_95_tpr",
    "likely_mislabelled",
    "selective",
    "wilson",
]
