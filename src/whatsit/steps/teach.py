"""Photos and a plan → a network trained on them, and the same things that a probe gives.

Once trained, a network is a feature extractor and a linear head. So its own figures are drawn from its exported graph,
as a reader of the model folder will run it, and all that follows needs to know nothing of networks.
"""

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from whatsit.embedding.backbones import FeatureExtractor
from whatsit.embedding.embedder import Embedder
from whatsit.errors import WhatsitError
from whatsit.files import write_atomically
from whatsit.learning import Chosen, LinearHead, fit_temperature, learn_familiarity, softmax
from whatsit.learning.history import History
from whatsit.options import TrainOptions
from whatsit.steps.build import Built
from whatsit.steps.gather import Photos, with_vectors
from whatsit.steps.learn import Learned, threshold_of
from whatsit.steps.plan import Plan
from whatsit.steps.see import Watch, embeddings_of
from whatsit.steps.show import watchers

if TYPE_CHECKING:
    from whatsit.networks.fit import Steering
    from whatsit.networks.learner import Task
    from whatsit.networks.network import Network

FIND = "find"  # a learning rate that is asked for by this word is found by a trial
FOUND = "learning-rate.json"  # beside the checkpoint


@dataclass(frozen=True)
class TrainedNetwork:
    """All that is kept of a network, free of PyTorch. It has seen no photo that judges."""

    extractor: FeatureExtractor
    head: LinearHead
    history: History
    learning_rate: float | None = None  # where it was found by a trial

    def as_found(self, options: TrainOptions) -> TrainOptions:
        """The options that it was trained with, and the learning rate that was found."""
        if self.learning_rate is None:
            return options
        return replace(options, network=replace(options.network, learning_rate=self.learning_rate))


@dataclass(frozen=True)
class Taught:
    """The photos seen through the network, and what was learned."""

    photos: Photos
    learned: Learned


def teach(
    photos: Photos,
    plan: Plan,
    built: Built,
    options: TrainOptions,
    *,
    cache: Path,
    work: Path,
    watch: Watch,
    stop_after: int | None = None,
) -> TrainedNetwork:
    """cache: where decoded pixels are kept; work: the folder of this training's checkpoint.

    stop_after: of a training made again on all photos of `learn`, those held out too: so many epochs of the same course
    are trained, nothing is chosen, and the last weights are kept.
    """
    from whatsit.networks.export import Origin, feature_extractor_of, linear_head

    history, rate = _trained(photos, plan, built, options, cache, work, watch, stop_after)
    with watch("writing the network", None):
        origin = Origin(built.name, built.licence, built.source)
        extractor = feature_extractor_of(built.network, origin, built.preprocessing)
    found = rate if options.network.learning_rate == FIND else None
    return TrainedNetwork(extractor, linear_head(built.network), history, found)


def see_through(
    network: TrainedNetwork,
    photos: Photos,
    plan: Plan,
    options: TrainOptions,
    watch: Watch,
    held_out: NDArray[np.float32] | None = None,
) -> Taught:
    """What the network says of all photos; those that judge are opened here.

    held_out: (held out, classes) logits by an earlier fit that had not seen those photos, where this network has.
    """
    seen = _seen(photos, network.extractor, options, watch)
    return Taught(seen, _learned(seen, plan, network, options, held_out))


def _trained(
    photos: Photos,
    plan: Plan,
    built: Built,
    options: TrainOptions,
    cache: Path,
    work: Path,
    watch: Watch,
    stop_after: int | None,
) -> tuple[History, float]:
    """How it went, and the learning rate."""
    from whatsit.networks.batches import Batches
    from whatsit.networks.fit import Steering, fit, precision, resumes
    from whatsit.networks.learner import Task
    from whatsit.networks.optimize import Course, unfreeze
    from whatsit.networks.pixels import Source, decoded
    from whatsit.networks.probe import start_from_probe

    network, recipe, asked = built.network, built.recipe, options.network
    learn, (split,) = plan.learn, plan.rounds
    labels = photos.labels[learn]
    sources = [Source(photos.records[i].uri, photos.digests[i]) for i in learn]
    with watch("decoding", len(sources)) as advance:
        file = decoded(sources, built.preprocessing, cache, limits=options.limits, advance=advance)
    fitted = split.fit if stop_after is None else np.arange(len(learn))
    train = Batches(file, fitted, labels[fitted], asked.batch_size, shuffled=True, seed=options.seed)
    valid = Batches(file, split.held_out, labels[split.held_out], asked.batch_size, shuffled=False)
    unfreeze(network, asked.unfreeze)
    network.frozen_norms = options.method == "finetune" and asked.frozen_norms
    steps = len(train) * recipe.epochs
    course = Course(
        recipe.optimizer,
        recipe.learning_rate,
        recipe.weight_decay,
        recipe.layer_decay,
        steps,
        round(steps * recipe.warm_up),
        recipe.cosine,
    )
    classes = len(photos.dataset.classes)
    weights = tuple(_class_weights(labels[fitted], classes)) if options.balance else None
    task = Task(train, valid, course, recipe.augment, recipe.label_smoothing, weights)
    steering = Steering(
        epochs=recipe.epochs,
        patience=recipe.patience,
        averaging=recipe.averaging,
        seed=options.seed,
        stop_at_accuracy=asked.stop_at_accuracy,
        max_seconds=asked.max_seconds,
        mixed_precision=asked.mixed_precision,
        device=options.device,
        devices=asked.devices,
    )
    if stop_after is not None:
        steering = replace(
            steering, stop_after=stop_after, patience=recipe.epochs, stop_at_accuracy=None, max_seconds=None
        )
    start = None
    if options.method == "finetune" and asked.probe_first and not resumes(work):
        with watch("fitting the probe", None):
            everyone = Batches(file, np.arange(len(learn)), labels, asked.batch_size, shuffled=False)
            start = start_from_probe(
                network,
                everyone,
                split,
                balance=options.balance,
                everyone=stop_after is not None,
                device=options.device,
                precision=precision(steering),
            )
    if asked.learning_rate == FIND:
        course = replace(course, learning_rate=_found_rate(network, task, steering, work, watch))
        task = replace(task, course=course)
    steering = replace(steering, callbacks=watchers(photos, built, course.learning_rate, options, work))
    with watch("learning", len(fitted) * (recipe.epochs if stop_after is None else stop_after)) as advance:
        return fit(network, task, steering, work, advance, start), course.learning_rate


def _found_rate(network: "Network", task: "Task", steering: "Steering", work: Path, watch: Watch) -> float:
    """Found once, before the first step: a training that is resumed goes on with the same."""
    from whatsit.networks.finder import STEPS, find_learning_rate
    from whatsit.networks.fit import precision

    path = work / FOUND
    if path.exists():
        return read_rate(path)
    with watch("finding the learning rate", STEPS * task.train.size) as advance:
        found = find_learning_rate(network, task, advance, device=steering.device, precision=precision(steering))
    write_atomically(path, json.dumps({"learning_rate": found.learning_rate}).encode())
    return found.learning_rate


def read_rate(path: Path) -> float:
    """Raises WhatsitError where the file is damaged."""
    try:
        return float(json.loads(path.read_bytes())["learning_rate"])
    except (OSError, ValueError, KeyError, TypeError):
        raise WhatsitError(f"{path}: damaged. Begin the training anew: --force") from None


def _class_weights(labels: NDArray[np.int64], classes: int) -> list[float]:
    """Of each class, so that all weigh the same, and the mean over the photos is 1."""
    counts = np.bincount(labels, minlength=classes)
    return [float(w) for w in len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))]


def _seen(photos: Photos, extractor: FeatureExtractor, options: TrainOptions, watch: Watch) -> Photos:
    """Through the exported graph; the vectors are of this network alone, so they are kept nowhere."""
    with (
        tempfile.TemporaryDirectory(prefix="whatsit-") as folder,
        Embedder(extractor, Path(folder), device=options.device, limits=options.limits) as embedder,
        watch("judging", len(photos.dataset.records)) as advance,
    ):
        return with_vectors(photos, embeddings_of(embedder, photos.dataset, advance))


def _learned(
    photos: Photos, plan: Plan, network: TrainedNetwork, options: TrainOptions, held_out: NDArray[np.float32] | None
) -> Learned:
    head, history = network.head, network.history
    logits = head.logits(photos.x)
    learn, (split,) = plan.learn, plan.rounds
    facts: dict[str, object] = {"name": "linear", "epochs": len(history.epochs), "best_epoch": history.best}
    if network.learning_rate is not None:
        facts["learning_rate"] = float(f"{network.learning_rate:.2g}")
    if held_out is None:
        held_out = logits[learn][split.held_out]
    else:
        facts["refitted"] = "on train and valid"
    labels = photos.labels[learn]
    temperature = fit_temperature(held_out, labels[split.held_out])
    chosen = Chosen(head, 0.0, temperature, split.held_out, held_out, {})
    out_of_sample = np.full((len(photos.labels), len(photos.dataset.classes)), np.nan)
    out_of_sample[learn[split.held_out]] = softmax(held_out, temperature)
    out_of_sample[plan.judge] = softmax(logits[plan.judge], temperature)
    return Learned(
        chosen=chosen,
        head=facts,
        threshold=threshold_of(chosen, labels, options.precision),
        familiarity=learn_familiarity(photos.x[learn], labels, photos.components[learn]),
        judged=out_of_sample[plan.judge],
        judged_raw=softmax(logits[plan.judge]),
        out_of_sample=out_of_sample,
        history=history,
    )
