"""A network and photos → the network with the weights of its best epoch, and how it went.

Lightning's trainer runs the loop, on whatever device there is. Its state lies in one file that is replaced after every
epoch; what chance decides hangs on seed, epoch and batch alone. So a training that was killed and is resumed gives the
weights that it would have given. What comes out is read from a file, too, so that one process or several make no
difference. The caller's threads, random numbers and Ctrl-C are as before when it ends.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from whatsit.errors import DivergedError, WhatsitError
from whatsit.machine import cores
from whatsit.notices import notice
from whatsit.progress import Advance
from whatsit.training.fitted import NO_NUMBER, Epoch, History
from whatsit.training.network.accelerators import ACCELERATORS, check_accelerator
from whatsit.training.network.augment.augmentation import Augmentation
from whatsit.training.network.callbacks import CHECKPOINT, OUTCOME, Keep, ProgressCallback, Record, Stop
from whatsit.training.network.depthwise import speed_up
from whatsit.training.network.learner import Learner, Task
from whatsit.training.network.modules import Network, Start, layout
from whatsit.training.network.processes import (
    AFTER_EPOCH,
    Flag,
    Processes,
    advance_across,
    listening,
    none_left_over,
    quiet,
    raised_flag,
    shares,
)

NOTHING_LEARNS = "nothing was left to learn"
LONE_NUMBER = "more than 1 value per channel"  # in PyTorch's error for a batch norm that has nothing to normalise
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
    stop_after: int | None = None  # so many of the epochs are trained, and the last weights kept: valid chooses nothing
    callbacks: tuple[Callback, ...] = ()  # the user's own
    epochs_given: bool = True  # by the user; if not, a training that had others is not resumed


def fit(
    network: Network, task: Task, steering: Steering, folder: Path, advance: Advance, start: Start | None = None
) -> History:
    """Trains, or goes on where the folder's checkpoint ends. The network then has the weights of its best epoch.

    Raises DivergedError where the loss is no number, WhatsitError where a file cannot be read or written,
    KeyboardInterrupt at a second Ctrl-C.
    """
    learns = any(parameter.requires_grad for parameter in network.parameters())
    if not learns or steering.stop_after == 0:
        return _as_it_began(network, start)
    _check(task, steering, folder / CHECKPOINT)
    with (
        _settings(steering),
        advance_across(advance, steering.devices) as reported,
        none_left_over(),
        quiet(),
    ):
        flag = raised_flag(steering.devices)
        trainer = _trainer(steering, _callbacks(network, task, steering, folder, reported, start, flag), folder)
        if steering.device == "cpu":
            speed_up(network)
        network.to(memory_format=layout(steering.device))
        with listening(flag, AFTER_EPOCH if steering.devices > 1 else ""):
            _run(trainer, Learner(network, task), folder / CHECKPOINT)
    return _finished(network, folder, task, steering)


def _callbacks(
    network: Network, task: Task, steering: Steering, folder: Path, advance: Advance, start: Start | None, flag: Flag
) -> list[Callback]:
    """In the order in which they are called: figures first, while averaged weights are in place."""
    record = Record(network, start, steering.epochs, chooses=steering.stop_after is None)
    stop = Stop(
        record,
        flag,
        patience=steering.patience,
        accuracy=steering.stop_at_accuracy,
        max_seconds=steering.max_seconds,
    )
    average = [WeightAveraging(multi_avg_fn=_Average(len(task.train)))] if steering.averaging else []
    return [record, stop, ProgressCallback(advance, record), *average, *steering.callbacks, Keep(folder, record, stop)]


def _as_it_began(network: Network, start: Start | None) -> History:
    if start is None:
        raise WhatsitError("--unfreeze none: nothing would learn, and no probe comes first. Give another --unfreeze")
    network.load_state_dict(start.head, strict=False)
    network.eval()
    return History((start.epoch,), start.epoch.number, NOTHING_LEARNS, augmented=False)


def resumes(folder: Path) -> bool:
    """Whether `fit` would go on with a training there."""
    return (folder / CHECKPOINT).exists()


class _Average:
    """An exponential average over about an epoch of steps: longer ones lag behind, shorter ones gain nothing.

    At first over fewer, as in TensorFlow's ExponentialMovingAverage, so that the first weights are soon forgotten.
    """

    def __init__(self, steps: int) -> None:
        self.longest = min(max(steps, SHORTEST_AVERAGE), LONGEST_AVERAGE)

    def __call__(self, averaged: list[Tensor], current: list[Tensor], count: int | Tensor) -> None:
        """In place; all of one type and device. A GPU's count is waited for, so it is asked once a step."""
        n = int(count)
        decay = min((1 + n) / (10 + n), 1 - 1 / self.longest) if averaged[0].is_floating_point() else 0.0
        get_ema_multi_avg_fn(decay)(averaged, current, count)  # type: ignore[no-untyped-call]


def _check(task: Task, steering: Steering, checkpoint: Path) -> None:
    """Before anything is begun: raises WhatsitError for what cannot go well."""
    check_accelerator(steering.device, steering.devices)
    shares([min(batches.size, len(batches.rows)) for batches in (task.train, task.valid)], steering.devices)
    if checkpoint.exists():
        _check_epochs(checkpoint, steering)


def _check_epochs(checkpoint: Path, steering: Steering) -> None:
    """Of a training to be resumed: another number of epochs is another course, which is asked for and said."""
    before = _read(checkpoint).get("callbacks", {}).get(Record.__qualname__, {})
    total, done = before.get("total"), before["epochs"][-1]["number"] if before.get("epochs") else 0
    if total is not None and total != steering.epochs and not steering.epochs_given:
        raise WhatsitError(
            f"{checkpoint.parent}: goes to {total} epochs, and {steering.epochs} would be the default. "
            f"Give --epochs {total}, or more"
        )
    if done > steering.epochs:
        raise WhatsitError(f"--epochs {steering.epochs}: {done} are learned already. Give more, or begin anew: --force")
    if total is not None and total != steering.epochs:
        notice(
            f"Epoch {done} of {total} is learned: going on to {steering.epochs}, "
            f"at the learning rates of a course of {steering.epochs}"
        )


@contextmanager
def _settings(steering: Steering) -> Iterator[None]:
    """PyTorch's threads and random numbers, which are the caller's own afterwards."""
    threads = torch.get_num_threads()
    devices = range(torch.cuda.device_count()) if steering.device == "cuda" else []
    apples = torch.mps.get_rng_state() if steering.device == "mps" else None
    with torch.random.fork_rng(devices):
        if steering.device == "cpu":
            torch.set_num_threads(max(1, cores() // steering.devices))
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            if apples is not None:
                torch.mps.set_rng_state(apples)


def _trainer(steering: Steering, callbacks: Sequence[Callback], folder: Path) -> Trainer:
    try:
        return Trainer(
            accelerator=ACCELERATORS[steering.device],
            devices=steering.devices,
            strategy=Processes(steering.devices, folder) if steering.devices > 1 else "auto",
            precision=precision(steering),
            max_epochs=steering.stop_after or steering.epochs,
            callbacks=list(callbacks),
            default_root_dir=folder,
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=True,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
    except MisconfigurationException as error:
        reason = str(error).strip().partition("\n")[0]
        raise WhatsitError(
            f"cannot train with --device {steering.device}, --devices {steering.devices}: {reason}"
        ) from error


def precision(steering: Steering) -> Any:
    """bf16 where it is fast: on processors and GPUs that compute in it. Apple's GPU computes in float32."""
    if not steering.mixed_precision or steering.device == "mps":
        return "32-true"
    if steering.device != "cpu":
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"
    able = torch.cpu.get_capabilities()
    return "bf16-mixed" if able.get("avx512_bf16") or able.get("amx_tile") else "32-true"


def autocast(device: str, precision: str) -> AbstractContextManager[object]:
    """The precision of training for what is computed outside of Lightning's loop."""
    if precision.startswith("32"):
        return nullcontext()
    return torch.autocast(device, torch.bfloat16 if precision.startswith("bf16") else torch.float16)


def _run(trainer: Trainer, learner: Learner, checkpoint: Path) -> None:
    try:
        trainer.fit(learner, ckpt_path=checkpoint if checkpoint.exists() else None, weights_only=True)
    except SystemExit as end:  # what Lightning makes of a KeyboardInterrupt
        raise KeyboardInterrupt from end
    except ValueError as error:
        if LONE_NUMBER not in str(error):
            raise
        raise WhatsitError(
            "a batch of one photo leaves a batch norm a single number. Give a larger --batch-size or --image-size"
        ) from error


def _read(file: Path) -> dict[str, Any]:
    try:
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file makes PyTorch raise nearly any type: this is the one gate
        raise WhatsitError(f"{file}: is damaged, so training cannot go on from it. Begin anew: --force") from error
    return state


def _finished(network: Network, folder: Path, task: Task, steering: Steering) -> History:
    outcome = _read(folder / OUTCOME)
    epochs = tuple(Epoch(**values) for values in outcome["epochs"])
    best, reason = outcome["best"], outcome["reason"]
    kept = next((epoch for epoch in epochs if epoch.number == best), None)
    if kept is None or not math.isfinite(kept.judged_by) or (reason == NO_NUMBER and best == 0):
        (folder / CHECKPOINT).unlink(missing_ok=True)  # to go on from it would be of no use
        raise DivergedError(
            f"the loss is no number after epoch {epochs[-1].number}: the steps are too long. "
            "Give a smaller --learning-rate, or let it be found: --learning-rate find"
        )
    network.load_state_dict(outcome["weights"])
    network.eval()
    finite = tuple(epoch for epoch in epochs if math.isfinite(epoch.train_loss + epoch.valid_loss))
    return History(
        finite, best, reason or f"all {steering.epochs} epochs done", augmented=not Augmentation(task.augment).identity
    )
