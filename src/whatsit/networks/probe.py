"""Before fine-tuning: the head of a linear probe on the frozen backbone (Kumar et al. 2022, "LP-FT").

A head drawn at random sends large gradients down into features that were good. The probe's head sends small ones, and
training begins where the probe ends: it can only be kept if it becomes better on valid photos.
"""

import time

import numpy as np
import torch
from numpy.typing import NDArray

from whatsit.learning import FAMILIES, LinearHead, Problem, Round, choose, log_loss
from whatsit.learning.history import Epoch
from whatsit.networks.batches import Batches
from whatsit.networks.fit import autocast
from whatsit.networks.network import Network

Labels = NDArray[np.int64]


def start_from_probe(
    network: Network,
    photos: Batches,
    split: Round,
    *,
    balance: bool,
    everyone: bool = False,
    device: str = "cpu",
    precision: str = "32-true",
) -> Epoch:
    """Sets the head, and gives the figures to begin with as epoch 0.

    photos: all to learn from, in order; split: which of them the head is fitted on, and which choose its penalty;
    everyone: its penalty chosen, the head is fitted on all of them; device, precision: those of the training to come.
    """
    start = time.monotonic()
    x, labels = embeddings(network, photos, device, precision), photos.labels
    problem = Problem(x, labels, network.classes, balance)
    family = FAMILIES["logistic"]
    strength = choose(problem, family, [split]).strength
    fitted = np.arange(len(x)) if everyone else split.fit
    (head,) = family.fit(problem, fitted, (strength,), final=True)
    if not isinstance(head, LinearHead):
        raise TypeError(f"a logistic head is linear, got {type(head).__name__}")
    set_head(network, head)
    train_loss, train_accuracy = _figures(head, x[fitted], labels[fitted])
    valid_loss, valid_accuracy = _figures(head, x[split.held_out], labels[split.held_out])
    seconds = time.monotonic() - start
    return Epoch(0, train_loss, train_accuracy, valid_loss, valid_accuracy, 0.0, seconds, len(x) / seconds)


def embeddings(
    network: Network, photos: Batches, device: str = "cpu", precision: str = "32-true"
) -> NDArray[np.float32]:
    """(n, dim) of photos as they are, in the network's present state."""
    network.eval()
    network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    with torch.inference_mode(), autocast(device, precision):
        seen = [network.embed(batch.pixels.to(device).float()).float().cpu().numpy() for batch in photos]
    network.to("cpu")
    return np.concatenate(seen)


def _figures(head: LinearHead, x: NDArray[np.float32], labels: Labels) -> tuple[float, float]:
    logits = head.logits(x)
    return log_loss(logits, labels), float((logits.argmax(axis=1) == labels).mean())


def set_head(network: Network, head: LinearHead) -> None:
    """Of one logit: the second class's, less the first one's."""
    weight, bias = torch.from_numpy(head.weight.T.copy()), torch.from_numpy(head.bias.copy())  # (classes, dim)
    if network.classes == 2:
        weight, bias = weight[1:] - weight[:1], bias[1:] - bias[:1]
    with torch.no_grad():
        network.head.weight.copy_(weight)
        network.head.bias.copy_(bias)
