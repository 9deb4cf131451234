"""Decides who learns, who chooses and who judges, before anything is learned."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whatsit.dataset import SplitOptions, assign_folds, assign_splits
from whatsit.errors import DatasetError
from whatsit.learning import Round, fold_rounds
from whatsit.options import TrainOptions
from whatsit.steps.gather import Photos

Rows = NDArray[np.int64]

FOLDS = 5  # a fifth held out each time: the usual compromise between cost and bias (Kohavi 1995)
SMALL_TEST = 100  # photos; below, an accuracy of 0.9 has an interval wider than 0.12, so all photos judge instead
MANY = 10_000  # photos to learn from; above, one held-out split chooses as well as five folds, at a fifth of the cost


@dataclass(frozen=True)
class Plan:
    """Rows are places in the photos' arrays."""

    protocol: str  # in words, for the report
    splits: tuple[str, ...]  # (n,) of each photo: train, valid, test, or fold 1 … fold 5
    learn: Rows  # the final head is fitted on these
    rounds: tuple[Round, ...]  # how its strength is chosen; rows count within `learn`
    judge: Rows  # the headline comes from these; in cross-validation all
    folds: NDArray[np.int64] | None  # (n,) the fold of each photo in cross-validation

    @property
    def cross_validated(self) -> bool:
        return self.folds is not None


def make_plan(photos: Photos, options: TrainOptions) -> Plan:
    """Raises DatasetError where a class has too few photos."""
    if photos.dataset.has_splits:
        return _as_given(photos, options)
    if options.test > 0 and len(photos.labels) * options.test < SMALL_TEST:
        return _cross_validation(photos, options)
    return _drawn(photos, options)


def _folds(photos: Photos, rows: Rows, seed: int) -> NDArray[np.int64]:
    digests = photos.digests
    return assign_folds(photos.labels[rows], [digests[i] for i in rows], photos.components[rows], FOLDS, seed)


def _fold_rounds(photos: Photos, rows: Rows, seed: int) -> tuple[Round, ...]:
    _check_components(photos, rows)
    return tuple(fold_rounds(_folds(photos, rows, seed)))


def _check_components(photos: Photos, rows: Rows) -> None:
    pairs = np.unique(np.stack([photos.labels[rows], photos.components[rows]]), axis=1)
    counts = np.bincount(pairs[0], minlength=len(photos.dataset.classes))
    if counts.min() < 2:
        name = photos.dataset.classes[int(counts.argmin())]
        raise DatasetError(
            f"class '{name}' has {counts.min()} distinct photos to learn from; at least 2 are needed "
            "(near-duplicates count once). Add photos, or remove or merge the class"
        )


def _split_rows(splits: list[str]) -> dict[str, Rows]:
    return {name: np.flatnonzero(np.array(splits) == name) for name in ("train", "valid", "test")}


def _drawn(photos: Photos, options: TrainOptions) -> Plan:
    shares = SplitOptions(options.valid, options.test, options.seed)
    names = photos.dataset.classes
    splits = list(assign_splits(photos.labels, photos.digests, photos.components, photos.groups, names, shares))
    rows = _split_rows([str(split) for split in splits])
    learn = np.sort(np.concatenate([rows["train"], rows["valid"]]))
    if len(learn) > MANY and len(rows["valid"]):
        rounds: tuple[Round, ...] = (Round(*(np.searchsorted(learn, rows[name]) for name in ("train", "valid"))),)
    else:
        rounds = _fold_rounds(photos, learn, options.seed)
    protocol = f"test split: {options.test:.0%} of the photos, drawn and set aside at the start"
    return Plan(protocol, tuple(splits), learn, rounds, rows["test"], None)


def _as_given(photos: Photos, options: TrainOptions) -> Plan:
    """Without a test split, valid judges, and choices are made within train: nobody judges what they chose."""
    splits = [record.split or "train" for record in photos.records]
    rows = _split_rows([str(split) for split in splits])
    judge_name = "test" if len(rows["test"]) else "valid"
    if judge_name == "test" and len(rows["valid"]):
        learn = np.sort(np.concatenate([rows["train"], rows["valid"]]))
        rounds: tuple[Round, ...] = (Round(*(np.searchsorted(learn, rows[name]) for name in ("train", "valid"))),)
    else:
        learn = rows["train"]
        rounds = _fold_rounds(photos, learn, options.seed)
    return Plan(f"your own {judge_name} split", tuple(splits), learn, rounds, rows[judge_name], None)


def _cross_validation(photos: Photos, options: TrainOptions) -> Plan:
    everyone = np.arange(len(photos.labels))
    _check_components(photos, everyone)
    folds = _folds(photos, everyone, options.seed)
    return Plan(
        f"{FOLDS}-fold cross-validation; a test split would have under {SMALL_TEST} photos",
        tuple(f"fold {fold + 1}" for fold in folds),
        everyone,
        tuple(fold_rounds(folds)),
        everyone,
        folds,
    )
