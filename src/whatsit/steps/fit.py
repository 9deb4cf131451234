"""Which fit: squash or crop. It is a property of the trained model, and the better one differs by data set.

A guess by the photos' shape comes first; it is then tried against the other on a sample of the photos to learn
from, by cross-validated log loss. Photos of the input's proportions are the same either way, and cost nothing.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from whatsit.dataset import Dataset
from whatsit.errors import ImageError
from whatsit.images.limits import DEFAULT_LIMITS, Limits
from whatsit.images.load import read_size
from whatsit.images.preprocessing import Fit
from whatsit.learning import FAMILIES, Problem, choose, fold_rounds
from whatsit.options import TrainOptions
from whatsit.steps.gather import Photos
from whatsit.steps.plan import Plan, Rows, folds_of
from whatsit.steps.see import Embeddings

LOOKED_AT = 200  # photos whose headers are read
ALIKE = 1.05  # proportions of a photo over those of the input; below, cropping takes off less than 5 %
ELONGATED = 2.0  # above, a crop would lose more than half of the picture
SAMPLE = 400  # photos to learn from that both fits are tried on
GAIN = 0.03  # share of the log loss that the other fit must save


def likely_fit(
    dataset: Dataset, height: int = 1, width: int = 1, *, limits: Limits = DEFAULT_LIMITS
) -> tuple[Fit, bool]:
    """The fit that the photos' shape suggests, and whether another could make a difference.

    height, width: of the network's input, whose proportions alone matter; limits: a photo beyond them is not looked at.
    """
    step = max(1, len(dataset.records) // LOOKED_AT)
    ratios = [r for record in dataset.records[::step] if (r := _elongation(record.uri, limits, width / height))]
    if not ratios or np.quantile(ratios, 0.9) <= ALIKE:
        return "squash", False
    return ("squash" if np.median(ratios) > ELONGATED else "crop"), True


def _elongation(uri: str, limits: Limits, input_ratio: float) -> float | None:
    """How many times longer or shorter than the input, by its proportions (width over height), from 1."""
    try:
        width, height = read_size(uri, limits)
    except ImageError:
        return None
    ratio = width / height / input_ratio
    return max(ratio, 1 / ratio)


def sample_rows(photos: Photos, plan: Plan) -> Rows:
    """Up to `SAMPLE` of the photos to learn from, chosen by their hashes."""
    digests = photos.digests
    return np.sort(np.array(sorted(plan.learn, key=lambda i: digests[i])[:SAMPLE], np.int64))


def better_fit(
    photos: Photos, plan: Plan, here: Fit, embed: Callable[[Dataset, Fit], Embeddings], options: TrainOptions
) -> Fit:
    """`here`, or the other fit where that saves enough of the log loss on the sample, or has numbers for more of it."""
    other: Fit = "crop" if here == "squash" else "squash"
    rows = sample_rows(photos, plan)
    records = photos.records
    sample = replace(photos.dataset, records=tuple(records[i] for i in rows))
    seen = {fit: embed(sample, fit) for fit in (here, other)}
    counts = {fit: len(one.readable) for fit, one in seen.items()}
    if counts[here] != counts[other]:
        return max((here, other), key=lambda fit: counts[fit])
    losses = {
        fit: _loss(photos, rows[one.readable], one.vectors, options)  # a photo may have gone since
        for fit, one in seen.items()
    }
    return other if losses[other] < (1 - GAIN) * losses[here] else here


def _loss(photos: Photos, rows: Rows, x: NDArray[np.float32], options: TrainOptions) -> float:
    """Cross-validated log loss of the sample, seen through some fit's vectors x (sample, dim)."""
    folds = folds_of(photos, rows, options.seed)
    problem = Problem(x, photos.labels[rows], len(photos.dataset.classes), options.balance)
    return min(choose(problem, FAMILIES[options.head], fold_rounds(folds)).losses.values())
