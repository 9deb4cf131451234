"""Fits a network, from scratch or by fine-tuning, and makes of it the same things that a probe gives.

`train_network` decodes the photos once, sets up the training task, trains, and exports the network. `fit_network` then
embeds photos with the exported graph, as a reader of the model folder runs it. A trained network is a feature extractor
and a linear head, so all that follows does not need to know networks.
"""

import time
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from whatsit.config import TrainOptions
from whatsit.embedding.backbones.extractor import FeatureExtractor
from whatsit.embedding.backbones.names import is_timm
from whatsit.embedding.source import embeddings_once
from whatsit.machine import enough_memory, memory_kept
from whatsit.model.heads import LinearHead
from whatsit.progress import ProgressReporter
from whatsit.training.calibration import fit_ood_score, fit_temperature, softmax
from whatsit.training.experiment import (
    Experiment,
    Splits,
    TrainingSet,
    all_vectors,
    with_other_embeddings,
    with_vectors,
)
from whatsit.training.fitted import Earlier, Fitted, History, Predictions, Run, similarity_of, threshold_of
from whatsit.training.methods import Method
from whatsit.training.network.build import Built, build_for, check_networks, introduce
from whatsit.training.network.resume import FIND, found_rate, with_rate
from whatsit.training.splits import FOLDS, folds_of
from whatsit.training.tensorboard.write import watchers

if TYPE_CHECKING:
    from whatsit.training.network.batches import Batches
    from whatsit.training.network.learner import Task
    from whatsit.training.network.modules import Start
    from whatsit.training.network.optimizer import Course
    from whatsit.training.network.trainer import Steering


def lasting(built: Built, splits: Splits) -> Built:
    """Its recipe with as many epochs as so few photos need. Those held out do not count, even where they learn, too."""
    (split,) = splits.cv
    return replace(built, recipe=built.recipe.lasting(len(split.train)))


def decoded_photos(
    photos: TrainingSet, splits: Splits, built: Built, options: TrainOptions, cache: Path, progress: ProgressReporter
) -> "Batches":
    """All photos to learn from and to choose on, decoded once, in the order of `splits.train`."""
    from whatsit.training.network.batches import Batches, ListedPhoto, decoded

    learn = splits.train
    sources = [ListedPhoto(photos.records[i].uri, photos.digests[i]) for i in learn]
    with progress("decoding", len(sources)) as advance:
        file = decoded(sources, built.preprocessing, cache, limits=options.limits, advance=advance)
    rows = np.arange(len(learn))
    size = options.network.batch_size
    everyone = Batches(file, rows, photos.labels[learn], size, shuffled=False, seed=options.seed)
    everyone.mapped()
    return everyone


def task_of(everyone: "Batches", splits: Splits, built: Built, options: TrainOptions, *, again: bool) -> "Task":
    """again: all are learned from, those held out too, as nothing is to be chosen any more."""
    from whatsit.training.network.learner import Task

    (split,) = splits.cv
    fitted = everyone.rows if again else split.train
    train = replace(everyone, rows=fitted, labels=everyone.labels[fitted], shuffled=True)
    valid = replace(everyone, rows=split.held_out, labels=everyone.labels[split.held_out])
    weights = _class_weights(train.labels, built.network.classes) if options.balance else None
    recipe = built.recipe
    return Task(train, valid, _course(built, len(train)), recipe.augment, recipe.label_smoothing, weights)


def _course(built: Built, steps_an_epoch: int) -> "Course":
    from whatsit.training.network.optimizer import Course

    recipe = built.recipe
    steps = steps_an_epoch * recipe.epochs
    return Course(
        recipe.optimizer,
        recipe.learning_rate,
        recipe.weight_decay,
        recipe.layer_decay,
        steps,
        round(steps * recipe.warm_up),
        recipe.cosine,
    )


def steering_of(built: Built, options: TrainOptions, stop_after: int | None) -> "Steering":
    """stop_after: so many epochs, and nothing else ends them."""
    from whatsit.training.network.trainer import Steering

    recipe, asked = built.recipe, options.network
    chooses = stop_after is None
    return Steering(
        epochs=recipe.epochs,
        patience=recipe.patience if chooses else recipe.epochs,
        averaging=recipe.averaging,
        seed=options.seed,
        stop_at_accuracy=asked.stop_at_accuracy if chooses else None,
        max_seconds=asked.max_seconds if chooses else None,
        mixed_precision=asked.mixed_precision,
        device=options.device,
        devices=asked.devices,
        stop_after=stop_after,
        epochs_given=asked.epochs is not None,
    )


def _class_weights(labels: NDArray[np.int64], classes: int) -> tuple[float, ...]:
    """Of each class, so that all weigh the same, and the mean over the photos is 1."""
    counts = np.bincount(labels, minlength=classes)
    return tuple(float(w) for w in len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1)))


FEW = 2000  # photos to learn from; above, two folds choose the first head's penalty as well as five


@dataclass(frozen=True)
class TrainedNetwork:
    """All that is kept of a network, free of PyTorch. It has not been trained on any test photo."""

    extractor: FeatureExtractor
    head: LinearHead
    history: History
    epochs: int  # that it was to be trained for
    learning_rate: float | None = None  # where it was found by a trial


@enough_memory()
@memory_kept()
def train_network(experiment: Experiment, built: Built, options: TrainOptions, run: Run) -> TrainedNetwork:
    """Where there was an earlier fit, all photos of `splits.train` are learned from, those held out too.

    Then as many epochs of the same course are trained as were best in the earlier fit, nothing is chosen, and the last
    weights are kept.
    """
    photos, splits, work, progress = experiment.photos, experiment.splits, run.work, run.progress
    again, stop_after = run.earlier is not None, epochs_again(run.earlier)
    with progress("loading PyTorch", None):  # a matter of seconds
        from whatsit.training.network.export import Origin, feature_extractor_of, linear_head
        from whatsit.training.network.modules import temper
        from whatsit.training.network.optimizer import unfreeze
        from whatsit.training.network.trainer import fit, resumes

    built = lasting(built, splits)
    network, asked = built.network, options.network
    unfreeze(network, asked.unfreeze)
    network.frozen_norms = options.method == "finetune" and asked.frozen_norms
    origin = Origin(built.name, built.licence, built.source)
    if is_timm(built.name) and not resumes(work):
        with progress("testing the ONNX export", None):
            feature_extractor_of(deepcopy(network), origin, built.preprocessing)
    everyone = decoded_photos(photos, splits, built, options, run.cache, progress)
    task = task_of(everyone, splits, built, options, again=again)
    steering = steering_of(built, options, stop_after)
    start = None
    if options.method == "finetune" and asked.probe_first and not resumes(work):
        start = _from_probe(photos, built, everyone, splits, options, steering, progress, again=again)
        temper(network)
    if asked.learning_rate == FIND:
        found = found_rate(network, task, steering, work, progress)
        task = replace(task, course=replace(task.course, learning_rate=found))
    rate = task.course.learning_rate
    steering = replace(steering, callbacks=(*watchers(photos, built, rate, options, work), *run.callbacks))
    with progress("training the network", len(task.train.rows) * (stop_after or built.recipe.epochs)) as advance:
        history = fit(network, task, steering, work, advance, start)
    with progress("writing the network", None):
        extractor = feature_extractor_of(network, origin, built.preprocessing)
    rate_found = rate if asked.learning_rate == FIND else None
    return TrainedNetwork(extractor, linear_head(network), history, steering.epochs, rate_found)


def epochs_again(earlier: Earlier | None) -> int | None:
    """How many epochs a network is trained for where it is trained again; otherwise None."""
    if earlier is None:
        return None
    if earlier.history is None:
        raise TypeError("a network is trained again, and the earlier fit has no epochs")
    return earlier.history.best


def _from_probe(
    photos: TrainingSet,
    built: Built,
    everyone: "Batches",
    splits: Splits,
    options: TrainOptions,
    steering: "Steering",
    progress: ProgressReporter,
    *,
    again: bool,
) -> "Start":
    from whatsit.training.network.head_start import copies_of, embeddings, start_from_probe
    from whatsit.training.network.trainer import precision

    began = time.monotonic()
    n, augment = len(everyone.rows), built.recipe.augment
    copies = copies_of(n, augment)
    with progress("embedding for the probe", n * (1 + copies)) as advance:
        x = embeddings(built.network, everyone, options.device, precision(steering), augment, copies, advance)
    (split,) = splits.cv
    fitted = np.arange(len(splits.train)) if again else split.train
    count = FOLDS if len(fitted) <= FEW else 2
    folds = folds_of(photos, splits.train[fitted], options.seed, count)
    with progress("fitting the probe", None):
        return start_from_probe(
            built.network,
            x,
            everyone.labels,
            fitted,
            split.held_out,
            folds,
            balance=options.balance,
            began=began,
        )


@dataclass(frozen=True)
class FittedNetwork(Fitted):
    """A network as a feature extractor and a linear head."""

    network: TrainedNetwork
    refitted: bool  # it has learned from the held-out photos, too, and chose nothing by them

    @property
    def history(self) -> History:
        return self.network.history

    @property
    def found_rate(self) -> float | None:
        return self.network.learning_rate

    @property
    def ended(self) -> Mapping[str, str]:
        return {"ended": self.history.stopped}

    def how_fitted(self, chosen_on: str, details: str) -> Mapping[str, str]:
        return {
            "Network": IN_WORDS[self.options.method],
            "Learning": f"{details}; chosen by log loss on {chosen_on}. It ended: {self.history.stopped}",
        }

    def predictions(self, progress: ProgressReporter) -> Predictions:
        photos, splits = self.experiment.photos, self.experiment.splits
        train, held_out = splits.train, self.held_out_rows
        new = None if self.refitted else held_out
        ood_score = fit_ood_score(photos.x[train], self.experiment.train_labels, photos.components[train], new)
        logits = self.head.logits(photos.x)
        out_of_sample = np.full((len(photos.labels), len(self.experiment.classes)), np.nan)
        out_of_sample[train[held_out]] = softmax(self.held_out_logits, self.temperature)
        out_of_sample[splits.test] = softmax(logits[splits.test], self.temperature)
        return Predictions(
            self,
            threshold_of(self, self.options.target_precision, ood_score),
            ood_score,
            out_of_sample[splits.test],
            softmax(logits[splits.test]),
            out_of_sample,
            similarity_of(self.experiment, ood_score),
        )


IN_WORDS = {"scratch": "trained from scratch", "finetune": "fine-tuned"}


def fit_network(experiment: Experiment, options: TrainOptions, run: Run) -> FittedNetwork:
    """Builds a network and trains it on the photos of the one fold. Its exported graph then embeds the photos.

    Test photos, where the experiment has some, are read after the training, as they are for the first time.
    """
    earlier = run.earlier
    if earlier is not None:
        options = with_rate(options, earlier.learning_rate)
    shapes = experiment if earlier is None else experiment.without_test()  # by which the first fit was built
    mode = experiment.extractor.preprocessing.resize_mode if options.resize_mode == "auto" else options.resize_mode
    built = build_for(shapes.photos.dataset, options, mode, run.progress)
    introduce(built, run.show_network)
    network = train_network(experiment, built, options, run)
    if network.history.interrupted and not run.partial:
        raise KeyboardInterrupt
    experiment, logits = _held_out(network, experiment, options, run)
    if earlier is not None and earlier.history is not None:
        network, logits = replace(network, history=earlier.history), earlier.held_out_logits
    history = network.history
    facts: dict[str, object] = {"name": "linear", "epochs": history.epochs[-1].number, "best_epoch": history.best}
    if network.learning_rate is not None:
        facts["learning_rate"] = float(f"{network.learning_rate:.2g}")
    if earlier is not None:
        facts["refitted"] = "on train and valid"
    return FittedNetwork(
        experiment=experiment,
        options=with_rate(options, network.learning_rate),
        extractor=network.extractor,
        head=network.head,
        facts=facts,
        temperature=fit_temperature(logits, experiment.valid_labels),
        held_out_rows=experiment.fold.held_out,
        held_out_logits=logits,
        seconds=sum(epoch.seconds for epoch in history.epochs),
        network=network,
        refitted=earlier is not None,
    )


def _held_out(
    network: TrainedNetwork, experiment: Experiment, options: TrainOptions, run: Run
) -> tuple[Experiment, NDArray[np.float32]]:
    """The experiment with the network's embeddings, where it has test photos; (valid, classes) logits.

    Without test photos the valid ones alone are embedded.
    """
    if not experiment.has_test:
        valid = experiment.records_of(experiment.valid_rows)
        embedded = embeddings_once(network.extractor, valid, options, run.progress, "choosing")
        return experiment, network.head.logits(all_vectors(valid, embedded))
    photos, splits = experiment.photos, experiment.splits
    embedded = embeddings_once(network.extractor, photos.dataset, options, run.progress, "embedding test photos")
    if run.earlier is None:
        photos, splits = with_other_embeddings(photos, splits, embedded)
    else:  # its held-out logits are of the photos as they were
        photos = with_vectors(photos, embedded)
    experiment = Experiment(photos, splits, network.extractor, shared=False)
    return experiment, network.head.logits(photos.x)[experiment.valid_rows]


METHOD = Method(fit_network, network=True, check=check_networks)
