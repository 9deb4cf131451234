"""Photos of something else entirely: how many does a model refuse, by similarity and by its top probability?

Each set's model, trained with the default options, is shown photos of its own that it did not learn from, and
photos of every other set. At the threshold that keeps 95 % of its own: the share of foreign ones refused (1 - FPR95).
"""

import csv
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import numpy as np
from common import evenly, finish, parser, print_table, say
from numpy.typing import NDArray
from sets import SETS, add_set_options

from whatsit.api import train
from whatsit.config import TrainOptions
from whatsit.data.read import read_dataset
from whatsit.decide import decide
from whatsit.evaluation.ranking import auroc, fpr_at_95_tpr
from whatsit.model.classifier import Classifier
from whatsit.model.format import FILES

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Seen:
    """What a model says of some photos: (n,) each, higher is more familiar."""

    similarity: Scores
    probability: Scores
    answered: NDArray[np.bool_]  # not "unsure" by the model's own limits


@dataclass(frozen=True)
class Compared:
    """One model on its own photos and another set's."""

    refused: tuple[float, float]  # at 95 % kept: by similarity, by top probability
    area: tuple[float, float]  # AUROC, likewise
    as_shipped: float  # share that gets "unsure"


def look(classifier: Classifier, photos: Sequence[str]) -> Seen:
    answers = [one for one in classifier.classify(photos) if one.error is None]
    similarity = np.array([one.similarity for one in answers])
    top = np.array([one.probabilities.max() for one in answers])
    return Seen(similarity, top, ~decide(top, similarity, classifier.facts.unsure).unsure)


def compare(own: Seen, foreign: Seen) -> Compared:
    pairs = ((own.similarity, foreign.similarity), (own.probability, foreign.probability))
    refused = (1 - fpr_at_95_tpr(*pairs[0]), 1 - fpr_at_95_tpr(*pairs[1]))
    return Compared(refused, (auroc(*pairs[0]), auroc(*pairs[1])), float(1 - foreign.answered.mean()))


def judged(model: Path) -> list[str]:
    """The photos that the model's figures come from."""
    with (model / FILES.predictions).open(encoding="utf-8", newline="") as file:
        return [row["path"] for row in csv.DictReader(file)]


def main() -> None:
    started = time.perf_counter()
    options = parser(__doc__)
    add_set_options(options)
    options.add_argument("--photos", type=int, default=300, help="of each set, at most")
    given = options.parse_args()
    rows: list[list[object]] = []
    every: list[Compared] = []
    with tempfile.TemporaryDirectory() as scratch:
        data = {name: SETS[name].data(given.data, Path(scratch)) for name in given.sets}
        photos = {name: evenly([r.uri for r in read_dataset(data[name]).records], given.photos) for name in data}
        for name in given.sets:
            folder = Path(scratch) / f"{name}-model"
            chosen = SETS[name].options(TrainOptions())
            classifier = train(data[name], folder, chosen, cache=given.cache or Path(scratch) / "cache").classifier
            own = look(classifier, evenly(judged(folder), given.photos))
            for other in (one for one in given.sets if one != name):
                every.append(compare(own, look(classifier, photos[other])))
                rows.append([name, len(own.answered), other, *cells(every[-1]), f"{1 - own.answered.mean():.3f}"])
                say(f"{name} shown {other}: {every[-1].refused[0]:.3f}, {every[-1].refused[1]:.3f}")
    header = ["model of", "own photos", "shown", "refused by similarity", "by probability", "AUROC by similarity"]
    shipped = ["by probability", "foreign 'unsure' as shipped", "own 'unsure' as shipped"]
    print_table([*header, *shipped], rows)
    print("\nRefused: share of foreign photos, at the threshold that keeps 95 % of the model's own (1 - FPR95).")
    for place, name in enumerate(("similarity", "top probability")):
        refused, area = mean(one.refused[place] for one in every), mean(one.area[place] for one in every)
        worst = min(one.refused[place] for one in every)
        print(f"By {name}: {refused:.3f} refused on average, {worst:.3f} at worst; AUROC {area:.3f}.")
    finish(started)


def cells(one: Compared) -> list[str]:
    return [f"{value:.3f}" for value in (*one.refused, *one.area, one.as_shipped)]


if __name__ == "__main__":
    main()
