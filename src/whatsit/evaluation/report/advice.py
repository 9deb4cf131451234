"""What to do next, drawn from the figures. Every sentence cites the figure that it rests on.

Each rule is one small function from a `_Case` to a sentence or nothing; `RULES` is their order, what matters
most first. Thresholds stand beside their reason.
"""

from dataclasses import dataclass
from math import floor

from whatsit.evaluation.figures import Answered, Evaluation
from whatsit.evaluation.report.content import NEW, DataFigures, Seen, Target
from whatsit.evaluation.report.words import (
    confused_pairs,
    count,
    interval,
    listed,
    most_common,
    normal,
    out_of_100,
    percent,
    points,
    quoted,
    rounded,
)

FEW_TRAINING = 20  # photos of a class; below, one odd photo is 5 % of all that is known of it
FEW_TESTED = 100  # photos; below, the interval of 90 % right is wider than 12 points
IMBALANCE = 5  # the largest class over the smallest in training
FEW_ANSWERED = 0.5  # share of the photos that get an answer; below, most are refused
GAP = 0.05  # accuracy above balanced accuracy: what large classes hide
PAIR = 3  # photos; fewer confusions of one pair may be chance


@dataclass(frozen=True)
class _Case:
    evaluation: Evaluation
    data: DataFigures
    unsure: Answered | None
    target: Target | None
    mislabelled: int
    seen: Seen
    train: str
    listed: str

    @property
    def training(self) -> dict[str, int]:
        return training_counts(self.evaluation, self.data)


def training_counts(evaluation: Evaluation, data: DataFigures) -> dict[str, int]:
    """Photos per class in the split that trains: "train", or the first there is."""
    first = data.counts.get("train") or next(iter(data.counts.values()), {})
    return {name: first.get(name, 0) for name in evaluation.classes}


def suggest(
    evaluation: Evaluation,
    data: DataFigures,
    *,
    unsure: Answered | None = None,
    target: Target | None = None,
    mislabelled: int = 0,
    seen: Seen = NEW,
    train: str = "whatsit train photos/",
    listed: str = "splits.csv",
) -> tuple[str, ...]:
    """Next steps, what matters most first; `backticks` mark what to type.

    unsure: how many get an answer. target: how right answers were to be. mislabelled: how many labels are likely
    wrong. train: the command as the user would type it. listed: what names the photos left out.
    """
    case = _Case(evaluation, data, unsure, target, mislabelled, seen, train, listed)
    found = tuple(sentence for rule in RULES if (sentence := rule(case)))
    return found or ("No problem was found. Now test the classifier on photos from another place, day or camera.",)


def _unsure(case: _Case) -> str | None:
    """First, as it is what a user meets: answers less right than was asked for, or hardly any."""
    parts = [part for part in (_missed(case), _refused(case)) if part]
    return " ".join([*parts, _remedy(case)]) if parts else None


def _missed(case: _Case) -> str:
    target, unsure = case.target, case.unsure
    if not target:
        return ""
    if not target.reached:
        return (
            f"The target precision of {percent(target.precision)} was not reached. On held-out photos, the most "
            f"confident answers ({percent(target.held_out_coverage)} of the photos) have a precision of "
            f"{percent(target.held_out_precision)}."
        )
    if unsure and unsure.accuracy and unsure.accuracy.high < target.precision:
        return (
            f"The target precision is {percent(target.precision)}, but on these photos the precision of the answers is "
            f"{percent(unsure.accuracy.value)} (95 % interval: {interval(unsure.accuracy)})."
        )
    return ""


def _refused(case: _Case) -> str:
    unsure = case.unsure
    if not unsure or unsure.coverage >= FEW_ANSWERED:
        return ""
    refused = f"{unsure.unsure:,} of {count(unsure.n, 'photo')}"
    threshold = f"the probability is below the threshold of {percent(unsure.rule.threshold)}"
    unlike = f"{unsure.unlike:,} of them are unlike the training photos"
    if not unsure.unlike:
        return f"The classifier is unsure about {refused}: {threshold}."
    if 2 * unsure.unlike > unsure.unsure:
        return f"The classifier is unsure about {refused}: {unlike}."
    return f"The classifier is unsure about {refused}: {unlike}; for the others, {threshold}."


def _remedy(case: _Case) -> str:
    unsure = case.unsure
    if unsure and 2 * unsure.unlike > unsure.unsure:
        return "Label photos like these, add them to the training photos and train again."
    target, less = case.target, floor(100 * _had(case)) / 100
    if target and 0 < less < target.precision:
        return f"Add more photos, or lower the target: `{case.train} --target-precision {less:g}`."
    return "Add more photos like these and train again."


def _had(case: _Case) -> float:
    """A precision that can be had: what held-out photos reached, or what all answers together do."""
    target = case.target
    return target.held_out_precision if target and not target.reached else case.evaluation.accuracy.value


def _no_better_than_constant(case: _Case) -> str | None:
    name, share = most_common(case.evaluation)
    accuracy = case.evaluation.accuracy
    if accuracy.low > share:
        return None
    return (
        f"Do not rely on this classifier: always predicting {quoted(name)} would be right {out_of_100(share)} times "
        f"out of 100. The 95 % interval of the classifier is {out_of_100(accuracy.low)} to {out_of_100(accuracy.high)}."
    )


def _leaks(case: _Case) -> str | None:
    seen = case.seen
    if not seen.leaks:
        return None
    copies = f"{_have(seen.copies)} a copy among the training photos"
    grouped = f"{'shares' if seen.grouped == 1 else 'share'} a group with training photos"
    parts = [f"{n:,} {text}" for n, text in ((seen.copies, copies), (seen.grouped, grouped)) if n]
    return f"Of {count(case.evaluation.n, 'test photo')}, {' and '.join(parts)}. Report the accuracy without them."


def _moved(case: _Case) -> str | None:
    moved = case.seen.moved
    if not moved:
        return None
    return (
        f"Some photos are very similar to {count(moved, 'training photo')}, which {'is' if moved == 1 else 'are'} "
        "not at the old path on this machine. Therefore it is not known whether they are near-copies. To find out, "
        "evaluate on the machine that has the training photos."
    )


def _not_known(case: _Case) -> str | None:
    if not case.seen.unknown:
        return None
    return (
        f"It is not known whether these photos are new to the classifier ({case.seen.unknown}). If some of them are "
        "training photos, the figures are too good."
    )


def _conflicts(case: _Case) -> str | None:
    if not case.data.conflicts:
        return None
    return (
        f"{count(case.data.conflicts, 'photo')} {_have(case.data.conflicts)} two different labels. "
        f"Decide which label is right. {case.listed} lists them."
    )


def _torn(case: _Case) -> str | None:
    torn = case.data.torn
    if not torn:
        return None
    first = torn[0]
    return (
        f"{count(len(torn), 'photo')} {'looks' if len(torn) == 1 else 'look'} like a copy of another photo with a "
        f"different label, such as {first.path} ({quoted(first.label)}) and {first.other} "
        f"({quoted(first.other_label)}). Decide which label is right."
    )


def _proposals(case: _Case) -> str | None:
    found = case.data.proposals
    if not found:
        return None
    photos, sources = sum(one.photos for one in found), sum(one.sources for one in found)
    return (
        f"{count(photos, 'photo')} may come from only {count(sources, 'source')}: their names, such as "
        f"{quoted(found[0].example)}, and their looks suggest this. If so, photos of one source are in training and in "
        "test, and the figures are too good. Keep each source together with "
        f"`{case.train} --group-by-name always`, or name the source in a column `group`."
    )


def _mislabelled(case: _Case) -> str | None:
    if not case.mislabelled:
        return None
    return (
        f"{count(case.mislabelled, 'label')} may be wrong: classifiers that were not trained on the photos predicted "
        "another class with confidence. Look at “Likely wrong labels” or at suspects.csv, correct the wrong labels and "
        "train again."
    )


def _few_training_photos(case: _Case) -> str | None:
    few = sorted((n, name) for name, n in case.training.items() if n < FEW_TRAINING)
    if not few or not case.data.counts:
        return None
    shown = listed([f"{quoted(name)} ({n})" for n, name in few[:3]])
    others = f" and {len(few) - 3:,} more" if len(few) > 3 else ""
    return f"Add photos of {shown}{others}: fewer than {FEW_TRAINING} training photos of a class are too few."


def imbalance(evaluation: Evaluation, data: DataFigures) -> float | None:
    """The largest class over the smallest in training, where weighing the classes is worth a try."""
    counts = [n for n in training_counts(evaluation, data).values() if n > 0]
    gap = evaluation.accuracy.value - evaluation.balanced_accuracy.value
    if not counts or max(counts) < IMBALANCE * min(counts) or gap < GAP:
        return None
    return max(counts) / min(counts)


def _imbalance(case: _Case) -> str | None:
    ratio = imbalance(case.evaluation, case.data)
    if ratio is None:
        return None
    gap = case.evaluation.accuracy.value - case.evaluation.balanced_accuracy.value
    return (
        f"The largest class has {ratio:.0f} times the training photos of the smallest, "
        f"and accuracy is {points(gap)} higher than balanced accuracy. Give all classes the same weight with "
        f"`{case.train} --balance`."
    )


def _worst_pair(case: _Case) -> str | None:
    pairs = confused_pairs(case.evaluation)
    if not pairs or pairs[0][2] < PAIR:
        return None
    truth, predicted, n, of = pairs[0]
    merge = ", or merge the two classes if the difference does not matter" if len(case.evaluation.classes) > 2 else ""
    return (
        f"{quoted(truth)} was predicted as {quoted(predicted)} in {n:,} of {of:,} photos, the most frequent mistake. "
        f"Add photos that show the difference{merge}."
    )


def _calibration(case: _Case) -> str | None:
    ece, chance = case.evaluation.ece, case.evaluation.ece_by_chance
    if ece <= chance:
        return None
    way = "too high" if case.evaluation.mean_confidence > case.evaluation.accuracy.value else "too low"
    return (
        f"The expected calibration error is {rounded(ece)}; {normal(case.evaluation)}. The probabilities are mostly "
        f"{way}. Use them to rank photos, but do not read 90 % as 9 in 10."
    )


def _untested_classes(case: _Case) -> str | None:
    missing = [name for name, n in zip(*_truth(case), strict=True) if n == 0]
    if not missing:
        return None
    shown = listed([quoted(name) for name in missing[:3]])
    others = f" and {len(missing) - 3:,} more" if len(missing) > 3 else ""
    return f"No test photo shows {shown}{others}. Nothing is known about {_them(len(missing))} yet."


def _few_tested_photos(case: _Case) -> str | None:
    accuracy, units = case.evaluation.accuracy, case.evaluation.units
    if units >= FEW_TESTED:
        return None
    what = "test photo" if units == case.evaluation.n else "independent group"
    return (
        f"With {count(units, what)}, the 95 % interval is {points(accuracy.high - accuracy.low)} wide. "
        f"Four times as many {what}s would halve the interval."
    )


def _left_out(case: _Case) -> str | None:
    n = len(case.data.left_out)
    if not n:
        return None
    were = "was" if n == 1 else "were"
    return f"{count(n, 'file')} {were} left out. Repair or remove {_them(n)}. {case.listed} says why."


def _truth(case: _Case) -> tuple[tuple[str, ...], tuple[int, ...]]:
    return case.evaluation.classes, case.evaluation.truth_counts


def _have(n: int) -> str:
    return "has" if n == 1 else "have"


def _them(n: int) -> str:
    return "it" if n == 1 else "them"


RULES = (
    _unsure,
    _no_better_than_constant,
    _leaks,
    _moved,
    _not_known,
    _proposals,
    _conflicts,
    _torn,
    _mislabelled,
    _few_training_photos,
    _imbalance,
    _worst_pair,
    _calibration,
    _untested_classes,
    _few_tested_photos,
    _left_out,
)
