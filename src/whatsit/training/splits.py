"""Divides a training set into train, test and cross-validation folds, before anything is fitted.

The splits stay as they were decided. The module does not read images, and it fits nothing.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from whatsit.config import TrainOptions
from whatsit.data.components import distinct_by_class
from whatsit.data.split import COUNT_ONCE, SplitOptions, assign_folds, assign_splits, draw_share
from whatsit.errors import DatasetError
from whatsit.text import number, printable
from whatsit.training.experiment import Rows, Splits, TrainingSet
from whatsit.training.selection import Fold, make_folds

FOLDS = 5  # a fifth held out each time: the usual compromise between cost and bias (Kohavi 1995)
LEAST_OF_CLASS = {"logistic": 2, "mlp": 2, "svm": 3, "knn": 2}  # an svm needs two classes in every part of a part
LEAST = 3  # distinct photos or groups: one to test on, one to choose on and one to fit on
HELD_OUT = "held-out"  # drawn from train, where valid is the test set


# photos; below, an accuracy of 0.9 has an interval wider than 0.12, so all photos are tested by cross-validation
SMALL_TEST = 100


# groups in a test split; fewer give no useful interval, so all photos are tested by cross-validation
FEW_GROUPS = 5
MANY = 10_000  # photos to learn from; above, one held-out split chooses as well as five folds, at a fifth of the cost
MANY_LOGITS = 500_000  # photos × classes; above, five folds take minutes


def shares(options: TrainOptions) -> SplitOptions:
    """Raises DatasetError where they are no shares, or leave nothing to learn from."""
    return SplitOptions(options.valid, options.test, options.seed)


def make_splits(photos: TrainingSet, options: TrainOptions, *, one_fold: bool = False) -> Splits:
    """Raises DatasetError where a class has too few photos, or no photo of a split can be used.

    one_fold: as a network and a comparison need it: one valid split, which is held out, and never cross-validation.
    """
    try:
        return _one_fold(photos, options) if one_fold else _choose_splits(photos, options)
    except DatasetError as error:
        raise DatasetError(too_few_message(str(error), photos)) from error


def unused_shares(photos: TrainingSet, splits: Splits, options: TrainOptions) -> str:
    """Which shares were asked for and are not used, in words, since the photos are split already; else empty."""
    default = TrainOptions()
    if not photos.dataset.has_splits and given_folds(photos) is None:
        return ""
    asked = [f"--test {options.test:g}"] if options.test != default.test else []
    if options.valid != default.valid and HELD_OUT not in splits.names:
        asked.append(f"--valid {options.valid:g}")
    are = "is" if len(asked) == 1 else "are"
    return f"{' and '.join(asked)} {are} not used: these photos are split already" if asked else ""


def _of_few_groups(message: str, photos: TrainingSet, label: str | None) -> str:
    """The message with advice that helps where all photos of the class are in a few groups, which are never split."""
    groups = {record.group for record in photos.records if record.label == label}
    before, advice, rest = message.partition(COUNT_ONCE)
    if not advice or None in groups or f" {number(len(groups), 'distinct photo')}" not in before:
        return message
    return (
        f"{before}(all its photos are in {number(len(groups), 'group')}, and a group is never split)"
        f"{rest.replace('Add photos,', 'Add photos of other groups,')}"
    )


def too_few_message(message: str, photos: TrainingSet) -> str:
    """The message, which asks for more photos, with what is true where there were enough but they could not be used."""
    named = next((label for label in photos.dataset.classes if f"'{label}'" in message), None)
    mine = [named in (None, record.label) for record in photos.dataset.records]
    lost = [one for one in photos.left_out if mine[one.place]]
    if 2 * len(lost) < sum(mine):
        return _of_few_groups(message, photos, named)
    first = photos.dataset.records[lost[0].place].uri
    return (
        f"{message.partition(' Add ')[0]} Of {number(sum(mine), 'photo')}{f' of {named!r}' if named else ''}, "
        f"{len(lost):,} could not be used (the first, {printable(first)}: {lost[0].reason}): mend these first"
    )


def _choose_splits(photos: TrainingSet, options: TrainOptions) -> Splits:
    if photos.dataset.has_splits:
        return _as_given(photos, options)
    if why := _own_folds(photos) or _too_small(photos, options):
        return _cross_validation(photos, options, why)
    return _drawn(photos, options)


def _own_folds(photos: TrainingSet) -> str:
    """What became of folds that the user gave, as it follows "cross-validation"; empty where there are none."""
    if all(record.fold is None for record in photos.records):
        return ""
    whole = given_folds(photos) is not None
    return "; the folds are your own" if whole else "; your own folds cut copies or groups apart"


def _too_small(photos: TrainingSet, options: TrainOptions) -> str:
    """Why a test split would be too small, as it follows "cross-validation"; empty where it would."""
    if not options.test:
        return "; no test split was asked for"
    if len(photos.labels) * options.test < SMALL_TEST:
        return f"; a test split would have under {SMALL_TEST} photos"
    if effective_groups(photos.components) * options.test < FEW_GROUPS:
        return ", too few for a test split" if any(photos.groups) else "; too many near-copies for a test split"
    return ""


def effective_groups(components: NDArray[np.int64]) -> float:
    """How many groups of equal size tell as much as these: n photos² / sum of squared sizes (Kish 1965, section 8.2).

    components: (n,) equal for photos that belong together; n >= 1. A photo that belongs to no other is a group.
    """
    sizes = np.unique(components, return_counts=True)[1].astype(np.float64)
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def group_counts(photos: TrainingSet, rows: Rows) -> tuple[int, int]:
    """How many of the user's groups have a photo among `rows`, and how many there are; none: (0, 0)."""
    groups = photos.groups
    return len({groups[i] for i in rows} - {None}), len(set(groups) - {None})


def folds_of(photos: TrainingSet, rows: Rows, seed: int, folds: int = FOLDS) -> NDArray[np.int64]:
    """(rows,) the fold of each: stratified, components whole."""
    digests = photos.digests
    return assign_folds(photos.labels[rows], [digests[i] for i in rows], photos.components[rows], folds, seed)


def _cv_folds(photos: TrainingSet, rows: Rows, options: TrainOptions) -> tuple[Fold, ...]:
    _check_components(photos, rows, options)
    return tuple(make_folds(folds_of(photos, rows, options.seed)))


def _check_components(photos: TrainingSet, rows: Rows, options: TrainOptions) -> None:
    least = LEAST_OF_CLASS[options.head]
    counts = distinct_by_class(photos.labels[rows], photos.components[rows], len(photos.dataset.classes))
    if counts.min() < least:
        name = photos.dataset.classes[int(counts.argmin())]
        raise DatasetError(
            f"class '{name}' has {number(int(counts.min()), 'distinct photo')} to learn from; at least {least} "
            f"are needed {COUNT_ONCE}. Add photos, or remove or merge the class"
        )
    if (distinct := len(np.unique(photos.components[rows]))) < LEAST:
        raise DatasetError(
            f"{photos.dataset.name}: {distinct} distinct photos or groups to learn from; at least {LEAST} are needed "
            "to hold some out. Add photos, or make the groups smaller"
        )


def costly(photos: int, classes: int) -> bool:
    """Whether a fit takes so long that it is not made five times over."""
    return photos > MANY or photos * classes > MANY_LOGITS


def _split_rows(split_names: list[str]) -> dict[str, Rows]:
    return {name: np.flatnonzero(np.array(split_names) == name) for name in ("train", "valid", "test")}


def _valid_fold(train: Rows, rows: dict[str, Rows]) -> tuple[Fold, ...]:
    """Fitted on train, evaluated on valid; in places within `train`, which is both."""
    return (Fold(*(np.searchsorted(train, rows[name]) for name in ("train", "valid"))),)


def _drawn(photos: TrainingSet, options: TrainOptions) -> Splits:
    names, cut = photos.dataset.classes, shares(options)
    split_names = list(assign_splits(photos.labels, photos.digests, photos.components, photos.groups, names, cut))
    rows = _split_rows([str(split) for split in split_names])
    train = np.sort(np.concatenate([rows["train"], rows["valid"]]))
    if costly(len(train), len(names)) and len(rows["valid"]):
        cv = _valid_fold(train, rows)
    else:
        cv = _cv_folds(photos, train, options)
    return Splits(_drawn_protocol(photos, rows["test"], options), tuple(split_names), train, cv, rows["test"], None)


def _drawn_protocol(photos: TrainingSet, test: Rows, options: TrainOptions) -> str:
    mine, groups = group_counts(photos, test)
    if not groups:
        return f"test split: {options.test:.0%} of the photos, drawn and set aside at the start"
    return f"test split: {mine:,} of {groups:,} groups, {len(test):,} of {len(photos.labels):,} photos, set aside first"


def _as_given(photos: TrainingSet, options: TrainOptions) -> Splits:
    """Without a test split, valid is the test set, and choices are made within train, so no test photo chooses."""
    split_names = [record.split or "train" for record in photos.records]
    rows = _split_rows([str(split) for split in split_names])
    test_name = "test" if any(record.split == "test" for record in photos.dataset.records) else "valid"
    _check_usable(photos, rows, test_name)
    if test_name == "test" and len(rows["valid"]):
        train = np.sort(np.concatenate([rows["train"], rows["valid"]]))
        cv = _valid_fold(train, rows)
        if options.head == "svm":
            _check_components(photos, train, options)
    else:
        train = rows["train"]
        cv = _cv_folds(photos, train, options)
    return Splits(f"your own {test_name} split", tuple(split_names), train, cv, rows[test_name], None)


def _check_usable(photos: TrainingSet, rows: dict[str, Rows], test_name: str) -> None:
    """What was listed may have turned out to be unreadable."""
    if not len(rows[test_name]):
        raise DatasetError(
            f"{photos.dataset.name}: none of its {test_name} photos can be used. Add readable photos, or leave "
            f"{test_name} out"
        )
    counts = np.bincount(photos.labels[rows["train"]], minlength=len(photos.dataset.classes))
    if not counts.all():
        name = photos.dataset.classes[int(counts.argmin())]
        raise DatasetError(
            f"class '{name}': none of its train photos can be used. Add readable photos, or remove the class"
        )


def with_train_share(photos: TrainingSet, splits: Splits, options: TrainOptions) -> Splits:
    """The splits with so large a share of the training photos; valid photos that are held out, and test, stay.

    Whole components are drawn, of each class alike, and a smaller share is part of a larger one. Raises DatasetError
    where too few are left of a class.
    """
    if options.train_share == 1:
        return splits
    one = splits.cv[0] if len(splits.cv) == 1 else None
    pool = splits.train if one is None else splits.train[one.train]
    digests = [photos.digests[i] for i in pool]
    drawn = draw_share(photos.labels[pool], digests, photos.components[pool], options.train_share, options.seed)
    left, unused = pool[drawn], pool[~drawn]
    train, cv = left, splits.cv
    if one is not None:
        held_out = splits.train[one.held_out]
        train = np.sort(np.concatenate([left, held_out]))
        cv = (Fold(np.searchsorted(train, left), np.searchsorted(train, held_out)),)
    elif splits.folds is None:
        cv = _cv_folds(photos, train, options)
    else:
        _check_components(photos, train, options)
        cv = tuple(make_folds(splits.folds[train]))
    names = np.array(splits.names, dtype=object)
    if splits.folds is None:  # in cross-validation all are tested
        names[unused] = ""
    return replace(splits, names=tuple(names), train=train, cv=cv, available=len(pool))


def given_folds(photos: TrainingSet) -> NDArray[np.int64] | None:
    """(n,) the folds that the user gave, from 0; None where there are none, or they cut apart what belongs together."""
    numbers = [-1 if record.fold is None else record.fold for record in photos.records]
    if -1 in numbers or len(set(numbers)) < 2:
        return None
    folds = np.unique(np.array(numbers), return_inverse=True)[1].astype(np.int64)
    pairs = np.unique(np.stack([photos.components, folds]), axis=1)
    return folds if pairs.shape[1] == len(np.unique(photos.components)) else None


def _cross_validation(photos: TrainingSet, options: TrainOptions, why: str) -> Splits:
    everyone = np.arange(len(photos.labels))
    _check_components(photos, everyone, options)
    given = given_folds(photos)
    folds = folds_of(photos, everyone, options.seed) if given is None else given
    _, groups = group_counts(photos, everyone)
    over = f" over {groups:,} groups" if groups else ""
    return Splits(
        f"{len(np.unique(folds))}-fold cross-validation{over}{why}",
        tuple(f"fold {fold + 1}" for fold in folds),
        everyone,
        tuple(make_folds(folds)),
        everyone,
        folds,
    )


def _one_fold(photos: TrainingSet, options: TrainOptions) -> Splits:
    """A network is too costly to be trained five times: it is fitted on train, stopped by valid, evaluated on test.

    Raises DatasetError as `make_splits` does, where a share is 0, and where the user gave folds.
    """
    if photos.dataset.has_splits:
        return _with_valid(photos, _as_given(photos, replace(options, head="logistic")), options)
    if any(record.fold is not None for record in photos.dataset.records):
        raise DatasetError(
            f"{photos.dataset.name}: gives folds, and a network is not cross-validated. Expected train, valid and test "
            "as splits, or none: name them so, leave the column out, or cross-validate a probe: --method probe"
        )
    if not options.test or not options.valid:
        raise DatasetError("photos to choose on and to judge on are both needed here: --valid and --test above 0")
    return _in_two(_drawn(photos, options))


def _with_valid(photos: TrainingSet, splits: Splits, options: TrainOptions) -> Splits:
    """Where no valid split was given beside the test split, one is drawn from the train photos."""
    if len(splits.cv) == 1:
        return splits
    if not options.valid:
        raise DatasetError(f"{photos.dataset.name}: has no valid photos to choose on. Give a share: --valid above 0")
    mine = splits.train
    drawn = assign_splits(
        photos.labels[mine],
        [photos.digests[i] for i in mine],
        photos.components[mine],
        [photos.groups[i] for i in mine],
        photos.dataset.classes,
        SplitOptions(options.valid, 0.0, options.seed),
    )
    split_names = np.array(splits.names, dtype=object)
    split_names[mine] = [HELD_OUT if split == "valid" else split for split in drawn]
    return _in_two(replace(splits, names=tuple(split_names)))


def _in_two(splits: Splits) -> Splits:
    """The same splits with one fold: fitted on its train photos, stopped and calibrated by those held out."""
    held_out = np.array([splits.names[i] != "train" for i in splits.train])
    return replace(splits, cv=(Fold(np.flatnonzero(~held_out), np.flatnonzero(held_out)),))
