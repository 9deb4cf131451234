"""Trends in the curves of a training, held against chance: what `words_on_learning` draws its sentences from.

A trend is a difference of means of two stretches of epochs, since few valid photos make curves jump. What it does not
know is how much the loss scatters from photo to photo: the curves hold means only, so chance is reckoned from the
number of valid photos and from what was measured elsewhere (below).

Did it overfit or underfit? One or two plain sentences drawn from the curves of a training.

As in `advice`, each rule is one small function from a `Course` to a `Lesson` or nothing; `RULES` is their order. The
thresholds stand in `course`. Train figures are of augmented photos, taken while learning, and valid ones may be of
averaged weights: so train accuracy below valid accuracy is normal, and no rule calls it underfitting.

What it cannot know: how good the labels are, what a larger network would reach, what the learning rate was.
"""

from dataclasses import dataclass
from math import isfinite, sqrt
from statistics import median
from typing import TYPE_CHECKING

from whatsit.evaluation.report.words import count, nats, out_of_100

if TYPE_CHECKING:
    from whatsit.training.fitted import Epoch, History


FEW = 4  # epochs; fewer have no two stretches of two epochs to compare
LONGEST = 10  # epochs of a stretch: of 200 epochs, the end is not the last third
TREND = 0.05  # of a loss, from stretch to stretch: a smaller fall is not worth as many epochs again
LEAST = 0.01  # nats; of a loss near 0, large shares are next to nothing


# How far chance moves a valid loss that stays as it is, in shares of it times √(valid photos). 95th percentiles of
# resampled valid sets, of 12 small networks on four photo sets: 0.2 to 4.5 (median 1.2), and 0.2 to 1.8 (median 0.7).
CHANCE_RISE = 2.0  # above the least of all epochs, which luck made low
CHANCE_FALL = 1.0  # from stretch to stretch
WORSE = 0.05  # nats of train loss above the first epoch's, which averages over an untrained beginning
LEAP = 0.5  # nats of train loss above its least, and twice that: no epoch's draw of augmentations does so
LOW = 0.8  # train and valid accuracy; below, one photo in five is wrong even among those it learns from
GAP = 0.1  # of train accuracy above valid accuracy: its size is the amount of overfitting (CS231n); 10 points are much
ERRORS = 2.0  # standard errors of the valid accuracy that a gap exceeds as well: 95 % of chance


@dataclass(frozen=True)
class Mean:
    """The mean figures of some epochs. Losses in nats."""

    train_loss: float
    train_accuracy: float
    valid_loss: float
    valid_accuracy: float

    @classmethod
    def of(cls, epochs: "tuple[Epoch, ...]") -> "Mean":
        """epochs: at least one."""
        n = len(epochs)
        return cls(
            sum(e.train_loss for e in epochs) / n,
            sum(e.train_accuracy for e in epochs) / n,
            sum(e.valid_loss for e in epochs) / n,
            sum(e.valid_accuracy for e in epochs) / n,
        )


@dataclass(frozen=True)
class Course:
    """A training's epochs, and how many photos their valid figures rest on. Trends need `FEW` epochs."""

    history: "History"
    valid_photos: int

    @property
    def epochs(self) -> "tuple[Epoch, ...]":
        """Without the probe that fine-tuning began with: its train figures are of photos that nothing changed."""
        return tuple(epoch for epoch in self.history.epochs if epoch.number > 0)

    @property
    def kept(self) -> "Epoch":
        """The epoch whose weights were kept; the last one if the history does not hold it."""
        epochs = self.history.epochs
        return next((e for e in epochs if e.number == self.history.best), epochs[-1])

    @property
    def without_number(self) -> int | None:
        """The first epoch with a figure that is NaN or infinite; one that ended the training is left out of it."""
        figures = ((e.number, (e.train_loss, e.valid_loss, e.train_accuracy, e.valid_accuracy)) for e in self.epochs)
        numbers = (e.number for e in self.history.epochs)
        after = max(numbers, default=0) + 1 if self.history.diverged else None
        return next((number for number, four in figures if not all(map(isfinite, four))), after)

    @property
    def least(self) -> "Epoch":
        """The epoch of least train loss."""
        return min(self.epochs, key=lambda e: e.train_loss)

    @property
    def diverged(self) -> bool:
        """Train loss ends above where it began, or leapt up."""
        last, least = self.epochs[-1].train_loss, self.least.train_loss
        return last > self.epochs[0].train_loss + WORSE or last > max(2 * least, least + LEAP)

    @property
    def stretch(self) -> int:
        """How many epochs are the end, and how many before them are compared with it: a third, 2 to 10."""
        return min(LONGEST, max(2, len(self.epochs) // 3))

    @property
    def end(self) -> Mean:
        return Mean.of(self.epochs[-self.stretch :])

    @property
    def before(self) -> Mean:
        return Mean.of(self.epochs[-2 * self.stretch : -self.stretch])

    @property
    def train_falls(self) -> bool:
        return _falls(self.before.train_loss, self.end.train_loss, TREND)

    @property
    def valid_falls(self) -> bool:
        """By more than chance explains."""
        return _falls(self.before.valid_loss, self.end.valid_loss, max(TREND, self._by_chance(CHANCE_FALL)))

    @property
    def valid_may_fall(self) -> bool:
        return _falls(self.before.valid_loss, self.end.valid_loss, TREND)

    @property
    def turned(self) -> tuple[float, float] | None:
        """Train and valid loss at the end, where train loss fell and valid loss rose after the epoch kept.

        Early stopping's own sign (Prechelt 1998). A single worse epoch is chance, so there have to be two or three; a
        single good one is luck, so the rise is taken from the median of the epoch kept and its neighbours.
        """
        after = [e for e in self.epochs if e.number > self.kept.number][-3:]
        if len(after) < 2:
            return None
        train, valid = median(e.train_loss for e in after), median(e.valid_loss for e in after)
        least = median(e.valid_loss for e in self.epochs if abs(e.number - self.kept.number) <= 1)
        rose = valid - least > max(LEAST, least * max(TREND, self._by_chance(CHANCE_RISE)))
        return (train, valid) if rose and train < self.kept.train_loss else None

    @property
    def low(self) -> bool:
        """Train accuracy and valid accuracy both: augmentation alone lowers the former."""
        return max(self.end.train_accuracy, self.end.valid_accuracy) < LOW

    @property
    def flat(self) -> bool:
        """Train loss never fell."""
        return not _falls(self.epochs[0].train_loss, self.least.train_loss, TREND)

    @property
    def wide(self) -> bool:
        """Whether train accuracy stands above valid accuracy by much, and by more than chance explains."""
        valid, n = min(max(self.end.valid_accuracy, 0.0), 1.0), max(self.valid_photos, 1)
        expected = (valid * n + 2) / (n + 4)  # Agresti & Coull 1998: no error of 0 where all are right
        error = sqrt(expected * (1 - expected) / (n + 4))
        return self.end.train_accuracy - valid > max(GAP, ERRORS * error)

    def _by_chance(self, scale: float) -> float:
        """The share by which chance changes a valid loss."""
        return scale / sqrt(max(self.valid_photos, 1))


def _falls(before: float, after: float, share: float) -> bool:
    return before - after > max(LEAST, share * before)


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
        f"No epoch was trained ({course.history.stopped}). The model is the probe with which fine-tuning starts.",
    )


def _no_gain(course: Course) -> Lesson | None:
    """Epoch 0 is the probe that fine-tuning began with; of a training from scratch there is none."""
    if course.history.best != 0 or not any(epoch.number == 0 for epoch in course.history.epochs):
        return None
    return Lesson(
        "no epoch was better than the initial probe: the probe was kept",
        "After calibration, no epoch came within one standard error of the probe's valid loss "
        f"({nats(course.kept.judged_by)}). Fine-tuning started from this probe, and the probe was kept. A lower "
        "`--learning-rate` may help. Training a probe alone takes a fraction of the time.",
    )


def _too_few(course: Course) -> Lesson | None:
    n = len(course.epochs)
    if n >= FEW:
        return None
    few = f"{count(n, 'epoch')} {'is' if n == 1 else 'are'} too few to judge the training"
    return Lesson(f"{few}: try more --epochs", f"{few}. Try more `--epochs`.")


def _learned_by_heart(course: Course) -> Lesson | None:
    if course.turned is None:
        return None
    kept, (train, valid) = course.kept, course.turned
    return Lesson(
        f"overfitting after epoch {kept.number}; its weights were kept",
        f"Overfitting: valid loss rose from {nats(kept.valid_loss)} (epoch {kept.number}) to {nats(valid)} while "
        f"train loss fell further, to {nats(train)}. The network began to memorize the training photos. The weights of "
        f"epoch {kept.number} were kept. More photos or {_augmentation(course)} would help.",
    )


def _still_learning(course: Course) -> Lesson | None:
    if not course.valid_falls:
        return None
    n, before, end = course.stretch, nats(course.before.valid_loss), nats(course.end.valid_loss)
    which, verb = ("both losses", "were") if course.train_falls else ("valid loss", "was")
    return Lesson(
        f"{which} still falling: try more --epochs",
        f"{which.capitalize()} {verb} still falling at the end (valid loss of the last {n} epochs: {end}, of the {n} "
        f"before: {before}). The network can learn more (underfitting). Try more `--epochs`.",
    )


def _chance(course: Course) -> Lesson | None:
    if not course.train_falls or not course.valid_may_fall:
        return None
    return Lesson(
        "valid loss may still be falling: more --epochs may help",
        "Train loss was still falling at the end. Valid loss was falling too, but with "
        f"{count(course.valid_photos, 'valid photo')} this may be chance. More `--epochs` may help.",
    )


def _nothing_learned(course: Course) -> Lesson | None:
    if not course.low or not course.flat:
        return None
    first, least = nats(course.epochs[0].train_loss), nats(course.least.train_loss)
    return Lesson(
        "the network learned almost nothing: change the learning rate",
        f"The network learned almost nothing: train loss was {first} in the first epoch and {least} at best. "
        "The learning rate is far too high or far too low.",
    )


def _wide_gap(course: Course) -> Lesson | None:
    if not course.wide:
        return None
    train, valid = _accuracies(course)
    return Lesson(
        f"overfitting: train accuracy {train}, valid accuracy {valid}",
        f"Overfitting: at the end, train accuracy was {train}, but valid accuracy was {valid}. More photos, "
        f"{_augmentation(course)} or a smaller network would reduce this difference.",
    )


def _underfitting(course: Course) -> Lesson | None:
    """Many errors where it learns (Goodfellow, Bengio & Courville 2016, section 5.2), and no more change."""
    if not course.low or course.train_falls:
        return None
    train, valid = _accuracies(course)
    ways = ["a larger network", "a higher learning rate"] + ["less augmentation"] * course.history.augmented
    return Lesson(
        f"underfitting: train accuracy {train}",
        f"Underfitting: train accuracy levelled off at {train}, and valid accuracy at {valid}. "
        f"Try {', '.join(ways[:-1])} or {ways[-1]}.",
    )


def _levelled(course: Course) -> Lesson | None:
    if not course.train_falls:
        return None
    return Lesson(
        "valid loss levelled off: more --epochs would gain little",
        "Train loss was still falling at the end, but valid loss had levelled off "
        f"(at {nats(course.end.valid_loss)}). More `--epochs` would gain little.",
    )


def _settled(course: Course) -> Lesson:
    train, valid = nats(course.end.train_loss), nats(course.end.valid_loss)
    return Lesson(
        "both losses levelled off: the network learned what it can",
        f"Both losses levelled off (train {train}, valid {valid}). The network learned what it can from these photos.",
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
