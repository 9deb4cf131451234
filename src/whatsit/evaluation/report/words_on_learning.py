"""Did it overfit or underfit? One or two plain sentences drawn from the curves of a training.

As in `advice`, each rule is one small function from a `Course` to a `Lesson` or nothing; `RULES` is their order. The
thresholds stand in `course`. Train figures are of augmented photos, taken while learning, and valid ones may be of
averaged weights: so train accuracy below valid accuracy is normal, and no rule calls it underfitting.

What it cannot know: how good the labels are, what a larger network would reach, what the learning rate was.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from whatsit.evaluation.report.course import FEW, Course
from whatsit.evaluation.report.words import count, nats, out_of_100

if TYPE_CHECKING:
    from whatsit.learning.history import History

# Bengio 2012 (arXiv:1206.5533), 3.1.1: divide by 3 until nothing diverges.
SLOWER = "Try a third of it, with `--learning-rate`."


@dataclass(frozen=True)
class Lesson:
    """What the curves say."""

    brief: str  # at most 66 columns, for the terminal
    words: str  # one or two sentences; `backticks` mark what to type


def how_it_learned(history: "History", valid_photos: int) -> str:
    """One or two sentences on over- or underfitting; `backticks` mark what to type.

    valid_photos: how many photos the valid figures rest on. With few, only large changes count as changes.
    """
    return lesson(history, valid_photos).words


def lesson(history: "History", valid_photos: int) -> Lesson:
    """The same, and its short form: from the first of `RULES` that has something to say."""
    course = Course(history, valid_photos)
    return next(said for rule in RULES if (said := rule(course)))


def _no_number(course: Course) -> Lesson | None:
    number = course.without_number
    if number is None:
        return None
    return Lesson(
        f"learning rate too high: no finite loss in epoch {number}",
        f"In epoch {number} the loss was no longer a finite number: the learning rate is too high. {SLOWER}",
    )


def _diverged(course: Course) -> Lesson | None:
    if not course.epochs or not course.diverged:
        return None
    least, last = course.least, course.epochs[-1]
    return Lesson(
        f"learning rate too high: train loss rose after epoch {least.number}",
        f"Train loss rose from {nats(least.train_loss)} (epoch {least.number}) to {nats(last.train_loss)}: "
        f"the learning rate is too high. {SLOWER}",
    )


def _untrained(course: Course) -> Lesson | None:
    if course.epochs or not course.history.epochs:
        return None
    return Lesson(
        f"no epoch was trained: {course.history.stopped}",
        f"No epoch was trained ({course.history.stopped}), so what was kept is the probe that fine-tuning begins with.",
    )


def _no_gain(course: Course) -> Lesson | None:
    """Epoch 0 is the probe that fine-tuning began with; of a training from scratch there is none."""
    if course.history.best != 0 or not any(epoch.number == 0 for epoch in course.history.epochs):
        return None
    return Lesson(
        "no better than the probe that it began with, which was kept",
        "After calibration, no epoch came within a standard error of the probe's valid loss "
        f"({nats(course.kept.judged_by)}) that it began with, so the probe was kept. A lower `--learning-rate` may "
        "gain something; a probe alone takes a fraction of the time.",
    )


def _too_few(course: Course) -> Lesson | None:
    n = len(course.epochs)
    if n >= FEW:
        return None
    few = f"{count(n, 'epoch')} {'is' if n == 1 else 'are'} too few to tell"
    return Lesson(f"{few}: try more --epochs", f"{few} how it learns: try more `--epochs`.")


def _learned_by_heart(course: Course) -> Lesson | None:
    if course.turned is None:
        return None
    kept, (train, valid) = course.kept, course.turned
    return Lesson(
        f"overfitting after epoch {kept.number}, whose weights were kept",
        f"Overfitting: valid loss rose from {nats(kept.valid_loss)} (epoch {kept.number}) to {nats(valid)} while "
        f"train loss went on falling, to {nats(train)}: it began to learn its photos by heart. The weights of epoch "
        f"{kept.number} were kept; more photos or {_augmentation(course)} would help.",
    )


def _still_learning(course: Course) -> Lesson | None:
    if not course.valid_falls:
        return None
    n, before, end = course.stretch, nats(course.before.valid_loss), nats(course.end.valid_loss)
    which, verb = ("both losses", "were") if course.train_falls else ("valid loss", "was")
    return Lesson(
        f"{which} still falling: try more --epochs",
        f"{which.capitalize()} {verb} still falling at the end (valid loss of the last {n} epochs: {end}, of the {n} "
        f"before: {before}): it could learn more (underfitting). Try more `--epochs`.",
    )


def _chance(course: Course) -> Lesson | None:
    if not course.train_falls or not course.valid_may_fall:
        return None
    return Lesson(
        "valid loss may still be falling: more --epochs may help",
        "Train loss was still falling at the end. So was valid loss, but by no more than chance explains with "
        f"{count(course.valid_photos, 'photo')}: more `--epochs` may help.",
    )


def _nothing_learned(course: Course) -> Lesson | None:
    if not course.low or not course.flat:
        return None
    first, least = nats(course.epochs[0].train_loss), nats(course.least.train_loss)
    return Lesson(
        "it learned next to nothing: change the learning rate",
        f"It learned next to nothing: train loss was {first} in the first epoch and {least} at best. "
        "The learning rate is far too high or far too low.",
    )


def _wide_gap(course: Course) -> Lesson | None:
    if not course.wide:
        return None
    train, valid = _accuracies(course)
    return Lesson(
        f"overfitting: right on {train} of its own photos, {valid} of valid",
        f"Overfitting: at the end it was right on {train} of the photos that it learned from, but on {valid} of the "
        f"valid ones. More photos, {_augmentation(course)} or a smaller network would narrow that.",
    )


def _underfitting(course: Course) -> Lesson | None:
    """Many errors where it learns (Goodfellow, Bengio & Courville 2016, section 5.2), and no more change."""
    if not course.low or course.train_falls:
        return None
    train, valid = _accuracies(course)
    ways = ["a larger network", "a higher learning rate"] + ["less augmentation"] * course.history.augmented
    return Lesson(
        f"underfitting: right on {train} of its own photos",
        f"Underfitting: it levelled off at {train} right on the photos that it learns from and {valid} on the "
        f"valid ones. Try {', '.join(ways[:-1])} or {ways[-1]}.",
    )


def _levelled(course: Course) -> Lesson | None:
    if not course.train_falls:
        return None
    return Lesson(
        "valid loss levelled off: more --epochs would gain little",
        "Train loss was still falling at the end, but valid loss had levelled off "
        f"(at {nats(course.end.valid_loss)}): more `--epochs` would gain little.",
    )


def _settled(course: Course) -> Lesson:
    train, valid = nats(course.end.train_loss), nats(course.end.valid_loss)
    return Lesson(
        "both losses levelled off: it learned what it can",
        f"Both losses levelled off (train {train}, valid {valid}): it has learned what it can from these photos.",
    )


def _accuracies(course: Course) -> tuple[str, str]:
    """Of train and valid, at the end, in words."""
    shares = (course.end.train_accuracy, course.end.valid_accuracy)
    train, valid = (f"{out_of_100(min(max(share, 0.0), 1.0))} %" for share in shares)
    return train, valid


def _augmentation(course: Course) -> str:
    return "more augmentation" if course.history.augmented else "augmentation"


RULES = (
    _no_number,
    _untrained,
    _no_gain,
    _diverged,
    _too_few,
    _learned_by_heart,
    _still_learning,
    _chance,
    _nothing_learned,
    _wide_gap,
    _underfitting,
    _levelled,
    _settled,
)
