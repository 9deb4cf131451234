"""Decides who learns, who chooses and who judges, before anything is learned.

Photos and a plan that are under way → the same without the photos that another fit or network has no numbers for.

Which photos judge and which are learned from stays as it was decided: a photo that goes takes its own place along and
moves no other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from whatsit.config import TrainOptions
from whatsit.data.components import distinct_by_class
from whatsit.data.dataset import Dataset
from whatsit.data.split import COUNT_ONCE, SplitOptions, assign_folds, assign_splits
from whatsit.embedding.source import Embeddings
from whatsit.errors import DatasetError
from whatsit.text import number, printable
from whatsit.training.experiment import LeftOut, Photos, check_classes, with_vectors
from whatsit.training.selection import Fold, make_folds

Rows = NDArray[np.int64]


FOLDS = 5  # a fifth held out each time: the usual compromise between cost and bias (Kohavi 1995)


LEAST_OF_CLASS = {"logistic": 2, "mlp": 2, "svm": 3, "knn": 2}  # an svm needs two classes in every part of a part


LEAST = 3  # distinct photos or groups: one judges, and of the others one chooses and one is learned from


HELD_OUT = "held-out"  # drawn from train, where valid is what judges


SMALL_TEST = 100  # photos; below, an accuracy of 0.9 has an interval wider than 0.12, so all photos judge instead


FEW_GROUPS = (
    5  # that a test split would hold; of fewer no interval can be drawn that says anything, so all judge instead
)


MANY = 10_000  # photos to learn from; above, one held-out split chooses as well as five folds, at a fifth of the cost


MANY_LOGITS = 500_000  # photos × classes; above, five folds take minutes


@dataclass(frozen=True)
class Plan:
    """Rows are places in the photos' arrays."""

    protocol: str  # in words, for the report
    splits: tuple[str, ...]  # (n,) of each photo: train, held-out, valid, test, or fold 1 … fold 5
    learn: Rows  # the final head is fitted on these
    rounds: tuple[Fold, ...]  # how its regularization is chosen; rows count within `learn`
    judge: Rows  # the headline comes from these; in cross-validation all
    folds: NDArray[np.int64] | None  # (n,) the fold of each photo in cross-validation

    @property
    def cross_validated(self) -> bool:
        return self.folds is not None


def shares(options: TrainOptions) -> SplitOptions:
    """Raises DatasetError where they are no shares, or leave nothing to learn from."""
    return SplitOptions(options.valid, options.test, options.seed)


def make_plan(photos: Photos, options: TrainOptions) -> Plan:
    """Raises DatasetError where a class has too few photos, or no photo of a split can be used."""
    try:
        return _plan(photos, options)
    except DatasetError as error:
        raise DatasetError(truly_missing(str(error), photos)) from error


def unused_shares(photos: Photos, plan: Plan, options: TrainOptions) -> str:
    """Which shares were asked for and are not used, in words, since the photos are split already; else empty."""
    default = TrainOptions()
    if not photos.dataset.has_splits and given_folds(photos) is None:
        return ""
    asked = [f"--test {options.test:g}"] if options.test != default.test else []
    if options.valid != default.valid and HELD_OUT not in plan.splits:
        asked.append(f"--valid {options.valid:g}")
    are = "is" if len(asked) == 1 else "are"
    return f"{' and '.join(asked)} {are} not used: these photos are split already" if asked else ""


def _of_few_groups(message: str, photos: Photos, label: str | None) -> str:
    """The message with advice that helps where all photos of the class are in a few groups, which are never split."""
    groups = {record.group for record in photos.records if record.label == label}
    before, advice, rest = message.partition(COUNT_ONCE)
    if not advice or None in groups or f" {number(len(groups), 'distinct photo')}" not in before:
        return message
    return (
        f"{before}(all its photos are in {number(len(groups), 'group')}, and a group is never split)"
        f"{rest.replace('Add photos,', 'Add photos of other groups,')}"
    )


def truly_missing(message: str, photos: Photos) -> str:
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


def _plan(photos: Photos, options: TrainOptions) -> Plan:
    if options.method != "probe":
        return network_plan(photos, options)
    if photos.dataset.has_splits:
        return _as_given(photos, options)
    if why := _own_folds(photos) or _too_small(photos, options):
        return _cross_validation(photos, options, why)
    return _drawn(photos, options)


def _own_folds(photos: Photos) -> str:
    """What became of folds that the user gave, as it follows "cross-validation"; empty where there are none."""
    if all(record.fold is None for record in photos.records):
        return ""
    whole = given_folds(photos) is not None
    return "; the folds are your own" if whole else "; your own folds cut copies or groups apart"


def _too_small(photos: Photos, options: TrainOptions) -> str:
    """Why a test split would not judge well enough, as it follows "cross-validation"; empty where it would."""
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


def group_counts(photos: Photos, rows: Rows) -> tuple[int, int]:
    """How many of the user's groups have a photo among `rows`, and how many there are; none: (0, 0)."""
    groups = photos.groups
    return len({groups[i] for i in rows} - {None}), len(set(groups) - {None})


def folds_of(photos: Photos, rows: Rows, seed: int, folds: int = FOLDS) -> NDArray[np.int64]:
    """(rows,) the fold of each: stratified, components whole."""
    digests = photos.digests
    return assign_folds(photos.labels[rows], [digests[i] for i in rows], photos.components[rows], folds, seed)


def _fold_rounds(photos: Photos, rows: Rows, options: TrainOptions) -> tuple[Fold, ...]:
    _check_components(photos, rows, options)
    return tuple(make_folds(folds_of(photos, rows, options.seed)))


def _check_components(photos: Photos, rows: Rows, options: TrainOptions) -> None:
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


def _split_rows(splits: list[str]) -> dict[str, Rows]:
    return {name: np.flatnonzero(np.array(splits) == name) for name in ("train", "valid", "test")}


def _valid_round(learn: Rows, rows: dict[str, Rows]) -> tuple[Fold, ...]:
    """Fitted on train, judged on valid; in places within `learn`, which is both."""
    return (Fold(*(np.searchsorted(learn, rows[name]) for name in ("train", "valid"))),)


def _drawn(photos: Photos, options: TrainOptions) -> Plan:
    names, cut = photos.dataset.classes, shares(options)
    splits = list(assign_splits(photos.labels, photos.digests, photos.components, photos.groups, names, cut))
    rows = _split_rows([str(split) for split in splits])
    learn = np.sort(np.concatenate([rows["train"], rows["valid"]]))
    if costly(len(learn), len(names)) and len(rows["valid"]):
        rounds = _valid_round(learn, rows)
    else:
        rounds = _fold_rounds(photos, learn, options)
    return Plan(_drawn_protocol(photos, rows["test"], options), tuple(splits), learn, rounds, rows["test"], None)


def _drawn_protocol(photos: Photos, judge: Rows, options: TrainOptions) -> str:
    mine, groups = group_counts(photos, judge)
    if not groups:
        return f"test split: {options.test:.0%} of the photos, drawn and set aside at the start"
    return (
        f"test split: {mine:,} of {groups:,} groups, {len(judge):,} of {len(photos.labels):,} photos, set aside first"
    )


def _as_given(photos: Photos, options: TrainOptions) -> Plan:
    """Without a test split, valid judges, and choices are made within train: nobody judges what they chose."""
    splits = [record.split or "train" for record in photos.records]
    rows = _split_rows([str(split) for split in splits])
    judge_name = "test" if any(record.split == "test" for record in photos.dataset.records) else "valid"
    _check_usable(photos, rows, judge_name)
    if judge_name == "test" and len(rows["valid"]):
        learn = np.sort(np.concatenate([rows["train"], rows["valid"]]))
        rounds = _valid_round(learn, rows)
        if options.head == "svm":
            _check_components(photos, learn, options)
    else:
        learn = rows["train"]
        rounds = _fold_rounds(photos, learn, options)
    return Plan(f"your own {judge_name} split", tuple(splits), learn, rounds, rows[judge_name], None)


def _check_usable(photos: Photos, rows: dict[str, Rows], judge_name: str) -> None:
    """What was listed may have turned out to be unreadable."""
    if not len(rows[judge_name]):
        raise DatasetError(
            f"{photos.dataset.name}: none of its {judge_name} photos can be used. Add readable photos, or leave "
            f"{judge_name} out"
        )
    learned = np.bincount(photos.labels[rows["train"]], minlength=len(photos.dataset.classes))
    if not learned.all():
        name = photos.dataset.classes[int(learned.argmin())]
        raise DatasetError(
            f"class '{name}': none of its train photos can be used. Add readable photos, or remove the class"
        )


def given_folds(photos: Photos) -> NDArray[np.int64] | None:
    """(n,) the folds that the user gave, from 0; None where there are none, or they cut apart what belongs together."""
    numbers = [-1 if record.fold is None else record.fold for record in photos.records]
    if -1 in numbers or len(set(numbers)) < 2:
        return None
    folds = np.unique(np.array(numbers), return_inverse=True)[1].astype(np.int64)
    pairs = np.unique(np.stack([photos.components, folds]), axis=1)
    return folds if pairs.shape[1] == len(np.unique(photos.components)) else None


def _cross_validation(photos: Photos, options: TrainOptions, why: str) -> Plan:
    everyone = np.arange(len(photos.labels))
    _check_components(photos, everyone, options)
    given = given_folds(photos)
    folds = folds_of(photos, everyone, options.seed) if given is None else given
    _, groups = group_counts(photos, everyone)
    over = f" over {groups:,} groups" if groups else ""
    return Plan(
        f"{len(np.unique(folds))}-fold cross-validation{over}{why}",
        tuple(f"fold {fold + 1}" for fold in folds),
        everyone,
        tuple(make_folds(folds)),
        everyone,
        folds,
    )


def network_plan(photos: Photos, options: TrainOptions) -> Plan:
    """A network is too costly to be trained five times: it learns on train, stops by valid, and test judges.

    Raises DatasetError as `make_plan` does, where a share is 0, and where the user gave folds.
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


def _with_valid(photos: Photos, plan: Plan, options: TrainOptions) -> Plan:
    """Where no valid split was given beside the one that judges, one is drawn from those to learn from."""
    if len(plan.rounds) == 1:
        return plan
    if not options.valid:
        raise DatasetError(f"{photos.dataset.name}: has no valid photos to choose on. Give a share: --valid above 0")
    mine = plan.learn
    drawn = assign_splits(
        photos.labels[mine],
        [photos.digests[i] for i in mine],
        photos.components[mine],
        [photos.groups[i] for i in mine],
        photos.dataset.classes,
        SplitOptions(options.valid, 0.0, options.seed),
    )
    splits = np.array(plan.splits, dtype=object)
    splits[mine] = [HELD_OUT if split == "valid" else split for split in drawn]
    return _in_two(replace(plan, splits=tuple(splits)))


def _in_two(plan: Plan) -> Plan:
    """The same plan with one round: fitted on its train photos, stopped and calibrated by those held out."""
    held_out = np.array([plan.splits[i] != "train" for i in plan.learn])
    return replace(plan, rounds=(Fold(np.flatnonzero(~held_out), np.flatnonzero(held_out)),))


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
    rounds = tuple(Fold(_places(one.fit, learned), _places(one.held_out, learned)) for one in plan.rounds)
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
