"""A probe's course, written once it is there: it takes seconds, so there is nothing to watch meanwhile."""

from collections.abc import Sequence

from whatsit.board import tags
from whatsit.board.events import Events
from whatsit.learning.trace import Step


def write_course(events: Events, steps: Sequence[Step]) -> None:
    """Curves over the iterations of L-BFGS; none of a head that has none."""
    for step in steps:
        events.scalar(tags.TRAIN_LOSS, step.train_loss, step.iteration)
        events.scalar(tags.VALID_LOSS, step.valid_loss, step.iteration)
        events.scalar(tags.TRAIN_ACCURACY, step.train_accuracy, step.iteration)
        events.scalar(tags.VALID_ACCURACY, step.valid_accuracy, step.iteration)
