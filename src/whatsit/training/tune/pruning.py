"""Gives a training up while it goes on, by the figures of its epochs so far. It is one of Lightning's callbacks."""

from collections.abc import Callable, Mapping

from lightning.pytorch import Callback, LightningModule, Trainer

from whatsit.training.network.callbacks import Record
from whatsit.training.tune.study import GivenUp

Losses = Mapping[int, float]  # on valid, in nats, by epoch


class Prune(Callback):
    """Raises GivenUp after the epoch at which `give_up` says so. It stands behind the record of epochs."""

    def __init__(self, give_up: Callable[[Losses], bool]) -> None:
        self.give_up = give_up

    def on_validation_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        losses = {epoch.number: epoch.judged_by for epoch in Record.of(trainer).epochs}
        if self.give_up(losses):
            raise GivenUp(max(losses))
