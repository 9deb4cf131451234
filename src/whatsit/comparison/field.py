"""What all candidates have in common, found once: the photos, and who learns, who chooses and who judges."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whatsit.dataset import Dataset
from whatsit.images.preprocessing import Fit
from whatsit.options import TrainOptions
from whatsit.pipeline import see
from whatsit.steps.gather import Photos
from whatsit.steps.plan import Plan, make_plan
from whatsit.steps.see import Watch, common_sight


@dataclass(frozen=True)
class Field:
    """The plan has one round: fitted on its train photos, chosen and compared on its valid ones."""

    photos: Photos
    plan: Plan
    fit: Fit  # of the default backbone, through which copies were found
    cache: Path

    @property
    def classes(self) -> int:
        return len(self.photos.dataset.classes)

    def fit_of(self, options: TrainOptions) -> Fit:
        """How a network is to see the photos, before its own shape is known."""
        return self.fit if options.fit == "auto" else options.fit

    @property
    def valid_labels(self) -> NDArray[np.int64]:
        """(valid,)"""
        labels: NDArray[np.int64] = self.photos.labels[self._valid_rows]
        return labels

    @property
    def valid(self) -> Dataset:
        """The photos to choose and compare on, in the order of `valid_labels`."""
        return self._part(self._valid_rows)

    @property
    def learning(self) -> Dataset:
        """The photos to learn from and to choose on; those that judge are not among them."""
        return self._part(self.plan.learn)

    @property
    def _valid_rows(self) -> NDArray[np.int64]:
        (split,) = self.plan.rounds
        return self.plan.learn[split.held_out]

    def _part(self, rows: NDArray[np.int64]) -> Dataset:
        return replace(self.photos.dataset, records=tuple(self.photos.records[i] for i in rows))


def find_field(dataset: Dataset, candidates: Mapping[str, TrainOptions], cache: Path, watch: Watch) -> Field:
    """With the splits that a network needs: a probe can do with them, too.

    Raises DatasetError where a class has too few photos for one of the candidates, or no photo of a split can be used.
    """
    common = next(iter(candidates.values()))
    as_network = replace(common, method="scratch")
    photos, plan, extractor = see(dataset, common_sight(common, cache, watch), as_network, watch)
    for head in {options.head for options in candidates.values() if options.method == "probe"}:
        make_plan(photos, replace(common, method="probe", head=head))  # it knows what each head needs
    return Field(photos, plan, extractor.preprocessing.fit, cache)
