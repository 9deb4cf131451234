"""A learning rate by a short trial: it grows from step to step, and the loss says when it is too long (Smith 2017).

The trial is made on a copy of the network with the optimizer, the batches and the augmentation of the training to
come, and chance hangs on the batch alone as there; so the same seed gives the same rate, and nothing of the trial is
left. Lightning's own finder would give all parts of a network one rate, write a checkpoint, and draw a bar.
"""

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

import torch
from torch import Tensor

from whatsit.progress import Advance
from whatsit.training.network.batches import Batch, Batches
from whatsit.training.network.depthwise import speed_up
from whatsit.training.network.learner import Learner, Task
from whatsit.training.network.modules import Network, augments, layout
from whatsit.training.network.optimizer import optimizer_of
from whatsit.training.network.trainer import autocast

STEPS = 100  # twelve and more a power of ten: the loss needs some to answer
LOWEST, HIGHEST = 1e-6, 10.0  # from where no optimizer here moves a network, to where all diverge
SMOOTHING = 0.9  # of the exponential average of the losses: over about ten batches, as one alone is noise
DIVERGED = 4.0  # times the least smoothed loss: no better one follows (fastai's and Lightning's, too)
STILL = 10  # steps that are too short to move anything: what follows is held against their loss
CLEAR = 0.1  # share of that loss by which it must fall: less may be noise of the batches


@dataclass(frozen=True)
class Found:
    """A learning rate for the fastest part of the network, and the trial that it comes from."""

    learning_rate: float
    rates: tuple[float, ...]  # of each step
    losses: tuple[float, ...]  # smoothed, in nats


def find_learning_rate(
    network: Network,
    task: Task,
    advance: Advance,
    *,
    device: str = "cpu",
    precision: str = "32-true",
    steps: int = STEPS,
) -> Found:
    """device: of PyTorch, "cpu", "cuda" or "mps"; precision: as Lightning calls it, from `fit.precision`.

    The network, and PyTorch's global generator, stay as they are. Where no rate makes the loss fall clearly it is the
    course's own.
    """
    if not any(parameter.requires_grad for parameter in network.parameters()):
        return Found(task.course.learning_rate, (), ())  # nothing learns, so any will do
    rates = [LOWEST * (HIGHEST / LOWEST) ** (i / (steps - 1)) for i in range(steps)]
    losses: list[float] = []
    with torch.random.fork_rng():
        for loss in _trial(network, task, rates, advance, device, precision):
            losses.append(loss)
            if _diverges(losses):
                break
    tried = rates[: len(losses)]
    return Found(suggested(tried, losses, task.course.learning_rate), tuple(tried), tuple(losses))


def _trial(
    network: Network, task: Task, rates: list[float], advance: Advance, device: str, precision: str
) -> Iterator[float]:
    """One training step after another, of the rates given; yields the smoothed loss before each."""
    learner = Learner(_copied(network, device), task).to(device)
    optimizer = optimizer_of(learner.network, task.course)
    shares = [group["lr"] / task.course.learning_rate for group in optimizer.param_groups]
    learner.train()
    wide = "bf16-mixed" if precision == "16-mixed" else precision  # float16 would want a scaled loss
    average = 0.0
    for i, (rate, batch) in enumerate(zip(rates, _endless(task.train), strict=False)):
        for group, share in zip(optimizer.param_groups, shares, strict=True):
            group["lr"] = rate * share
        if augments(device):
            batch = Batch(batch.pixels.to(device), batch.labels.to(device), batch.draw)
        with autocast(device, wide):
            loss: Tensor = learner.training_step(batch, i)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        average = SMOOTHING * average + (1 - SMOOTHING) * loss.item()
        smoothed = average / (1 - SMOOTHING ** (i + 1))
        advance(len(batch.labels), f"learning rate {rate:.1e}, loss {smoothed:.3f}")
        yield smoothed


def _copied(network: Network, device: str) -> Network:
    """Ready to learn as `fit` makes it."""
    copied = copy.deepcopy(network)
    if device == "cpu":
        speed_up(copied)
    return copied.to(device=device, memory_format=layout(device))  # type: ignore[call-overload, no-any-return]


def _endless(batches: Batches) -> Iterator[Batch]:
    """Epoch after epoch."""
    for epoch in count():
        yield from replace(batches, epoch=epoch)


def _diverges(losses: list[float]) -> bool:
    if not math.isfinite(losses[-1]):
        return True
    return len(losses) > STILL and losses[-1] > DIVERGED * min(losses)


def suggested(rates: list[float], losses: list[float], otherwise: float) -> float:
    """The rate at which the loss has fallen half way, between where it begins to fall and where it stops (Smith 2017).

    `otherwise`, where it never falls clearly. fastai's `valley` takes the flat part before the fall for a part of it,
    and gave a third to a thirtieth of what learned best (docs/log.md).
    """
    tried, fall = rates[STILL:], losses[STILL:]
    least = min(fall, default=math.nan)
    if not (fall and least < (1 - CLEAR) * fall[0]):
        return otherwise
    half = (fall[0] + least) / 2
    return next(rate for rate, loss in zip(tried, fall, strict=True) if loss <= half)
