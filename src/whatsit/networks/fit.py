"""A network and photos → the network with the weights of its best epoch, and how it went.

Lightning's trainer runs the loop, on whatever device there is. Its state lies in one file that is replaced after every
epoch; what chance decides hangs on seed, epoch and batch alone. So a training that was killed and is resumed gives the
weights that it would have given. What comes out is read from that file, too, so that one process or several make no
difference.
"""

import logging
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor

from whatsit.errors import WhatsitError
from whatsit.learning.history import Epoch, History
from whatsit.machine import cores
from whatsit.networks.callbacks import CHECKPOINT, KeepCheckpoint, Progress, Record, Say, Stop
from whatsit.networks.depthwise import speed_up
from whatsit.networks.learner import Learner, Task
from whatsit.networks.network import Network

SHORTEST_AVERAGE, LONGEST_AVERAGE = 10, 1000  # steps


@dataclass(frozen=True)
class Steering:
    """How long, where, and who watches."""

    epochs: int
    patience: int
    averaging: bool
    seed: int
    stop_at_accuracy: float | None = None
    max_seconds: float | None = None
    mixed_precision: bool = True
    device: str = "cpu"
    devices: int = 1
    callbacks: tuple[Callback, ...] = ()  # the user's own


def fit(
    network: Network, task: Task, steering: Steering, folder: Path, say: Say, start: Epoch | None = None
) -> History:
    """Trains, or goes on where the folder's checkpoint ends. The network then has the weights of its best epoch.

    Raises WhatsitError where the loss is no number, KeyboardInterrupt at a second Ctrl-C.
    """
    record = Record(network, start)
    stop = Stop(
        record,
        patience=steering.patience,
        accuracy=steering.stop_at_accuracy,
        max_seconds=steering.max_seconds,
    )
    callbacks: list[Callback] = [record, stop, Progress(say, record)]
    if steering.averaging:
        callbacks.append(WeightAveraging(avg_fn=_average(len(task.train))))
    callbacks += [*steering.callbacks, KeepCheckpoint(folder)]
    if steering.device == "cpu":
        torch.set_num_threads(max(1, cores() // steering.devices))
        speed_up(network)
    network.to(memory_format=torch.channels_last)
    learner = Learner(network, task)
    checkpoint = folder / CHECKPOINT
    with _quiet():
        trainer = _trainer(steering, callbacks, folder)
        _run(trainer, learner, checkpoint if checkpoint.exists() else None)
    return _finished(network, checkpoint, task, steering)


def resumes(folder: Path) -> bool:
    """Whether `fit` would go on with a training there."""
    return (folder / CHECKPOINT).exists()


def _average(steps: int) -> Callable[[Tensor, Tensor, int | Tensor], Tensor]:
    """An exponential average over about an epoch of steps: longer ones lag behind, shorter ones gain nothing.

    At first over fewer, as in TensorFlow's ExponentialMovingAverage, so that the first weights are soon forgotten.
    """
    longest = min(max(steps, SHORTEST_AVERAGE), LONGEST_AVERAGE)

    def average(averaged: Tensor, current: Tensor, count: int | Tensor) -> Tensor:
        share = 1 - min((1 + int(count)) / (10 + int(count)), 1 - 1 / longest)
        return torch.lerp(averaged, current.to(averaged.dtype), share) if averaged.is_floating_point() else current

    return average


def _trainer(steering: Steering, callbacks: Sequence[Callback], folder: Path) -> Trainer:
    several = steering.devices > 1
    return Trainer(
        accelerator="cpu" if steering.device == "cpu" else "gpu",
        devices=steering.devices,
        strategy="ddp_spawn" if several else "auto",
        precision=precision(steering),
        max_epochs=steering.epochs,
        callbacks=list(callbacks),
        default_root_dir=folder,
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=True,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def precision(steering: Steering) -> Any:
    """bf16 where it is fast: on processors and GPUs that compute in it."""
    if not steering.mixed_precision:
        return "32-true"
    if steering.device != "cpu":
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
    return "bf16-mixed" if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported() else "32-true"


def _run(trainer: Trainer, learner: Learner, checkpoint: Path | None) -> None:
    try:
        trainer.fit(learner, ckpt_path=checkpoint, weights_only=True)
    except SystemExit as end:  # what Lightning makes of a KeyboardInterrupt
        raise KeyboardInterrupt from end


@contextmanager
def _quiet() -> Iterator[None]:
    """Lightning's hints are for its programmers; ours know (few workers, no logger, a loop's own iterables)."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric", "torch")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _finished(network: Network, checkpoint: Path, task: Task, steering: Steering) -> History:
    states = torch.load(checkpoint, weights_only=True)["callbacks"]
    kept, stopped = states["Record"], states["Stop"]
    epochs = tuple(Epoch(**values) for values in kept["epochs"])
    if not math.isfinite(kept["best_loss"]):
        raise WhatsitError(
            f"the loss is no number after epoch {epochs[-1].number}: the steps are too long. "
            "Give a smaller --learning-rate, or let it be found: --learning-rate find"
        )
    network.load_state_dict(kept["weights"])
    network.eval()
    reason = stopped["reason"] or f"all {steering.epochs} epochs done"
    return History(epochs, kept["best"], reason, augmented=bool(task.augment))
