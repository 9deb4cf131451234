"""Photos and a plan that are under way → the same without the photos that another fit or network has no numbers for.

Which photos judge and which are learned from stays as it was decided: a photo that goes takes its own place along and
moves no other.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from whatsit.dataset import Dataset
from whatsit.errors import DatasetError
from whatsit.learning import Round
from whatsit.steps.gather import LeftOut, Photos, check_classes, with_vectors
from whatsit.steps.plan import Plan, Rows
from whatsit.steps.see import Embeddings


def seen_anew(photos: Photos, plan: Plan, embeddings: Embeddings) -> tuple[Photos, Plan]:
    """The photos through another backbone or fit; one without numbers is left out, named, of both.

    Raises DatasetError where a class, or the photos that judge or choose, are then gone.
    """
    lost = {int(place): reason for place in photos.places if (reason := embeddings.errors.get(int(place)))}
    if lost:
        photos, plan = _without(photos, plan, lost)
    return with_vectors(photos, embeddings), plan


def all_vectors(dataset: Dataset, embeddings: Embeddings) -> NDArray[np.float32]:
    """(n, dim), for ways that are measured on the same photos. Raises DatasetError, naming the photo that has none."""
    for place, reason in sorted(embeddings.errors.items()):
        raise DatasetError(f"{dataset.records[place].uri}: {reason}")
    return embeddings.vectors


def _without(photos: Photos, plan: Plan, lost: Mapping[int, str]) -> tuple[Photos, Plan]:
    kept = ~np.isin(photos.places, list(lost))
    left_out = [*photos.left_out, *(LeftOut(place, reason) for place, reason in lost.items())]
    fewer = replace(
        photos,
        places=photos.places[kept],
        x=photos.x[kept],
        labels=photos.labels[kept],
        related=photos.related.without(~kept),
        left_out=tuple(sorted(left_out, key=lambda one: one.place)),
    )
    check_classes(fewer)
    learned = kept[plan.learn]
    rounds = tuple(Round(_places(one.fit, learned), _places(one.held_out, learned)) for one in plan.rounds)
    rounds = tuple(one for one in rounds if len(one.fit) and len(one.held_out))
    judge = _places(plan.judge, kept)
    if not (rounds and len(judge)):
        place, reason = next(iter(lost.items()))
        what = "choose" if len(judge) else "judge"
        raise DatasetError(
            f"{photos.dataset.name}: none of the photos to {what} on can be used "
            f"(the first, {photos.dataset.records[place].uri}: {reason})"
        )
    return fewer, replace(
        plan,
        splits=tuple(split for split, good in zip(plan.splits, kept, strict=True) if good),
        learn=_places(plan.learn, kept),
        rounds=rounds,
        judge=judge,
        folds=None if plan.folds is None else plan.folds[kept],
    )


def _places(rows: Rows, kept: NDArray[np.bool_]) -> Rows:
    """Where the rows that are kept stand, once the others have gone."""
    standing: Rows = np.cumsum(kept) - 1
    return standing[rows[kept[rows]]]
