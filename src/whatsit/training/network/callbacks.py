"""What watches a training and steers it: the record of its epochs, the checkpoint, and the reasons to stop.

They are Lightning's callbacks, and so are a user's own, which are called beside them.
"""

import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from torch import Tensor

from whatsit.files import left_over, written_atomically
from whatsit.notices import notice
from whatsit.progress import Advance
from whatsit.training.calibration import calibrated_losses
from whatsit.training.fitted import INTERRUPTED, NO_NUMBER, Epoch
from whatsit.training.network.batches import Batch
from whatsit.training.network.learner import Learner
from whatsit.training.network.modules import Losses, Network, Start, clearly_worse
from whatsit.training.network.processes import Flag

CHECKPOINT = "last.ckpt"
OUTCOME = "outcome.pt"
LOOK_EVERY = 0.2  # seconds
TIME_OVER = "its time was over"
MOST_LINES = 100  # of a training from a script: of 300 epochs, every third is told


class Record(Callback):
    """Every epoch's figures, and the weights of the best one: the last that is not clearly worse than the least.

    That is of the valid losses, once calibrated. start: what training begins with, where that is worth keeping;
    total: how many the course has; chooses: else the weights of the last one.
    """

    def __init__(self, network: Network, start: Start | None, total: int, *, chooses: bool = True) -> None:
        self.total = total
        self.counted_from = 0  # the epoch that patience begins anew at: that after which more were asked for
        self.chooses = chooses
        self.epochs = [start.epoch] if start else []
        self.best = self.least = 0  # numbers of epochs: whose weights are kept, and that of least valid loss
        self.best_weights = _copied(network) | dict(start.head if start else {})
        self.least_losses = torch.from_numpy(start.losses) if start else torch.empty(0)  # of each valid photo
        self.valid_logits = torch.empty(0)  # (photos, classes) of the last epoch, of all processes
        self._began = 0.0
        self._learned = 0.0  # seconds

    @classmethod
    def of(cls, trainer: Trainer) -> "Record":
        """That of a training under way, for callbacks that stand behind it."""
        (record,) = (one for one in trainer.callbacks if isinstance(one, cls))  # type: ignore[attr-defined]
        return record

    def on_train_epoch_start(self, trainer: Trainer, module: LightningModule) -> None:
        self._began = time.monotonic()

    def on_validation_epoch_start(self, trainer: Trainer, module: LightningModule) -> None:
        self._learned = time.monotonic() - self._began

    def on_validation_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Called while averaged weights are in place, as this callback stands before the averaging one."""
        if trainer.sanity_checking or not isinstance(module, Learner):
            return
        train_loss, train_accuracy, photos = module.figures("train")
        valid_loss, valid_accuracy, _ = module.figures("valid")
        self.valid_logits = module.all_valid_logits()
        losses = calibrated_losses(self.valid_logits.numpy(), module.task.valid.labels)
        epoch = Epoch(
            number=trainer.current_epoch + 1,
            train_loss=train_loss,
            train_accuracy=train_accuracy,
            valid_loss=valid_loss,
            valid_accuracy=valid_accuracy,
            learning_rate=max(group["lr"] for group in trainer.optimizers[0].param_groups),
            seconds=time.monotonic() - self._began,
            images_per_second=photos / max(self._learned, 1e-9),
            calibrated_loss=float(losses.mean()),
        )
        self._choose(epoch, losses, module.network)
        self.epochs.append(epoch)
        module.log_dict(
            {"valid_loss": valid_loss, "valid_accuracy": valid_accuracy, "train_loss": train_loss}, rank_zero_only=False
        )

    def _choose(self, epoch: Epoch, losses: Losses, network: Network) -> None:
        finite = math.isfinite(epoch.judged_by)
        if finite and (not len(self.least_losses) or losses.mean() < float(self.least_losses.mean())):
            self.least, self.least_losses = epoch.number, torch.from_numpy(losses)
        if not self.chooses or (finite and not clearly_worse(losses, self.least_losses.numpy())):
            self.best, self.best_weights = epoch.number, _copied(network)

    def state_dict(self) -> dict[str, Any]:
        return {
            "epochs": [asdict(epoch) for epoch in self.epochs],
            "total": self.total,
            "counted_from": self.counted_from,
            "best": self.best,
            "least": self.least,
            "weights": self.best_weights,
            "least_losses": self.least_losses,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.epochs = [Epoch(**values) for values in state_dict["epochs"]]
        same = state_dict.get("total", self.total) == self.total
        self.counted_from = state_dict.get("counted_from", 0) if same else self.epochs[-1].number
        self.best, self.best_weights = state_dict["best"], state_dict["weights"]
        self.least, self.least_losses = state_dict["least"], state_dict["least_losses"]


def _copied(network: Network) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}


class Keep(Checkpoint):
    """Two files: after every whole epoch all that training hangs on, and at the end what it came to.

    Each replaces the one before, so a kill at any moment leaves the last whole one. An epoch that was broken off is in
    the outcome alone: it is none that training could go on from as if nothing had happened.
    """

    def __init__(self, folder: Path, record: Record, stop: "Stop") -> None:
        self.folder = folder
        self.record = record
        self.stop = stop

    def on_fit_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Sweeps away what killed processes left; each is as large as a checkpoint."""
        if trainer.is_global_zero:
            for name in (CHECKPOINT, OUTCOME):
                for half in left_over(self.folder / name):
                    half.unlink(missing_ok=True)

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        if trainer.fit_loop.batch_idx + 1 < trainer.num_training_batches:
            return
        path = self.folder / CHECKPOINT
        if trainer.is_global_zero:
            with written_atomically(path) as fresh:
                trainer.save_checkpoint(fresh)
        else:
            trainer.save_checkpoint(path)  # all processes must call it, and only the first one writes

    def on_fit_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Called where nothing was left to do, too."""
        if trainer.is_global_zero:
            with written_atomically(self.folder / OUTCOME) as fresh:
                torch.save({**self.record.state_dict(), "reason": self.stop.reason}, fresh)


class Stop(Callback):
    """Ends training for the user's reasons; `reason` says which it was.

    Alone on the machine it stops after the batch; of several processes all must agree, so they stop after the epoch.
    """

    def __init__(
        self, record: Record, interrupted: Flag, *, patience: int, accuracy: float | None, max_seconds: float | None
    ) -> None:
        self.record = record
        self.interrupted = interrupted
        self.patience = patience
        self.accuracy = accuracy
        self.max_seconds = max_seconds
        self.reason = ""
        self._began = 0.0

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Time counts from here, and that of earlier runs with it, where training was resumed: it may have ended."""
        self._began = time.monotonic() - sum(epoch.seconds for epoch in self.record.epochs)
        if self.record.epochs:
            self._judge(trainer)

    def on_train_batch_end(self, trainer: Trainer, module: LightningModule, *_: Any) -> None:
        if trainer.world_size == 1 and not trainer.should_stop:
            self._stop(trainer, self._urgent(trainer))
            if self.interrupted.value and trainer.should_stop:
                notice(f"{self.reason.capitalize()}: stopping; the best epoch so far is kept")

    def on_validation_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        reason = self._urgent(trainer)
        if trainer.strategy.reduce_boolean_decision(bool(reason), all=False):
            # Another process may have seen it first: the flag is all processes', a clock is not.
            self._stop(trainer, reason or self._urgent(trainer) or TIME_OVER)
        self._judge(trainer)

    def _judge(self, trainer: Trainer) -> None:
        """By the figures, which are the same in all processes."""
        last = self.record.epochs[-1]
        since = last.number - max(self.record.least, self.record.counted_from)
        if not math.isfinite(last.train_loss + last.valid_loss):
            self._stop(trainer, NO_NUMBER)
        if self.accuracy is not None and last.valid_accuracy >= self.accuracy:
            self._stop(trainer, f"valid accuracy reached {self.accuracy:g}")
        if since >= self.patience:
            self._stop(trainer, f"no better valid loss for {since} epochs")

    def _urgent(self, trainer: Trainer) -> str:
        if self.interrupted.value:
            return f"{INTERRUPTED} in epoch {trainer.current_epoch + 1} of {trainer.max_epochs}"
        over = self.max_seconds is not None and time.monotonic() - self._began > self.max_seconds
        return TIME_OVER if over else ""

    def _stop(self, trainer: Trainer, reason: str) -> None:
        if reason:
            self.reason = self.reason or reason
            trainer.should_stop = True


class ProgressCallback(Callback):
    """Tells how far it is: photos learned from, and the figures so far.

    They are looked at a few times a second: to look is to wait until a GPU has done all that it was given.
    """

    def __init__(self, advance: Advance, record: Record) -> None:
        self.advance = advance
        self.record = record
        self._note = ""
        self._looked = -math.inf

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Of a training that is resumed, the epochs before."""
        if trainer.current_epoch and not trainer.should_stop and isinstance(module, Learner) and trainer.is_global_zero:
            self.advance(trainer.current_epoch * len(module.task.train.rows), self._note)

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Batch, number: int
    ) -> None:
        if not isinstance(module, Learner) or not trainer.is_global_zero:
            return
        if number == 0 or time.monotonic() - self._looked > LOOK_EVERY:
            self._note = self._figures(trainer, module)
            self._looked = time.monotonic()
        self.advance(len(batch.labels) * trainer.world_size, self._note)

    def _figures(self, trainer: Trainer, module: Learner) -> str:
        loss, right, n = module.sums["train"].tolist()
        note = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}, loss {loss / n:.3f}, accuracy {right / n:.3f}"
        if self.record.epochs:
            note += f", valid {self.record.epochs[-1].valid_accuracy:.3f}"
        return note


class EpochLines(Callback):
    """A line for each epoch, or for some of very many, through the log: a script sees no bar."""

    def on_validation_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Called after the record's, which has the figures."""
        epochs = Record.of(trainer).epochs
        if trainer.sanity_checking or not trainer.is_global_zero or not epochs:
            return
        last, whole = epochs[-1], trainer.max_epochs or 1
        if (last.number - 1) % math.ceil(whole / MOST_LINES) and last.number < whole and not trainer.should_stop:
            return
        notice(
            f"Epoch {last.number} of {whole}: loss {last.train_loss:.3f}, accuracy "
            f"{last.train_accuracy:.3f}, valid {last.valid_accuracy:.3f}, {last.seconds:.1f} s"
        )
