"""How a photo becomes a square, and in which precision: cross-validated on the photos to learn from alone.

For each set, the splits of `whatsit train` are made once (by the first precision, squashed); its test photos are then
left alone. The photos to learn from are embedded by every fit and precision, and judged by the log loss and the
accuracy of five-fold cross-validation at the best strength, as `training/preparation.py` does on a sample of them.
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

from whatsit.config import Precision, TrainOptions
from whatsit.data.dataset import Dataset
from whatsit.data.read import read_dataset
from whatsit.embedding.source import PhotoSource
from whatsit.images.preprocessing import ResizeMode
from whatsit.training.experiment import Splits, TrainingSet, make_training_set
from whatsit.training.heads import HEAD_TYPES, TrainingData
from whatsit.training.preparation import better_resize_mode, likely_resize_mode
from whatsit.training.selection import make_folds, select_head
from whatsit.training.splits import folds_of, make_splits

PLANNED_BY: ResizeMode = "squash"
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Score:
    """Of the held-out photos of five folds."""

    log_loss: float  # nats, calibrated
    accuracy: float


@dataclass(frozen=True)
class Trial:
    """One set's photos to learn from, ready to be seen through any fit and precision."""

    dataset: Dataset
    photos: TrainingSet
    splits: Splits
    options: TrainOptions
    cache: Path

    @classmethod
    def of(cls, one: PhotoSet, data: Path, precision: Precision, cache: Path) -> "Trial":
        options = one.options(TrainOptions(precision=precision))
        dataset = read_dataset(data)
        photos = make_training_set(dataset, PhotoSource(options, cache).embed(dataset, PLANNED_BY, "embedding"))
        return cls(dataset, photos, make_splits(photos, options), options, cache)

    def learned_from(self) -> Dataset:
        records = self.photos.records
        return replace(self.dataset, records=tuple(records[i] for i in self.splits.train))

    def vectors(self, precision: Precision, resize_mode: ResizeMode) -> Vectors:
        """(learn, dim)"""
        source = PhotoSource(replace(self.options, precision=precision), self.cache)
        return source.embed(self.learned_from(), resize_mode, "embedding").vectors

    def score(self, x: Vectors) -> Score:
        rows, photos = self.splits.train, self.photos
        folds = folds_of(photos, rows, self.options.seed)
        data = TrainingData(x, photos.labels[rows], len(self.dataset.classes))
        selected = select_head(data, HEAD_TYPES[self.options.head], make_folds(folds))
        right = selected.held_out_logits.argmax(axis=1) == data.labels[selected.held_out_rows]
        return Score(min(selected.losses.values()), float(right.mean()))

    def automatic(self, precision: Precision) -> str:
        """What `--resize-mode auto` chooses, on these splits."""
        guess, undecided = likely_resize_mode(self.dataset)
        if not undecided:
            return guess
        source = PhotoSource(replace(self.options, precision=precision), self.cache)
        x = np.zeros((len(self.photos.labels), self.photos.x.shape[1]), np.float32)
        x[self.splits.train] = self.vectors(precision, guess)
        photos = replace(self.photos, x=x)
        return better_resize_mode(
            photos,
            self.splits,
            guess,
            lambda some, resize_mode: source.embed(some, resize_mode, "trying"),
            self.options,
        )


def main() -> None:
    started = time.perf_counter()
    options = parser(__doc__)
    add_set_options(options)
    options.add_argument(
        "--precisions", nargs="+", choices=get_args(Precision), default=get_args(Precision), help="precisions"
    )
    options.add_argument(
        "--resize-modes", nargs="+", choices=get_args(ResizeMode), default=get_args(ResizeMode), help="ways to a square"
    )
    given = options.parse_args()
    scores: dict[tuple[str, str, str], Score] = {}
    counts: dict[str, int] = {}
    automatic: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as scratch:
        cache = given.cache or Path(scratch) / "cache"
        for name in given.sets:
            trial = Trial.of(SETS[name], SETS[name].data(given.data, Path(scratch)), given.precisions[0], cache)
            counts[name] = len(trial.splits.train)
            for precision in given.precisions:
                for resize_mode in given.resize_modes:
                    scores[name, precision, resize_mode] = score = trial.score(trial.vectors(precision, resize_mode))
                    say(f"{name}, {precision}, {resize_mode}: {score.log_loss:.4f} {score.accuracy:.4f}")
            automatic[name] = trial.automatic(given.precisions[0])
    for what, form in (("log_loss", ".3f"), ("accuracy", ".4f")):
        print(f"\n{what.replace('_', ' ')}, cross-validated on the photos to learn from\n")
        rows = [
            [name, counts[name], automatic[name], *line(scores, name, given.precisions, given.resize_modes, what, form)]
            for name in given.sets
        ]
        means = [
            f"{mean(getattr(scores[name, precision, resize_mode], what) for name in given.sets):{form}}"
            for precision in given.precisions
            for resize_mode in given.resize_modes
        ]
        header = [f"{precision} {resize_mode}" for precision in given.precisions for resize_mode in given.resize_modes]
        print_table(["set", "photos", "auto takes", *header], [*rows, ["mean", "", "", *means]])
    finish(started)


def line(
    scores: dict[tuple[str, str, str], Score], name: str, bits: list[str], resize_modes: list[str], what: str, form: str
) -> list[str]:
    """A set's figures; of each precision, the best fit in bold."""
    cells = []
    for precision in bits:
        values = [getattr(scores[name, precision, resize_mode], what) for resize_mode in resize_modes]
        best = min(values) if what == "log_loss" else max(values)
        cells += [f"**{value:{form}}**" if value == best else f"{value:{form}}" for value in values]
    return cells


if __name__ == "__main__":
    main()
