"""Gives a training up while it goes on, by the figures of its epochs so far.

It stands where progress is told, so that whoever trains need not know of searches: after every epoch there is a new
checkpoint, and the figures are in it. It is one step of the next epoch late.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from whatsit.steps.see import Advance, Watch

LEARNING = "learning"  # the step whose progress is that of epochs
WORSE = "worse than half of the earlier trials at the same epoch"
Losses = Mapping[int, float]  # on valid, by epoch


class GivenUp(Exception):  # noqa: N818 (no error: a trial's way to end)
    """A trial that is not worth its time."""

    def __init__(self, losses: Losses) -> None:
        super().__init__(WORSE)
        self.losses = losses


def pruned(watch: Watch, folder: Path, give_up: Callable[[Losses], bool]) -> Watch:
    """The same watch, but that learning ends with GivenUp. folder: of the training under way."""

    @contextmanager
    def watching(step: str, total: int | None) -> Iterator[Advance]:
        with watch(step, total) as advance:
            yield _Judge(advance, folder, give_up) if step == LEARNING else advance

    return watching


class _Judge:
    """Looks once an epoch; that there is nothing new costs a few microseconds a step."""

    def __init__(self, advance: Advance, folder: Path, give_up: Callable[[Losses], bool]) -> None:
        from whatsit.networks.callbacks import CHECKPOINT

        self.advance = advance
        self.file = folder / CHECKPOINT
        self.give_up = give_up
        self.seen = 0  # nanoseconds: the time of the checkpoint that was read last

    def __call__(self, n: int, note: str = "") -> None:
        self.advance(n, note)
        written = self.file.stat().st_mtime_ns if self.file.exists() else 0
        if written == self.seen:
            return
        self.seen = written
        losses = valid_losses(self.file)
        if self.give_up(losses):
            raise GivenUp(losses)


def valid_losses(checkpoint: Path) -> Losses:
    """Of every epoch in a training's checkpoint, in nats."""
    import torch

    state = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
    return {epoch["number"]: epoch["valid_loss"] for epoch in state["callbacks"]["Record"]["epochs"]}
