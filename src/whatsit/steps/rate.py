"""The learning rate that a trial found, kept beside the checkpoint: a training that is resumed goes on with it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from whatsit.errors import WhatsitError
from whatsit.files import write_atomically
from whatsit.options import TrainOptions
from whatsit.steps.see import Watch

if TYPE_CHECKING:
    from whatsit.networks.fit import Steering
    from whatsit.networks.learner import Task
    from whatsit.networks.network import Network

FIND = "find"  # a learning rate that is asked for by this word is found by a trial
FOUND = "learning-rate.json"


def with_rate(options: TrainOptions, found: float | None) -> TrainOptions:
    """The options that a network was trained with: with the learning rate, where that was found."""
    if found is None:
        return options
    return replace(options, network=replace(options.network, learning_rate=found))


def found_rate(network: "Network", task: "Task", steering: "Steering", work: Path, watch: Watch) -> float:
    """Found once, before the first step: a training that is resumed goes on with the same."""
    from whatsit.networks.finder import STEPS, find_learning_rate
    from whatsit.networks.fit import precision

    path = work / FOUND
    if path.exists():
        return read_rate(path)
    with watch("finding the learning rate", STEPS * task.train.size) as advance:
        found = find_learning_rate(network, task, advance, device=steering.device, precision=precision(steering))
    write_atomically(path, json.dumps({"learning_rate": found.learning_rate}).encode())
    return found.learning_rate


def read_rate(path: Path) -> float:
    """Raises WhatsitError where the file is damaged."""
    try:
        return float(json.loads(path.read_bytes())["learning_rate"])
    except (OSError, ValueError, KeyError, TypeError):
        raise WhatsitError(f"{path}: damaged. Begin the training anew: --force") from None
