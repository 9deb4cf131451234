"""What writes a network's training for TensorBoard while it runs: a Lightning callback like a user's own.

It looks at the figures and the answers to valid photos that `Record` keeps; photos that judge it cannot see. Of several
processes the first writes. It needs PyTorch, so it is imported where it is used.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer
from numpy.typing import NDArray

from whatsit.training.calibration import softmax
from whatsit.training.fitted import Epoch
from whatsit.training.network.batches import Batches
from whatsit.training.network.callbacks import Record
from whatsit.training.network.learner import Learner
from whatsit.training.tensorboard import tags
from whatsit.training.tensorboard.confusion import confusion, draw_confusion
from whatsit.training.tensorboard.events import Events, Value, begin
from whatsit.training.tensorboard.highest_loss import draw_worst, worst_rows, wrong_of

PICTURES = 10  # TensorBoard shows so many steps of a picture, so the worst photos are not drawn more often


class Board(Callback):
    """Writes into a run's folder what each epoch gave; a resumed training goes on where the folder ends."""

    def __init__(self, run: Path, classes: Sequence[str], values: Mapping[str, Value]) -> None:
        """values: the hyper-parameters, of `COLUMNS`."""
        self.run = run
        self.classes = classes
        self.values = values
        self._pixels: NDArray[np.uint8] | None = None  # of all photos to learn from; held, as the file may go
        self._events: Events | None = None  # of the first process; opened there, as files cannot be sent to it

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        if not isinstance(module, Learner) or not trainer.is_global_zero:
            return
        self._pixels = np.load(module.task.valid.file, mmap_mode="r")
        self._events = Events(self.run)
        begin(self._events, self.values)
        for epoch in Record.of(trainer).epochs:  # the probe that it begins with, or all before a resumption
            _write_epoch(self._events, epoch)
        self._events.flush()

    def on_train_batch_end(self, trainer: Trainer, module: LightningModule, outputs: Any, *_: Any) -> None:
        if self._events is not None:
            self._events.scalar(tags.STEP_LOSS, float(outputs["loss"]), trainer.global_step)

    def on_validation_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        if trainer.sanity_checking or not isinstance(module, Learner) or self._events is None:
            return
        record = Record.of(trainer)
        epoch = record.epochs[-1]
        _write_epoch(self._events, epoch)
        self._draw(module.task.valid, record.valid_logits.numpy(), epoch.number, trainer.max_epochs or 1)
        self._events.flush()

    def on_exception(self, trainer: Trainer, module: LightningModule, exception: BaseException) -> None:
        self._close()

    def teardown(self, trainer: Trainer, module: LightningModule, stage: str) -> None:
        self._close()

    def _close(self) -> None:
        if self._events is not None:
            self._events.close()
            self._events = None

    def _draw(self, valid: Batches, logits: NDArray[np.float32], epoch: int, epochs: int) -> None:
        if self._events is None or self._pixels is None:
            return
        p = softmax(logits)
        if not self._events.has(tags.CONFUSION, epoch):
            counts = confusion(valid.labels, p.argmax(axis=1), len(self.classes))
            picture = draw_confusion(counts, self.classes, f"epoch {epoch}, valid photos")
            self._events.image(tags.CONFUSION, picture, epoch)
        due = epoch % -(-epochs // PICTURES) == 0 or epoch == 1
        if due and not self._events.has(tags.WORST, epoch):
            rows = worst_rows(valid.labels, p)
            worst = [wrong_of(self._pixels[valid.rows[i]], int(valid.labels[i]), p[i], self.classes) for i in rows]
            picture = draw_worst(worst, f"epoch {epoch}, valid photos of greatest loss")
            self._events.image(tags.WORST, picture, epoch, photos=True)


def _write_epoch(events: Events, epoch: Epoch) -> None:
    figures = {
        tags.TRAIN_LOSS: epoch.train_loss,
        tags.VALID_LOSS: epoch.valid_loss,
        tags.TRAIN_ACCURACY: epoch.train_accuracy,
        tags.VALID_ACCURACY: epoch.valid_accuracy,
        tags.LEARNING_RATE: epoch.learning_rate,
        tags.IMAGES_PER_SECOND: epoch.images_per_second,
    }
    for tag, value in figures.items():
        events.scalar(tag, value, epoch.number)
