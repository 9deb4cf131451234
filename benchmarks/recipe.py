"""What each part of the fine-tuning recipe is worth: with all of it, and with one part taken away or changed.

The test photos of each set are left alone. Of the others two fifths judge, and of the rest at most so many are learned
from, a seventh of them valid photos. All variants learn from the same photos and are judged by the same. Each is taught
some times over: another seed, and another seventh. What is said of a difference rests on how it varies from one such
time to another, since chance in training changes more than one would think.
"""

import csv
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple
from unittest.mock import patch

import numpy as np
from common import evenly, finish, parser, print_table, say
from lightning.pytorch import Callback, LightningModule, Trainer
from sets import SETS, PhotoSet, add_set_options

from whatsit.api import train
from whatsit.config import DEFAULT_BACKBONE, NetworkOptions, TrainOptions
from whatsit.data.read import read_dataset
from whatsit.embedding.source import PhotoSource
from whatsit.training.experiment import make_training_set
from whatsit.training.network import head_start as probe
from whatsit.training.network import modules as start
from whatsit.training.network.architectures import FINETUNE_LITE
from whatsit.training.network.callbacks import Record
from whatsit.training.network.head_start import COPIES
from whatsit.training.network.modules import SHARE
from whatsit.training.splits import folds_of, make_splits

RECIPE = "the recipe"
VALID = 7  # one of so many
LONG = 1000  # epochs without a better one: never


class KeepLast(Callback):
    """The weights of the last epoch in place of the best one's."""

    def on_fit_start(self, trainer: Trainer, module: LightningModule) -> None:
        Record.of(trainer).chooses = False


@dataclass(frozen=True)
class Variant:
    network: NetworkOptions | None  # None: the probe alone
    callbacks: tuple[Callback, ...] = ()
    backbone: str = DEFAULT_BACKBONE
    copies: int = COPIES  # augmented ones, that the first head learns from
    share: float = SHARE  # of its logits, that fine-tuning begins with


VARIANTS = {
    "the probe alone": Variant(None),
    RECIPE: Variant(NetworkOptions()),
    "first head without copies": Variant(NetworkOptions(), copies=0),
    "first head at full length": Variant(NetworkOptions(), share=1.0),
    "head drawn at random": Variant(NetworkOptions(probe_first=False)),
    "one learning rate for all layers": Variant(NetworkOptions(layer_decay=1.0)),
    "constant learning rate": Variant(NetworkOptions(cosine=False, warm_up=0.0)),
    "no label smoothing": Variant(NetworkOptions(label_smoothing=0.0)),
    "no weight averaging": Variant(NetworkOptions(averaging=False)),
    "float32": Variant(NetworkOptions(mixed_precision=False)),
    "no early stopping, last weights": Variant(NetworkOptions(patience=LONG), (KeepLast(),)),
    "head alone": Variant(NetworkOptions(unfreeze="head")),
    "last blocks alone": Variant(NetworkOptions(unfreeze="last-blocks")),
    "a third of the learning rate": Variant(NetworkOptions(learning_rate=FINETUNE_LITE.learning_rate / 3)),
    "three times the learning rate": Variant(NetworkOptions(learning_rate=FINETUNE_LITE.learning_rate * 3)),
    "augmentation none": Variant(NetworkOptions(augment="none")),
    "augmentation strong": Variant(NetworkOptions(augment="strong")),
    "ten epochs": Variant(NetworkOptions(epochs=10)),
    "norms frozen, not folded": Variant(NetworkOptions(), backbone="timm:tf_efficientnet_lite0"),
    "norms that learn": Variant(NetworkOptions(frozen_norms=False), backbone="timm:tf_efficientnet_lite0"),
}


def inner_manifests(one: PhotoSet, data: Path, scratch: Path, most: int, times: int, cache: Path) -> list[Path]:
    """The photos to learn from, split once more, each time with other valid ones: uri, label, split."""
    options = one.options(TrainOptions())
    dataset = read_dataset(data)
    photos = make_training_set(dataset, PhotoSource(options, cache).embed(dataset, "squash", "embedding"))
    learn = make_splits(photos, options).train
    judges = folds_of(photos, learn, options.seed) < 2
    records = [photos.records[i] for i in learn]
    order = np.lexsort(([r.uri for r in records], [r.label for r in records]))
    learned = evenly([records[i].uri for i in order if not judges[i]], most)
    manifests = []
    for time_over in range(times):
        splits = dict.fromkeys(learned, "train") | dict.fromkeys(learned[time_over % VALID :: VALID], "valid")
        manifest = scratch / f"{one.name}-{time_over}.csv"
        with manifest.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(["uri", "label", "split"])
            for record, judge in zip(records, judges, strict=True):
                if split := "test" if judge else splits.get(record.uri):
                    writer.writerow([record.uri, record.label, split])
        manifests.append(manifest)
    return manifests


class Key(NamedTuple):
    variant: str
    set: str
    seed: int


class Measured(NamedTuple):
    accuracy: float
    log_loss: float  # nats, calibrated
    seconds: float


Kept = dict[Key, Measured]


def read_kept(file: Path | None) -> Kept:
    """What an earlier run measured."""
    if file is None or not file.exists():
        return {}
    with file.open(encoding="utf-8", newline="") as lines:
        rows = [(Key(variant, one, int(seed)), figures) for variant, one, seed, *figures in csv.reader(lines)]
    return {key: Measured(*map(float, figures)) for key, figures in rows}


def measured(variant: Variant, manifest: Path, side: int, seed: int, folder: Path, cache: Path) -> Measured:
    network = variant.network
    options = TrainOptions(backbone=variant.backbone, image_size=(side, side), seed=seed)
    if network:
        options = replace(options, method="finetune", network=network)
    began = time.perf_counter()
    with patch.object(probe, "COPIES", variant.copies), patch.object(start, "SHARE", variant.share):
        evaluation = train(manifest, folder, options, cache=cache, callbacks=variant.callbacks).evaluation
    return Measured(evaluation.accuracy.value, evaluation.log_loss.value, time.perf_counter() - began)


def row(name: str, results: Kept, sets: Sequence[str], seeds: range) -> list[str]:
    cells = [(results[Key(name, one, seed)], results[Key(RECIPE, one, seed)]) for one in sets for seed in seeds]
    return [
        name,
        *(f"{mean(results[Key(name, one, seed)].accuracy for seed in seeds):.3f}" for one in sets),
        *(f"{mean(results[Key(name, one, seed)].log_loss for seed in seeds):.3f}" for one in sets),
        apart([mine.accuracy - theirs.accuracy for mine, theirs in cells]),
        apart([mine.log_loss - theirs.log_loss for mine, theirs in cells]),
        f"{mean(mine.seconds / theirs.seconds for mine, theirs in cells):.2f}",
    ]


def apart(differences: Sequence[float]) -> str:
    """Their mean, and its standard error."""
    error = f" ± {stdev(differences) / len(differences) ** 0.5:.4f}" if len(differences) > 1 else ""
    return f"{mean(differences):+.4f}{error}"


def main() -> None:
    started = time.perf_counter()
    arguments = parser(__doc__)
    add_set_options(arguments)
    arguments.add_argument("--most", type=int, default=300, help="photos to learn from, of each set")
    arguments.add_argument("--image-size", type=int, default=128, help="pixels a side; 128: to have time for many")
    arguments.add_argument("--times", type=int, default=3, help="that each variant is taught")
    arguments.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="NAME")
    arguments.add_argument("--kept", type=Path, metavar="FILE", help="CSV of what was measured, to go on from")
    asked = arguments.parse_args()
    seeds, variants = range(asked.times), tuple(dict.fromkeys((RECIPE, *asked.variants)))
    results = read_kept(asked.kept)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        cache = asked.cache or root / "cache"
        manifests = {
            name: inner_manifests(SETS[name], SETS[name].data(asked.data, root), root, asked.most, asked.times, cache)
            for name in asked.sets
        }
        for key in (Key(variant, one, seed) for seed in seeds for variant in variants for one in asked.sets):
            if key in results:
                continue
            folder = root / f"model-{len(results)}"
            manifest = manifests[key.set][key.seed]
            found = measured(VARIANTS[key.variant], manifest, asked.image_size, key.seed, folder, cache)
            results[key] = found
            say(f"{key.variant}, {key.set}, {key.seed}: {found.accuracy:.4f}, log loss {found.log_loss:.4f}")
            if asked.kept:
                with asked.kept.open("a", encoding="utf-8", newline="") as out:
                    csv.writer(out).writerow((*key, *found))
    header = ["", *asked.sets, *(f"{name}: log loss" for name in asked.sets), "accuracy", "log loss", "time"]
    print_table(header, [row(name, results, asked.sets, seeds) for name in variants])
    print("\nThe last three columns: less the recipe's, with the standard error of the mean; times the recipe's.")
    finish(started)


if __name__ == "__main__":
    main()
