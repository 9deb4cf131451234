"""How a network's training went, epoch by epoch: what curves, the report and TensorBoard are drawn from."""

from dataclasses import dataclass

INTERRUPTED = "interrupted"  # how the reason begins why a training ended that the user broke off
NO_NUMBER = "the loss was no number"  # or that diverged


@dataclass(frozen=True)
class Epoch:
    """One pass over the photos to learn from. Losses are mean cross-entropies in nats, without label smoothing."""

    number: int  # from 1; 0 is the probe that fine-tuning begins with
    train_loss: float  # of the augmented photos, as they were learned from
    train_accuracy: float
    valid_loss: float  # of the averaged weights, where weights are averaged
    valid_accuracy: float
    learning_rate: float  # of the fastest part of the network, at the end of the epoch
    seconds: float
    images_per_second: float  # learned from, without validation
    calibrated_loss: float | None = None  # the valid loss at its best temperature, which every model gets in the end

    @property
    def judged_by(self) -> float:
        """What epochs are compared by, in nats: smoothed labels alone would make a network look worse than a probe."""
        return self.valid_loss if self.calibrated_loss is None else self.calibrated_loss


@dataclass(frozen=True)
class History:
    """All epochs of a training, and which one's weights were kept."""

    epochs: tuple[Epoch, ...]  # whose losses are numbers
    best: int  # the number of the last epoch whose valid loss, calibrated, is within a standard error of the least
    stopped: str  # why it ended, in words: "all 10 epochs done", "interrupted in epoch 11 of 300"
    augmented: bool  # photos to learn from were, so train figures are those of harder photos

    @property
    def interrupted(self) -> bool:
        """Whether the user broke it off."""
        return self.stopped.startswith(INTERRUPTED)

    @property
    def diverged(self) -> bool:
        """Whether one more epoch, whose loss was no number, ended it."""
        return self.stopped == NO_NUMBER
