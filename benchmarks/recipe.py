"""What each part of the fine-tuning recipe is worth: with all of it, and with one part taken away or changed.

The test photos of each set are left alone. Of the others two fifths judge, and of the rest at most so many are learned
from, a seventh of them valid photos. All variants learn from the same photos and are judged by the same.
"""

import csv
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from unittest.mock import patch

import numpy as np
from common import evenly, finish, parser, print_table, say
from end_to_end import Answers, compare, read_answers
from lightning.pytorch import Callback, LightningModule, Trainer
from sets import SETS, PhotoSet, add_set_options

from whatsit.dataset import read_dataset
from whatsit.embedding.backbones import DEFAULT_BACKBONE
from whatsit.networks import probe, start
from whatsit.networks.callbacks import Record
from whatsit.networks.options import FINETUNE_LITE, NetworkOptions
from whatsit.networks.probe import COPIES
from whatsit.networks.start import SHARE
from whatsit.options import TrainOptions
from whatsit.pipeline import train
from whatsit.steps.gather import gather
from whatsit.steps.plan import folds_of, make_plan
from whatsit.steps.see import FreshSight

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
    "20 epochs": Variant(NetworkOptions(epochs=20, patience=8)),
    "norms frozen, not folded": Variant(NetworkOptions(), backbone="timm:tf_efficientnet_lite0"),
    "norms that learn": Variant(NetworkOptions(frozen_norms=False), backbone="timm:tf_efficientnet_lite0"),
}


def inner_manifest(one: PhotoSet, data: Path, scratch: Path, most: int, cache: Path) -> Path:
    """The photos to learn from, split once more: uri, label, split."""
    options = one.options(TrainOptions())
    dataset = read_dataset(data)
    photos = gather(dataset, FreshSight(options, cache).embed(dataset, "squash", "embedding"))
    learn = make_plan(photos, options).learn
    judges = folds_of(photos, learn, options.seed) < 2
    records = [photos.records[i] for i in learn]
    order = np.lexsort(([r.uri for r in records], [r.label for r in records]))
    learned = evenly([records[i].uri for i in order if not judges[i]], most)
    splits = dict.fromkeys(learned, "train") | dict.fromkeys(learned[::VALID], "valid")
    manifest = scratch / f"{one.name}-inner.csv"
    with manifest.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["uri", "label", "split"])
        for record, judge in zip(records, judges, strict=True):
            if split := "test" if judge else splits.get(record.uri):
                writer.writerow([record.uri, record.label, split])
    return manifest


@dataclass(frozen=True)
class Measured:
    answers: Answers
    log_loss: float  # nats, calibrated
    seconds: float
    epochs: int


def measured(variant: Variant, manifest: Path, folder: Path, cache: Path) -> Measured:
    network = variant.network
    options = TrainOptions(backbone=variant.backbone) if network else TrainOptions()
    if network:
        options = replace(options, method="finetune", network=network)
    began = time.perf_counter()
    with patch.object(probe, "COPIES", variant.copies), patch.object(start, "SHARE", variant.share):
        trained = train(manifest, folder, options, cache=cache, callbacks=variant.callbacks)
    taken = time.perf_counter() - began
    history = trained.report.history
    answers = read_answers(folder / "predictions.csv")
    return Measured(answers, trained.evaluation.log_loss.value, taken, len(history.epochs) - 1 if history else 0)


def accuracy_of(answers: Answers) -> float:
    return mean(answers.values())


def row(name: str, found: Sequence[Measured], base: Sequence[Measured]) -> list[str]:
    pairs = [compare(mine.answers, theirs.answers) for mine, theirs in zip(found, base, strict=True)]
    only, other = sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
    p = compare(_joined(found), _joined(base))[2]
    return [
        name,
        *(f"{accuracy_of(one.answers):.3f}" for one in found),
        f"{mean(accuracy_of(one.answers) for one in found):.4f}",
        f"{mean(one.log_loss for one in found):.4f}",
        f"{only} / {other}",
        f"{p:.3f}",
        f"{sum(one.seconds for one in found) / 60:.1f}",
    ]


def _joined(found: Sequence[Measured]) -> Answers:
    return {f"{k} {uri}": right for k, one in enumerate(found) for uri, right in one.answers.items()}


def main() -> None:
    started = time.perf_counter()
    arguments = parser(__doc__)
    add_set_options(arguments)
    arguments.add_argument("--most", type=int, default=300, help="photos to learn from, of each set")
    arguments.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="NAME")
    asked = arguments.parse_args()
    results: dict[str, list[Measured]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        cache = asked.cache or root / "cache"
        sets = {name: SETS[name] for name in asked.sets}
        manifests = {
            name: inner_manifest(one, one.data(asked.data, root), root, asked.most, cache) for name, one in sets.items()
        }
        for variant in dict.fromkeys((RECIPE, *asked.variants)):
            results[variant] = []
            for name, manifest in manifests.items():
                model = root / f"{name}-{len(results)}"
                found = measured(VARIANTS[variant], manifest, model, cache)
                results[variant].append(found)
                say(
                    f"{variant}, {name}: {accuracy_of(found.answers):.4f}, log loss {found.log_loss:.4f}, "
                    f"{found.epochs} epochs, {found.seconds:.0f} s"
                )
    header = ["", *asked.sets, "mean", "log loss", "this / the recipe alone right", "p", "minutes"]
    print_table(header, [row(name, found, results[RECIPE]) for name, found in results.items()])
    finish(started)


if __name__ == "__main__":
    main()
