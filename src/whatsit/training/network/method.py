"""Trains a network on the photos of the splits, and makes of it the same things that a probe gives.

`train_network` decodes the photos once, sets up the training task, trains, and exports the network. `fit_from_network`
embeds all photos with the exported graph, as a reader of the model folder runs it. A trained network is a feature
extractor and a linear head, so all that follows does not need to know networks.
"""

import time
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
from whatsit.training.experiment import TrainingSet, with_vectors
from whatsit.training.history import History
from whatsit.training.network.build import Built
from whatsit.training.network.resume import FIND, found_rate
from whatsit.training.probe import Fitted, similarity_of, threshold_of
from whatsit.training.selection import SelectedHead
from whatsit.training.splits import FOLDS, Splits, folds_of, with_other_embeddings
from whatsit.training.tensorboard.write import watchers

if TYPE_CHECKING:
    from lightning.pytorch import Callback

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
    from whatsit.training.network.batches import Batches, Source, decoded

    learn = splits.train
    sources = [Source(photos.records[i].uri, photos.digests[i]) for i in learn]
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


@dataclass(frozen=True)
class FittedNetwork:
    """The photos with the network's embeddings, their splits, and what was fitted on them."""

    photos: TrainingSet
    splits: Splits
    fitted: Fitted


@enough_memory()
@memory_kept()
def train_network(
    photos: TrainingSet,
    splits: Splits,
    built: Built,
    options: TrainOptions,
    *,
    cache: Path,
    work: Path,
    progress: ProgressReporter,
    stop_after: int | None = None,
    callbacks: tuple["Callback", ...] = (),
) -> TrainedNetwork:
    """cache: where decoded pixels are kept; work: the folder of this training's checkpoint; callbacks: the user's own.

    stop_after: of a training made again on all photos of `learn`, those held out too: so many epochs of the same course
    are trained, nothing is chosen, and the last weights are kept.
    """
    with progress("loading PyTorch", None):  # a matter of seconds
        from whatsit.training.network.export import Origin, feature_extractor_of, linear_head
        from whatsit.training.network.modules import temper
        from whatsit.training.network.optimizer import unfreeze
        from whatsit.training.network.trainer import fit, resumes

    built = lasting(built, splits)
    network, asked, again = built.network, options.network, stop_after is not None
    unfreeze(network, asked.unfreeze)
    network.frozen_norms = options.method == "finetune" and asked.frozen_norms
    origin = Origin(built.name, built.licence, built.source)
    if is_timm(built.name) and not resumes(work):
        with progress("trying whether it can be exported", None):
            feature_extractor_of(deepcopy(network), origin, built.preprocessing)
    everyone = decoded_photos(photos, splits, built, options, cache, progress)
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
    steering = replace(steering, callbacks=(*watchers(photos, built, rate, options, work), *callbacks))
    with progress("learning", len(task.train.rows) * (stop_after or built.recipe.epochs)) as advance:
        history = fit(network, task, steering, work, advance, start)
    with progress("writing the network", None):
        extractor = feature_extractor_of(network, origin, built.preprocessing)
    rate_found = rate if asked.learning_rate == FIND else None
    return TrainedNetwork(extractor, linear_head(network), history, steering.epochs, rate_found)


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


def fit_from_network(
    network: TrainedNetwork,
    photos: TrainingSet,
    splits: Splits,
    options: TrainOptions,
    progress: ProgressReporter,
    held_out: NDArray[np.float32] | None = None,
) -> FittedNetwork:
    """Fits temperature, threshold and out-of-distribution score; test photos are read here for the first time.

    held_out: (held out, classes) logits by an earlier fit that had not seen those photos, where this network has.
    """
    judging = embeddings_once(network.extractor, photos.dataset, options, progress, "judging")
    if held_out is None:
        photos, splits = with_other_embeddings(photos, splits, judging)
    else:  # whose rows are the held-out photos' as they were
        photos = with_vectors(photos, judging)
    return FittedNetwork(photos, splits, _fitted(photos, splits, network, options, held_out))


def _fitted(
    photos: TrainingSet,
    splits: Splits,
    network: TrainedNetwork,
    options: TrainOptions,
    held_out: NDArray[np.float32] | None,
) -> Fitted:
    head, history = network.head, network.history
    logits = head.logits(photos.x)
    learn, (split,) = splits.train, splits.cv
    facts: dict[str, object] = {"name": "linear", "epochs": history.epochs[-1].number, "best_epoch": history.best}
    if network.learning_rate is not None:
        facts["learning_rate"] = float(f"{network.learning_rate:.2g}")
    new = split.held_out if held_out is None else None  # where it was taught again, it has learned from them, too
    if held_out is None:
        held_out = logits[learn][split.held_out]
    else:
        facts["refitted"] = "on train and valid"
    labels = photos.labels[learn]
    temperature = fit_temperature(held_out, labels[split.held_out])
    selected = SelectedHead(head, 0.0, temperature, split.held_out, held_out, {})
    ood_score = fit_ood_score(photos.x[learn], labels, photos.components[learn], new)
    out_of_sample = np.full((len(photos.labels), len(photos.dataset.classes)), np.nan)
    out_of_sample[learn[split.held_out]] = softmax(held_out, temperature)
    out_of_sample[splits.test] = softmax(logits[splits.test], temperature)
    return Fitted(
        selected=selected,
        head=facts,
        threshold=threshold_of(selected, labels, options.target_precision, ood_score),
        ood_score=ood_score,
        test_probabilities=out_of_sample[splits.test],
        test_probabilities_raw=softmax(logits[splits.test]),
        out_of_sample=out_of_sample,
        similarity=similarity_of(photos, splits, ood_score),
        history=history,
    )
