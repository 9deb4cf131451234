"""Heads beside each other on the six sets: held-out and test accuracy, log loss and time.

Everything but the head is `whatsit train`'s default, 8 bits and squashed photos. Each head's strength is chosen on the
photos to learn from, as ever, and the test photos are then opened once.
"""

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import get_args

import numpy as np
from common import finish, parser, print_table, say
from numpy.typing import NDArray
from sets import SETS, PhotoSet, add_set_options

from whatsit.config import HeadName, TrainOptions
from whatsit.data.read import read_dataset
from whatsit.embedding.source import PhotoSource
from whatsit.training.calibration import log_loss
from whatsit.training.experiment import make_training_set
from whatsit.training.heads import HEAD_TYPES, TrainingData
from whatsit.training.selection import Fold, select_head
from whatsit.training.splits import make_splits


@dataclass(frozen=True)
class Learnable:
    """A set's embeddings, and who learns."""

    x: NDArray[np.float32]  # (learn, dim)
    labels: NDArray[np.int64]
    classes: int
    rounds: tuple[Fold, ...]
    test_x: NDArray[np.float32]
    test_labels: NDArray[np.int64]


@dataclass(frozen=True)
class Score:
    """Of one head, set and seed."""

    held_out_loss: float
    held_out_accuracy: float
    test_loss: float  # calibrated
    test_accuracy: float
    seconds: float  # of the processor
    strength: float


def learnable(one: PhotoSet, root: Path, scratch: Path, cache: Path | None, seed: int) -> Learnable:
    options = replace(one.options(TrainOptions(precision="int8")), seed=seed)
    dataset = read_dataset(one.data(root, scratch))
    source = PhotoSource(options, cache or scratch / "cache")
    photos = make_training_set(dataset, source.embed(dataset, "squash", "embedding"), options)
    splits = make_splits(photos, options)
    x, labels, learn, judge = photos.x, photos.labels, splits.train, splits.test
    return Learnable(x[learn], labels[learn], len(dataset.classes), splits.cv, x[judge], labels[judge])


def score(head: HeadName, data: Learnable, seed: int) -> Score:
    began = time.process_time()
    training_data = TrainingData(data.x, data.labels, data.classes, seed=seed)
    selected = select_head(training_data, HEAD_TYPES[head], data.rounds)
    seconds = time.process_time() - began
    held_out, truth = selected.held_out_logits, data.labels[selected.held_out_rows]
    logits = selected.head.logits(data.test_x)
    return Score(
        log_loss(held_out, truth, selected.temperature),
        float((held_out.argmax(axis=1) == truth).mean()),
        log_loss(logits, data.test_labels, selected.temperature),
        float((logits.argmax(axis=1) == data.test_labels).mean()),
        seconds,
        selected.regularization,
    )


def main() -> None:
    started = time.perf_counter()
    options = parser(__doc__)
    add_set_options(options)
    options.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of splits and draws")
    options.add_argument("--heads", nargs="+", choices=get_args(HeadName), default=["logistic", "mlp"], help="heads")
    given = options.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in given.sets:
            scores: dict[HeadName, list[Score]] = {head: [] for head in given.heads}
            for seed in given.seeds:
                data = learnable(SETS[name], given.data, Path(scratch), given.cache, seed)
                for head, so_far in scores.items():
                    so_far.append(score(head, data, seed))
                    say(f"{name}, seed {seed}, {head}: {so_far[-1]}")
            rows += [
                [
                    name,
                    len(data.labels),
                    head,
                    "/".join(f"{one.strength:.3g}" for one in these),
                    f"{mean(one.held_out_loss for one in these):.4f}",
                    f"{mean(one.held_out_accuracy for one in these):.4f}",
                    f"{mean(one.test_loss for one in these):.4f}",
                    f"{mean(one.test_accuracy for one in these):.4f}",
                    f"{mean(one.seconds for one in these):.1f}",
                ]
                for head, these in scores.items()
            ]
    header = [
        "set",
        "photos",
        "head",
        "strengths",
        "held-out log loss",
        "held-out accuracy",
        "test log loss",
        "test accuracy",
        "s",
    ]
    print_table(header, rows)
    finish(started)


if __name__ == "__main__":
    main()
