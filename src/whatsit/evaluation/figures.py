"""What an evaluation holds: plain frozen values, no computation. Nothing here is ever NaN.

Where a share is 0/0 (the precision of a class that was never predicted, the recall of a class that no test
photo shows) it is 0.0, as scikit-learn's `zero_division=0` has it; `support` and `predicted` tell the cases
apart. A figure that cannot exist (the ROC of three classes) is None.

Scores from counts: precision, recall, F1 and their means. The formulas are scikit-learn's, on arrays of
counts, so that a thousand resamples are cheap; the tests hold them against scikit-learn.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatsit.decide import Rule
from whatsit.evaluation.intervals import Counted


@dataclass(frozen=True)
class Figure:
    """A figure with its 95 % interval, in the figure's own unit."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ClassFigures:
    """One class: shares in [0, 1]; `support` photos show it, `predicted` photos were called it."""

    label: str
    precision: float
    recall: float
    recall_low: float  # its 95 % interval; (0, 1) without a photo of the class
    recall_high: float
    f1: float
    support: int
    predicted: int


@dataclass(frozen=True)
class ReliabilityBin:
    """The photos whose top probability lies in (lower, upper]: what was claimed, and what came true."""

    lower: float
    upper: float
    confidence: float  # mean top probability
    accuracy: float
    count: int
    low: float  # 95 % interval of the accuracy
    high: float


@dataclass(frozen=True)
class CoveragePoint:
    """Answering familiar photos at a top probability >= threshold: the share answered, and how often it is right."""

    coverage: float
    accuracy: float
    low: float  # 95 % interval of the accuracy
    high: float
    threshold: float


@dataclass(frozen=True)
class RocCurve:
    """The ROC curve of two classes. `positive` is the second class; rates from (0, 0) to (1, 1)."""

    positive: str
    false_positive_rate: tuple[float, ...]
    true_positive_rate: tuple[float, ...]


@dataclass(frozen=True)
class Answered:
    """What remains when photos get "unsure" instead of an answer, as `whatsit.decide` has it."""

    rule: Rule
    coverage: float  # share of the photos that get an answer
    accuracy: Figure | None  # among those; None where no photo is answered
    answered: int
    n: int
    unlike: int = 0  # photos of `n` that get none as they are unlike the training photos, whatever their probability

    @property
    def unsure(self) -> int:
        """How many photos get no answer."""
        return self.n - self.answered

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Everything about one set of predictions."""

    n: int  # photos
    units: int  # what intervals count: n, or fewer where photos belong together
    single_units: int  # those of one photo
    classes: tuple[str, ...]
    accuracy: Figure  # Wilson (1927), see `whatsit.evaluation.intervals`
    balanced_accuracy: Figure  # mean recall over the classes present in truth; this and below: bootstrap
    macro_f1: Figure  # mean F1 over the classes present in truth
    weighted_f1: Figure  # mean F1 weighted by support
    log_loss: Figure  # nats
    brier: Figure  # sum over classes of squared errors (Brier 1950), in [0, 2]
    ece: float  # top-label expected calibration error, 15 bins of equal width (Guo et al. 2017)
    ece_by_chance: float  # 95 % of perfectly calibrated classifiers would show at most this on these photos
    roc_auc: Figure | None  # two classes, both present in truth
    roc_curve: RocCurve | None
    per_class: tuple[ClassFigures, ...]  # in the order of `classes`
    confusion: NDArray[np.int64]  # (k, k): rows truth, columns prediction
    reliability: tuple[ReliabilityBin, ...]  # the bins that hold a photo
    coverage: tuple[CoveragePoint, ...]  # rising coverage, the last one answers every familiar photo
    truth_counts: tuple[int, ...]
    predicted_counts: tuple[int, ...]

    @property
    def counted(self) -> Counted:
        """What its intervals count."""
        return Counted(self.n, self.units, self.single_units)

    @property
    def mean_confidence(self) -> float:
        """The mean top probability: what was claimed, beside the accuracy that came true."""
        return sum(one.confidence * one.count for one in self.reliability) / self.n

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON. The confusion becomes `[row, column, count]` for each cell above zero."""
        plain = asdict(self)
        rows, columns = np.nonzero(self.confusion)
        counts = self.confusion[rows, columns]
        plain["confusion"] = np.stack([rows, columns, counts], axis=1).tolist()
        return plain


Floats = NDArray[np.float64]


def share(part: Floats, whole: Floats) -> Floats:
    """part / whole, elementwise; 0/0 is 0."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def precision_recall_f1(hits: Floats, support: Floats, predicted: Floats) -> tuple[Floats, Floats, Floats]:
    """Each class's scores from its (k,) counts: photos right, photos of it, photos called it."""
    return share(hits, predicted), share(hits, support), share(2 * hits, support + predicted)


def mean_scores(hits: Floats, support: Floats, predicted: Floats) -> tuple[float, float, float]:
    """Balanced accuracy, macro F1 and weighted F1 from (k,) counts.

    The first two are means over the classes present in truth: a class that no photo shows has no recall, and
    calling photos by its name already lowers the recall of theirs.
    """
    _, recall, f1 = precision_recall_f1(hits, support, predicted)
    present = support > 0
    return (
        float(recall[present].mean()),
        float(f1[present].mean()),
        float(f1 @ support / support.sum()),
    )
