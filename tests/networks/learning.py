"""Small pictures in a file of pixels, a small network, and a training of them that takes a second."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from steps.made import picture

from whatsit.progress import Advance
from whatsit.training.fitted import History
from whatsit.training.network.architectures import CNN
from whatsit.training.network.batches import Batches
from whatsit.training.network.cnn import build_cnn
from whatsit.training.network.learner import Task
from whatsit.training.network.modules import Network
from whatsit.training.network.optimizer import Course
from whatsit.training.network.trainer import Steering, fit

CLASSES = 3
SMALL = CNN((8, 16), 24, 24, padded=True, batch_norm=True, average=True, residual=True, dropout=0.2)
STEERING = Steering(epochs=4, patience=10, averaging=True, seed=0)
COURSE = Course("adamw", 1e-2, 0.05, 1.0, steps=16, warm_up=2, cosine=True)


def silent(n: int, note: str = "") -> None:
    pass


def pixel_file(folder: Path, n: int = 60) -> Path:
    """(n, 24, 24, 3) of as many of each of three classes in turn."""
    path = folder / "pixels.npy"
    if not path.exists():
        np.save(path, np.stack([picture(i % CLASSES, i)[::2, ::2] for i in range(n)]))
    return path


def task_of(folder: Path, n: int = 60, *, learn: int = 45, size: int = 10) -> Task:
    """The first `learn` of n photos to learn from, the others for valid."""
    file, labels = pixel_file(folder, n), np.arange(n) % CLASSES
    train = Batches(file, np.arange(learn), labels[:learn], size, shuffled=True)
    valid = Batches(file, np.arange(learn, n), labels[learn:], size, shuffled=False)
    return Task(train, valid, COURSE, "strong", 0.1, None)


def first_network() -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_cnn(SMALL, CLASSES)


def trained(
    folder: Path, task: Task, steering: Steering = STEERING, advance: Advance = silent, network: Network | None = None
) -> tuple[Network, History]:
    """Begun, or gone on with, in `folder / "work"`."""
    network = network or first_network()
    work = folder / "work"
    work.mkdir(exist_ok=True)
    return network, fit(network, task, steering, work, advance)


def still(task: Task) -> Task:
    """With steps of no length, of photos as they are."""
    return replace(task, course=replace(task.course, learning_rate=0.0, weight_decay=0.0), augment="none")


def same_weights(a: Network, b: Network) -> bool:
    one, other = a.state_dict(), b.state_dict()
    return list(one) == list(other) and all(torch.equal(one[name], other[name]) for name in one)
