"""Which parameters learn, how fast each of them, and how that changes from step to step."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from whatsit.config import OptimizerName, Unfreeze
from whatsit.training.network.modules import Network

LAST_BLOCKS = 1 / 3  # of the stages: the part that knows most of ImageNet's classes and least of edges
MOMENTUM = 0.9
Group = dict[str, "list[nn.Parameter] | float"]


@dataclass(frozen=True)
class Course:
    """How the weights move."""

    optimizer: OptimizerName
    learning_rate: float  # of the head; the stages below get less by `layer_decay` each
    weight_decay: float
    layer_decay: float  # 1: all learn alike
    steps: int
    warm_up: int  # steps
    cosine: bool


def unfreeze(network: Network, which: Unfreeze) -> None:
    """Lets these parts learn, and no others."""
    stages = network.stages()
    kept = {"none": 0, "head": 0, "last-blocks": math.ceil(len(stages) * LAST_BLOCKS), "all": len(stages)}[which]
    for parameter in network.parameters():
        parameter.requires_grad_(which == "all")
    for stage in stages[len(stages) - kept :]:
        for parameter in stage:
            parameter.requires_grad_(True)
    for parameter in network.head.parameters():
        parameter.requires_grad_(which != "none")


def parameter_groups(network: Network, course: Course) -> list[Group]:
    """By stage, from the head downwards, each with its learning rate; biases and norms without weight decay.

    Discriminative learning rates: Howard & Ruder 2018, in the form of Bao et al. 2022 (layer decay).
    """
    stages = [*network.stages(), list(network.head.parameters())]
    groups: list[Group] = []
    for depth, stage in enumerate(reversed(stages)):
        rate = course.learning_rate * course.layer_decay**depth
        learning = [parameter for parameter in stage if parameter.requires_grad]
        for decay, chosen in (
            (course.weight_decay, [p for p in learning if p.ndim > 1]),
            (0.0, [p for p in learning if p.ndim <= 1]),
        ):
            if chosen:
                groups.append({"params": chosen, "lr": rate, "weight_decay": decay})
    return groups


def _sgd(groups: list[Group], course: Course) -> Optimizer:
    return torch.optim.SGD(groups, course.learning_rate, momentum=MOMENTUM, nesterov=True)


def _rmsprop(groups: list[Group], course: Course) -> Optimizer:
    return torch.optim.RMSprop(groups, course.learning_rate, alpha=0.9, eps=1e-7)  # the tutorials' (Keras) defaults


def _adam(groups: list[Group], course: Course) -> Optimizer:
    return torch.optim.Adam(groups, course.learning_rate, fused=True)


def _adamw(groups: list[Group], course: Course) -> Optimizer:
    return torch.optim.AdamW(groups, course.learning_rate, fused=True)


OPTIMIZERS: dict[OptimizerName, Callable[[list[Group], Course], Optimizer]] = {
    "sgd": _sgd,
    "rmsprop": _rmsprop,
    "adam": _adam,
    "adamw": _adamw,
}


def optimizer_of(network: Network, course: Course) -> Optimizer:
    return OPTIMIZERS[course.optimizer](parameter_groups(network, course), course)


def schedule_of(optimizer: Optimizer, course: Course) -> LambdaLR:
    """A linear warm-up (Goyal et al. 2017), then half a cosine to zero (Loshchilov & Hutter 2017) or a constant."""

    def share(step: int) -> float:
        if step < course.warm_up:
            return (step + 1) / (course.warm_up + 1)
        done = (step - course.warm_up) / max(1, course.steps - course.warm_up)
        return 0.5 * (1 + math.cos(math.pi * min(done, 1.0))) if course.cosine else 1.0

    return LambdaLR(optimizer, share)


def follow(schedule: object) -> None:
    """Sets the learning rates of the step that the schedule has come to."""
    if not isinstance(schedule, LambdaLR):
        raise TypeError(f"a schedule is a LambdaLR, got {type(schedule).__name__}")
    rates = zip(schedule.optimizer.param_groups, schedule.base_lrs, schedule.lr_lambdas, strict=True)
    for group, rate, share in rates:
        group["lr"] = rate * share(schedule.last_epoch)
