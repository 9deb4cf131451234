"""One training step and one validation step, as Lightning calls them. What chance decides hangs on the batch alone.

The loss is cross-entropy, of one logit where there are two classes. Targets are distributions over the classes, so
that mixed photos and smoothed labels need no loss of their own.
"""

from dataclasses import dataclass, replace
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor
from torch.nn import functional

from whatsit.training.network.augment.augmentation import Augmentation
from whatsit.training.network.batches import Batch, Batches
from whatsit.training.network.modules import Network, augments, layout, widest
from whatsit.training.network.optimizer import Course, follow, optimizer_of, schedule_of


@dataclass(frozen=True)
class Task:
    """What a network is to learn from, and how."""

    train: Batches
    valid: Batches
    course: Course
    augment: str
    label_smoothing: float
    class_weights: tuple[float, ...] | None  # of mean 1 over the photos


class Learner(LightningModule):
    """A network, its task, and the sums that the figures of an epoch are made of."""

    def __init__(self, network: Network, task: Task) -> None:
        super().__init__()
        self.network = network
        self.task = task
        self.augmentation = Augmentation(task.augment)
        weights = task.class_weights or (1.0,) * network.classes
        self.register_buffer("class_weights", torch.tensor(weights), persistent=False)
        self.class_weights: Tensor
        self.sums: dict[str, Tensor] = {}  # by stage, where the network is: loss in nats, right answers, photos
        self._valid_logits = torch.empty(0)

    def train_dataloader(self) -> Batches:
        self.batches = self._share(self.task.train)
        return self.batches

    def val_dataloader(self) -> Batches:
        return self._share(self.task.valid)

    def _share(self, batches: Batches) -> Batches:
        return replace(batches, rank=self.trainer.global_rank, world=self.trainer.world_size)

    def on_train_start(self) -> None:
        """A training that is resumed goes on at its course's rate, which is another where it got more epochs."""
        follow(self.lr_schedulers())

    def on_train_epoch_start(self) -> None:
        self.batches.epoch = self.current_epoch
        self.network.train()  # Lightning leaves it as it was given: after a probe it does not learn as it should
        self.sums.pop("train", None)

    def on_validation_epoch_start(self) -> None:
        self.sums.pop("valid", None)
        self._valid_logits = torch.zeros(len(self.task.valid.rows), self.network.classes)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        if not augments(device.type):
            return batch  # each step brings what it has made of it
        moved: Batch = super().transfer_batch_to_device(batch, device, dataloader_idx)
        return moved

    def _here(self, pixels: Tensor) -> Tensor:
        return pixels.to(self.device, memory_format=layout(self.device.type))

    def training_step(self, batch: Batch, number: int) -> Tensor:
        torch.manual_seed(batch.draw)  # dropout draws from the global generator
        generator = torch.Generator().manual_seed(batch.draw)
        pixels = self.augmentation(batch.pixels, generator)
        truth = functional.one_hot(batch.labels, self.network.classes).float()
        pixels, targets = self.augmentation.mix(pixels, truth, generator)
        targets = targets.to(self.device)
        logits = self.network(self._here(pixels)).float()
        with torch.no_grad():
            self._count("train", logits, targets)
        return weighted_loss(logits, smoothed(targets, self.task.label_smoothing), self.class_weights)

    def validation_step(self, batch: Batch, number: int) -> None:
        logits = self.network(self._here(batch.pixels.float())).float()
        truth = functional.one_hot(batch.labels, self.network.classes).float()
        self._count("valid", logits, truth.to(self.device))
        first = number * self.task.valid.size + self.trainer.global_rank
        self._valid_logits[first :: self.trainer.world_size][: len(logits)] = scores(logits).cpu()

    def _count(self, stage: str, logits: Tensor, targets: Tensor) -> None:
        right = (scores(logits).argmax(1) == targets.argmax(1)).sum()
        losses = cross_entropies(logits, targets).sum()
        found = torch.stack([losses, right, losses.new_tensor(len(logits))]).to(widest(self.device.type))
        self.sums[stage] = self.sums[stage] + found if stage in self.sums else found

    def all_valid_logits(self) -> Tensor:
        """(photos, classes) of the last validation, in the order of the task, over all processes.

        All of them must call it.
        """
        mine = self._valid_logits.to(self.device, copy=True)  # 0 where another process looked
        all_of_them: Tensor = self.trainer.strategy.reduce(mine, reduce_op="sum")
        return all_of_them.cpu()

    def figures(self, stage: str) -> tuple[float, float, int]:
        """(mean loss in nats, accuracy, photos) so far, over all processes."""
        loss, right, n = self.trainer.strategy.reduce(self.sums[stage].clone(), reduce_op="sum").tolist()
        return loss / max(n, 1), right / max(n, 1), int(n)

    def configure_optimizers(self) -> Any:
        optimizer = optimizer_of(self.network, self.task.course)
        return [optimizer], [{"scheduler": schedule_of(optimizer, self.task.course), "interval": "step"}]


def scores(logits: Tensor) -> Tensor:
    """(n, outputs) → (n, classes) logits: one output is that of the second class, beside a 0."""
    return torch.cat([torch.zeros_like(logits), logits], dim=1) if logits.shape[1] == 1 else logits


def smoothed(targets: Tensor, share: float) -> Tensor:
    """(n, classes) → the same with a share spread evenly over all classes (Szegedy et al. 2016)."""
    return targets * (1 - share) + share / targets.shape[1]


def cross_entropies(logits: Tensor, targets: Tensor) -> Tensor:
    """(n, outputs), (n, classes) distributions → (n,) in nats."""
    return -(targets * functional.log_softmax(scores(logits), dim=1)).sum(1)


def weighted_loss(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The mean cross-entropy, each photo weighing what its classes do."""
    of_each = targets @ weights  # (n,)
    return (cross_entropies(logits, targets) * of_each).sum() / of_each.sum()
