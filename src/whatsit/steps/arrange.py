"""Photos, a plan and options → what a network's training is told: decoded photos, the task, and how it is steered."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from whatsit.options import TrainOptions
from whatsit.steps.build import Built
from whatsit.steps.gather import Photos
from whatsit.steps.plan import Plan
from whatsit.steps.see import Watch

if TYPE_CHECKING:
    from whatsit.networks.batches import Batches
    from whatsit.networks.fit import Steering
    from whatsit.networks.learner import Task
    from whatsit.networks.optimize import Course


def lasting(built: Built, plan: Plan) -> Built:
    """Its recipe with as many epochs as so few photos need. Those held out do not count, even where they learn, too."""
    (split,) = plan.rounds
    return replace(built, recipe=built.recipe.lasting(len(split.fit)))


def decoded_photos(
    photos: Photos, plan: Plan, built: Built, options: TrainOptions, cache: Path, watch: Watch
) -> "Batches":
    """All photos to learn from and to choose on, decoded once, in the plan's order."""
    from whatsit.networks.batches import Batches
    from whatsit.networks.pixels import Source, decoded

    learn = plan.learn
    sources = [Source(photos.records[i].uri, photos.digests[i]) for i in learn]
    with watch("decoding", len(sources)) as advance:
        file = decoded(sources, built.preprocessing, cache, limits=options.limits, advance=advance)
    rows = np.arange(len(learn))
    size = options.network.batch_size
    everyone = Batches(file, rows, photos.labels[learn], size, shuffled=False, seed=options.seed)
    everyone.mapped()
    return everyone


def task_of(everyone: "Batches", plan: Plan, built: Built, options: TrainOptions, *, again: bool) -> "Task":
    """again: all are learned from, those held out too, as nothing is to be chosen any more."""
    from whatsit.networks.learner import Task

    (split,) = plan.rounds
    fitted = everyone.rows if again else split.fit
    train = replace(everyone, rows=fitted, labels=everyone.labels[fitted], shuffled=True)
    valid = replace(everyone, rows=split.held_out, labels=everyone.labels[split.held_out])
    weights = _class_weights(train.labels, built.network.classes) if options.balance else None
    recipe = built.recipe
    return Task(train, valid, _course(built, len(train)), recipe.augment, recipe.label_smoothing, weights)


def _course(built: Built, steps_an_epoch: int) -> "Course":
    from whatsit.networks.optimize import Course

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
    from whatsit.networks.fit import Steering

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
