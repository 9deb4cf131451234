"""Photos and a plan → a network trained on them, and the same things that a probe gives.

Once trained, a network is a feature extractor and a linear head. So its own figures are drawn from its exported graph,
as a reader of the model folder will run it, and all that follows needs to know nothing of networks.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whatsit.embedding.backbones import FeatureExtractor
from whatsit.embedding.embedder import Embedder
from whatsit.learning import Chosen, LinearHead, fit_temperature, learn_familiarity, softmax
from whatsit.learning.history import History
from whatsit.options import TrainOptions
from whatsit.steps.build import Built
from whatsit.steps.gather import Photos, with_vectors
from whatsit.steps.learn import Learned, threshold_of
from whatsit.steps.plan import Plan
from whatsit.steps.see import Watch, embeddings_of


@dataclass(frozen=True)
class Taught:
    """The photos seen through the network, the network as a feature extractor, and what was learned."""

    photos: Photos
    extractor: FeatureExtractor
    learned: Learned


def teach(
    photos: Photos, plan: Plan, built: Built, options: TrainOptions, *, cache: Path, work: Path, watch: Watch
) -> Taught:
    """cache: where decoded pixels are kept; work: the folder of this training's checkpoint."""
    from whatsit.networks.export import Origin, feature_extractor_of, linear_head

    history = _trained(photos, plan, built, options, cache, work, watch)
    with watch("writing the network", None):
        origin = Origin(built.name, built.licence, built.source)
        extractor = feature_extractor_of(built.network, origin, built.preprocessing)
    seen = _seen(photos, extractor, options, watch)
    learned = _learned(seen, plan, linear_head(built.network), history, options)
    return Taught(seen, extractor, learned)


def _trained(
    photos: Photos, plan: Plan, built: Built, options: TrainOptions, cache: Path, work: Path, watch: Watch
) -> History:
    from whatsit.networks.batches import Batches
    from whatsit.networks.fit import Steering, fit, resumes
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
    train = Batches(file, split.fit, labels[split.fit], asked.batch_size, shuffled=True, seed=options.seed)
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
    weights = tuple(_class_weights(labels[split.fit], classes)) if options.balance else None
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
    start = None
    if options.method == "finetune" and asked.probe_first and not resumes(work):
        with watch("fitting the probe", None):
            everyone = Batches(file, np.arange(len(learn)), labels, asked.batch_size, shuffled=False)
            start = start_from_probe(network, everyone, split, balance=options.balance)
    with watch("learning", len(split.fit) * recipe.epochs) as advance:
        return fit(network, task, steering, work, advance, start)


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


def _learned(photos: Photos, plan: Plan, head: LinearHead, history: History, options: TrainOptions) -> Learned:
    logits = head.logits(photos.x)
    learn, (split,) = plan.learn, plan.rounds
    held_out = logits[learn][split.held_out]
    labels = photos.labels[learn]
    temperature = fit_temperature(held_out, labels[split.held_out])
    chosen = Chosen(head, 0.0, temperature, split.held_out, held_out, {})
    out_of_sample = np.full((len(photos.labels), len(photos.dataset.classes)), np.nan)
    out_of_sample[learn[split.held_out]] = softmax(held_out, temperature)
    out_of_sample[plan.judge] = softmax(logits[plan.judge], temperature)
    return Learned(
        chosen=chosen,
        head={"name": "linear", "epochs": len(history.epochs), "best_epoch": history.best},
        threshold=threshold_of(chosen, labels, options.precision),
        familiarity=learn_familiarity(photos.x[learn], labels, photos.components[learn]),
        judged=out_of_sample[plan.judge],
        judged_raw=softmax(logits[plan.judge]),
        out_of_sample=out_of_sample,
        history=history,
    )
