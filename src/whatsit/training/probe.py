"""Fits a probe: a head on the embeddings of a frozen backbone.

The head's regularization and temperature are chosen on held-out photos. In cross-validation the test photos are said
by heads that were chosen and fitted within the other folds.

The module does not evaluate: `test_results.py` does.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from whatsit.config import TrainOptions
from whatsit.embedding.session import graph_device
from whatsit.embedding.source import PhotoSource
from whatsit.progress import ProgressReporter
from whatsit.training.calibration import fit_ood_score, softmax
from whatsit.training.experiment import Experiment, Rows, all_vectors, with_vectors
from whatsit.training.fitted import Fitted, Predictions, Run, similarity_of, threshold_of
from whatsit.training.heads import HEAD_TYPES, TrainingData
from whatsit.training.methods import Method
from whatsit.training.preparation import better_resize_mode, likely_resize_mode
from whatsit.training.selection import SelectedHead, held_out_logits, make_folds, select_head
from whatsit.training.splits import FOLDS, costly, folds_of

HALVES = 2  # where a fit is costly; half of so many photos are enough to learn from


@dataclass(frozen=True)
class FittedProbe(Fitted):
    """A head on the embeddings of a backbone."""

    selected: SelectedHead
    data: TrainingData  # of the train photos

    def how_fitted(self, chosen_on: str, details: str) -> Mapping[str, str]:
        return {"Head": f"{self.facts['name']} ({details}), chosen by log loss on {chosen_on}"}

    def predictions(self, progress: ProgressReporter) -> Predictions:
        photos, splits = self.experiment.photos, self.experiment.splits
        with progress("training the classifier", None):
            ood_score = fit_ood_score(self.data.x, self.data.labels, photos.components[splits.train])
            test_probabilities, raw = self._test_probabilities()
            out_of_sample = np.full((len(photos.labels), self.data.classes), np.nan)
            out_of_sample[splits.train] = self._held_out_everywhere()
            out_of_sample[splits.test] = test_probabilities
        threshold = threshold_of(self, self.options.target_precision, ood_score)
        similarity = similarity_of(self.experiment, ood_score)
        return Predictions(self, threshold, ood_score, test_probabilities, raw, out_of_sample, similarity)

    def _test_probabilities(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(test, classes) each: calibrated, and before."""
        photos, splits = self.experiment.photos, self.experiment.splits
        if splits.folds is not None:
            return self._nested(splits.folds)
        logits = self.head.logits(photos.x[splits.test])
        return softmax(logits, self.temperature), softmax(logits)

    def _nested(self, folds: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Each fold evaluated by a head, regularization and temperature that were all chosen within the other folds."""
        photos, mine = self.experiment.photos, folds[self.experiment.splits.train]
        calibrated = np.empty((len(folds), self.data.classes))
        raw = np.empty_like(calibrated)
        for fold in np.unique(folds):
            rest, held_out = np.flatnonzero(mine != fold), np.flatnonzero(folds == fold)
            selected = select_head(self.data.subset(rest), HEAD_TYPES[self.options.head], make_folds(mine[rest]))
            logits = selected.head.logits(photos.x[held_out])
            calibrated[held_out], raw[held_out] = softmax(logits, selected.temperature), softmax(logits)
        return calibrated, raw

    def _held_out_everywhere(self) -> NDArray[np.float64]:
        """(train, classes): the probabilities of a head that did not see the photo.

        Of every photo learned from, but where too few are distinct to be cut into folds: there NaN.
        """
        train = self.experiment.splits.train
        count = HALVES if costly(len(train), self.data.classes) else FOLDS
        folds = make_folds(folds_of(self.experiment.photos, train, self.options.seed, count))
        rows: Rows = self.held_out_rows
        logits = self.held_out_logits
        if len(rows) < len(train) and len(folds) > 1:
            rows = np.concatenate([fold.held_out for fold in folds])
            head_type = HEAD_TYPES[self.options.head]
            logits = held_out_logits(self.data, head_type, self.selected.regularization, folds)
        out = np.full((len(train), self.data.classes), np.nan)
        out[rows] = softmax(logits, self.temperature)
        return out


def fit_probe(experiment: Experiment, options: TrainOptions, run: Run) -> FittedProbe:
    """Fits, selects and calibrates the head on `splits.train`.

    Where the experiment is shared, the photos are first embedded by the backbone of these options.
    """
    if experiment.shared:
        experiment = with_own_embeddings(experiment, options, run)
    photos, splits, head_type = experiment.photos, experiment.splits, HEAD_TYPES[options.head]
    start = time.monotonic()
    with run.progress("training the classifier", None):
        data = TrainingData(
            photos.x[splits.train],
            photos.labels[splits.train],
            len(experiment.classes),
            options.balance,
            options.seed,
        )
        selected = select_head(data, head_type, splits.cv)
    return FittedProbe(
        experiment=experiment,
        options=options,
        extractor=experiment.extractor,
        head=selected.head,
        facts={"name": options.head, head_type.parameter_name: selected.regularization},
        temperature=selected.temperature,
        held_out_rows=selected.held_out_rows,
        held_out_logits=selected.held_out_logits,
        seconds=time.monotonic() - start,
        selected=selected,
        data=data,
    )


def with_own_embeddings(experiment: Experiment, options: TrainOptions, run: Run) -> Experiment:
    """A shared experiment with the embeddings of these options' backbone.

    Where no resize mode was asked for, the photos to learn from and to choose on decide, as when a probe is trained.
    """
    learning = experiment.without_test()
    dataset = learning.photos.dataset
    source = PhotoSource(replace(options, device=graph_device(options.device)), run.cache, run.progress)
    guess = likely_resize_mode(dataset, *source.input_size(), limits=options.limits)
    mode, undecided = source.first_resize_mode(dataset, *guess)
    if undecided:
        mode = better_resize_mode(
            learning.photos, learning.splits, mode, lambda some, m: source.embed(some, m, f"trying {m}"), options
        )
    if experiment.has_test:
        embedded = source.embed(experiment.photos.dataset, mode, "embedding test photos")
        photos = with_vectors(experiment.photos, embedded)
    else:
        embedded = source.embed(dataset, mode, "embedding")
        experiment, photos = learning, replace(learning.photos, x=all_vectors(dataset, embedded))
    return replace(experiment, photos=photos, extractor=source.extractor(mode), shared=False)


METHOD = Method(fit_probe)
