"""What a method's fit takes and gives, and the course of a training epoch by epoch.

`fit(experiment, options, run) → Fitted` is the one call behind `train`, `compare` and `tune`. A `Fitted` holds the
classifier, and what it says of the held-out photos; no test photo has been looked at. `Fitted.predictions` then gives
what is said of every photo by a model that was not fitted on it, and the rule for "unsure".

The module does not know how anything is fitted: `probe.py` and `network/method.py` do.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from whatsit.config import TrainOptions
from whatsit.decide import Rule, Verdict, decide
from whatsit.embedding.backbones.extractor import FeatureExtractor
from whatsit.model.heads import Head, OutOfDistributionScore
from whatsit.progress import ProgressReporter
from whatsit.training.calibration import Threshold, choose_threshold, fit_ood_score, softmax
from whatsit.training.experiment import Experiment, Rows
from whatsit.training.selection import make_folds

if TYPE_CHECKING:
    from lightning.pytorch import Callback


INTERRUPTED = "interrupted"  # how the reason begins why a training ended that the user broke off
NO_NUMBER = "the loss was no number"  # or that diverged


@dataclass(frozen=True)
class Epoch:
    """One pass over the photos to learn from. Losses are mean cross-entropies in nats, without label smoothing."""

    number: int  # from 1; 0 is the probe that fine-tuning begins with
    train_loss: float  # of the augmented photos, as they were learned from
    train_accuracy: float
    valid_loss: float  # of the averaged weights, where weights are averaged
    valid_accuracy: float
    learning_rate: float  # of the fastest part of the network, at the end of the epoch
    seconds: float
    images_per_second: float  # learned from, without validation
    calibrated_loss: float | None = None  # the valid loss at its best temperature, which every model gets in the end

    @property
    def judged_by(self) -> float:
        """What epochs are compared by, in nats: smoothed labels alone would make a network look worse than a probe."""
        return self.valid_loss if self.calibrated_loss is None else self.calibrated_loss


@dataclass(frozen=True)
class History:
    """All epochs of a training, and which one's weights were kept."""

    epochs: tuple[Epoch, ...]  # whose losses are numbers
    best: int  # the number of the last epoch whose valid loss, calibrated, is within a standard error of the least
    stopped: str  # why it ended, in words: "all 10 epochs done", "interrupted in epoch 11 of 300"
    augmented: bool  # photos to learn from were, so train figures are those of harder photos

    @property
    def interrupted(self) -> bool:
        """Whether the user broke it off."""
        return self.stopped.startswith(INTERRUPTED)

    @property
    def diverged(self) -> bool:
        """Whether one more epoch, whose loss was no number, ended it."""
        return self.stopped == NO_NUMBER


@dataclass(frozen=True)
class Earlier:
    """A fit on train photos alone. The next fit learns from the valid photos, too, and chooses nothing by them."""

    history: History | None  # where it was fitted epoch by epoch
    held_out_logits: NDArray[np.float32]  # (valid, classes)
    learning_rate: float | None  # where it was found by a trial


@dataclass(frozen=True)
class Run:
    """How a fit is run. It changes no figure, but for `earlier`."""

    cache: Path  # the folder of embeddings and decoded pixels
    work: Path  # the folder of a network's checkpoint
    progress: ProgressReporter
    callbacks: tuple["Callback", ...] = ()  # Lightning's
    show_network: Callable[[str], None] | None = None  # hears of a network's layers
    partial: bool = False  # Ctrl-C leaves the network as it is by then; otherwise it raises KeyboardInterrupt
    earlier: Earlier | None = None


@dataclass(frozen=True)
class Fitted(ABC):
    """A classifier that was fitted on the train photos of an experiment. A method adds what is its own."""

    experiment: Experiment  # the embeddings are this extractor's, where the experiment has test photos
    options: TrainOptions  # that it was fitted with: a learning rate that was found by a trial is among them
    extractor: FeatureExtractor
    head: Head
    facts: Mapping[str, object]  # of the head, for model.json: its name, and how it was chosen
    temperature: float
    held_out_rows: Rows  # (m,) places within `splits.train`
    held_out_logits: NDArray[np.float32]  # (m, classes), of models that were not fitted on the row
    seconds: float  # that learning took

    @property
    def history(self) -> History | None:
        """Of a method that learns epoch by epoch."""
        return None

    @property
    def found_rate(self) -> float | None:
        """The learning rate, where it was found by a trial."""
        return None

    @property
    def ended(self) -> Mapping[str, str]:
        """For model.json: why it ended, where a training can end for several reasons."""
        return {}

    @abstractmethod
    def how_fitted(self, chosen_on: str, details: str) -> Mapping[str, str]:
        """For the report. chosen_on: the photos; details: the facts of the head, in words."""

    @abstractmethod
    def predictions(self, progress: ProgressReporter) -> "Predictions":
        """Of every photo by a model that was not fitted on it. Here the test photos have a part for the first time."""


@dataclass(frozen=True)
class Predictions:
    """What is said of the photos of an experiment by models that were not fitted on them."""

    fitted: Fitted
    threshold: Threshold
    ood_score: OutOfDistributionScore
    # (test, classes) calibrated probabilities
    test_probabilities: NDArray[np.float64]
    test_probabilities_raw: NDArray[np.float64]  # the same before calibration
    out_of_sample: NDArray[np.float64]  # (n, classes) of every photo; NaN where there is none
    similarity: NDArray[np.float32]  # (n,) of every photo, to references that are not of its copies or its fold

    @property
    def rule(self) -> Rule:
        """When the model is unsure."""
        return Rule(self.threshold.value, self.ood_score.limit)

    def verdict(self, rows: Rows) -> Verdict:
        """The decisions of a model that was not fitted on these photos; rows: (rows,) places in the photos' arrays."""
        return decide(self.out_of_sample[rows].max(axis=1), self.similarity[rows], self.rule)


def threshold_of(fitted: Fitted, precision: float, ood_score: OutOfDistributionScore) -> Threshold:
    """The threshold is chosen by the whole rule: no held-out photo that is out of distribution counts as answered."""
    rows = fitted.held_out_rows
    probabilities = softmax(fitted.held_out_logits, fitted.temperature)
    correct = probabilities.argmax(axis=1) == fitted.experiment.train_labels[rows]
    familiar = ood_score.train_similarity[rows] >= ood_score.limit
    return choose_threshold(probabilities.max(axis=1), correct, precision, familiar)


def similarity_of(experiment: Experiment, ood_score: OutOfDistributionScore) -> NDArray[np.float32]:
    """(n,) of every photo; of test photos by a model that was not fitted on them.

    In cross-validation that is the similarity to references among the other folds, beside the limit that those photos
    give. So many references fewer lie a little further away: both are moved to where this model's limit lies.
    """
    photos, splits = experiment.photos, experiment.splits
    similarity = np.full(len(photos.labels), np.nan, np.float32)
    similarity[splits.train] = ood_score.train_similarity
    if splits.folds is None:
        similarity[splits.test] = ood_score.similarity(photos.x[splits.test])
        return similarity
    for split in make_folds(splits.folds):
        rest = np.intersect1d(split.train, splits.train)
        others = fit_ood_score(photos.x[rest], photos.labels[rest], photos.components[rest])
        moved = ood_score.limit - others.limit
        similarity[split.held_out] = others.similarity(photos.x[split.held_out]) + moved
    return similarity
