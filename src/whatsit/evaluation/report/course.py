"""Trends in the curves of a training, held against chance: what `words_on_learning` draws its sentences from.

A trend is a difference of means of two stretches of epochs, since few valid photos make curves jump. What it does not
know is how much the loss scatters from photo to photo: the curves hold means only, so chance is reckoned from the
number of valid photos and from what was measured elsewhere (below).
"""

from dataclasses import dataclass
from math import isfinite, sqrt
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whatsit.learning.history import Epoch, History

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
