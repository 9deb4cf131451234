"""What is compared: names, as they are typed, and options. It teaches nothing.

What all candidates have in common, found once: the photos, and who learns, who chooses and who judges.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whatsit.config import TrainOptions
from whatsit.data.dataset import Dataset
from whatsit.embedding.source import default_source
from whatsit.errors import MissingExtraError, WhatsitError
from whatsit.images.preprocessing import ResizeMode
from whatsit.notices import notice
from whatsit.progress import ProgressReporter
from whatsit.text import number
from whatsit.training.experiment import TrainingSet
from whatsit.training.network.build import check_extra, check_networks
from whatsit.training.run import prepare
from whatsit.training.splits import Splits, effective_groups, make_splits
from whatsit.training.tensorboard.write import check

PROBE = TrainOptions()


CANDIDATES = {
    "probe": PROBE,
    "probe --image-size 300": replace(PROBE, image_size=(300, 300)),
    "probe --head svm": replace(PROBE, head="svm"),
    "probe --head knn": replace(PROBE, head="knn"),
    "scratch": replace(PROBE, method="scratch"),
    "finetune": replace(PROBE, method="finetune"),
}
"""Every method once, as it comes."""


# What decides which photos there are, how they look, and who learns and who chooses.
COMMON = ("valid", "test", "seed", "limits", "value_range")


def default_candidates() -> dict[str, TrainOptions]:
    """Those that can be taught here: probes alone where the extra `networks` is not installed."""
    try:
        check_extra()
    except MissingExtraError:
        return {name: options for name, options in CANDIDATES.items() if options.method == "probe"}
    return dict(CANDIDATES)


def check_candidates(candidates: Mapping[str, TrainOptions]) -> None:
    """Before long work: raises WhatsitError where there is none, or one has its own splits or cannot be taught here."""
    if not candidates:
        raise WhatsitError("nothing to compare. Give candidates, as {'probe': TrainOptions()}")
    first, common = next(iter(candidates.items()))
    for name, options in candidates.items():
        for option in COMMON:
            here, there = getattr(options, option), getattr(common, option)
            if here != there:
                raise WhatsitError(
                    f"{name}: {option} is {here}, and {there} for {first}. Candidates are compared on the same photos: "
                    "give all the same"
                )
    for options in candidates.values():
        check(options)
        if options.method != "probe":
            check_networks(options)


FEW_VALID = 100  # photos, or groups of photos that belong together, to choose on: see `few_valid`


LEAST_ALONE = 6  # photos that one alone has right, before McNemar's exact test calls it better: 2 / 2^6 is 0.03


@dataclass(frozen=True)
class Field:
    """The splits have one fold: candidates are fitted on its train photos, and compared on its valid photos."""

    photos: TrainingSet
    splits: Splits
    resize_mode: ResizeMode  # of the default backbone, through which copies were found
    cache: Path

    @property
    def classes(self) -> int:
        return len(self.photos.dataset.classes)

    def resize_mode_of(self, options: TrainOptions) -> ResizeMode:
        """How a network is to prepare the photos, before its own shape is known."""
        return self.resize_mode if options.resize_mode == "auto" else options.resize_mode

    @property
    def valid_labels(self) -> NDArray[np.int64]:
        """(valid,)"""
        labels: NDArray[np.int64] = self.photos.labels[self._valid_rows]
        return labels

    @property
    def valid_units(self) -> NDArray[np.int64]:
        """(valid,) equal where photos belong together: what intervals and tests count."""
        components: NDArray[np.int64] = self.photos.components[self._valid_rows]
        return components

    @property
    def valid(self) -> Dataset:
        """The photos to choose and compare on, in the order of `valid_labels`."""
        return self._part(self._valid_rows)

    @property
    def learning(self) -> Dataset:
        """The photos to learn from and to choose on; those that judge are not among them."""
        return self._part(self.splits.train)

    @property
    def few_valid(self) -> str:
        """What to know of valid photos so few that differences between candidates are mostly chance; else nothing."""
        rows = self._valid_rows
        groups = round(effective_groups(self.photos.components[rows]))
        if groups >= FEW_VALID:
            return ""
        what = f"Only {number(len(rows), 'valid photo')} to choose on"
        if groups < len(rows):
            what += f", worth {number(groups, 'single photo')} since they come in groups"
        gap = f"a gap under {LEAST_ALONE} ({100 * LEAST_ALONE / groups:.0f} points)"
        return f"{what}: {gap if groups >= LEAST_ALONE else 'any gap'} may be chance"

    @property
    def _valid_rows(self) -> NDArray[np.int64]:
        (split,) = self.splits.cv
        return self.splits.train[split.held_out]

    def _part(self, rows: NDArray[np.int64]) -> Dataset:
        return replace(self.photos.dataset, records=tuple(self.photos.records[i] for i in rows))


def find_field(
    dataset: Dataset, candidates: Mapping[str, TrainOptions], cache: Path, progress: ProgressReporter
) -> Field:
    """With the splits that a network needs: a probe can do with them, too.

    Raises DatasetError where a class has too few photos for one of the candidates, or no photo of a split can be used.
    """
    common = next(iter(candidates.values()))
    as_network = replace(common, method="scratch")
    photos, splits, extractor = prepare(dataset, default_source(common, cache, progress), as_network, progress)
    for head in {options.head for options in candidates.values() if options.method == "probe"}:
        make_splits(photos, replace(common, method="probe", head=head))  # it knows what each head needs
    field = Field(photos, splits, extractor.preprocessing.resize_mode, cache)
    if few := field.few_valid:
        notice(few)
    return field
