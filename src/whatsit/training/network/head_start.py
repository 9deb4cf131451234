"""Before fine-tuning: the head of a linear probe on the frozen backbone (Kumar et al. 2022, "LP-FT").

A head drawn at random sends large gradients down into features that were good. The probe's head sends small ones, and
what fine-tuning gives can only be kept if it is better on valid photos. The head learns from each photo as it is and
from some augmented copies: else it may lean on features that the least turn of a photo upsets, and the first steps of
fine-tuning would go into repairing that, to the features' harm (docs/log.md).
"""

import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from whatsit.model.heads import LinearHead
from whatsit.training.calibration import calibrated_losses, log_loss
from whatsit.training.fitted import Epoch
from whatsit.training.heads import HEAD_TYPES, TrainingData
from whatsit.training.network.augment.augmentation import Augmentation
from whatsit.training.network.batches import Batches
from whatsit.training.network.modules import Network, Start, augments, layout
from whatsit.training.network.trainer import autocast
from whatsit.training.selection import Fold, make_folds, select_head

COPIES = 4  # of each photo: about as much work as an epoch
MOST = 20_000  # photos and copies: where there are many photos, copies add little but time

Rows = NDArray[np.int64]
Labels = NDArray[np.int64]
Vectors = NDArray[np.float32]


def start_from_probe(
    network: Network,
    x: Vectors,
    labels: Labels,
    learned: Rows,
    valid: Rows,
    folds: NDArray[np.int64],
    *,
    balance: bool,
    began: float,
) -> Start:
    """Sets the head, and gives the figures to begin with as epoch 0, all of photos as they are.

    x: what `embeddings` gives of n photos; labels: (n,); learned, valid: rows of those that the head is fitted on, and
    of those that it knows nothing of; folds: (learned,) by which its penalty is chosen; began: when embedding did, by
    the monotonic clock.
    """
    n = len(labels)
    times = len(x) // n
    data = TrainingData(x[_with_copies(learned, n, times)], np.tile(labels[learned], times), network.classes, balance)
    rounds = [Fold(_with_copies(one.train, len(learned), times), one.held_out) for one in make_folds(folds)]
    head = select_head(data, HEAD_TYPES["logistic"], rounds).head
    if not isinstance(head, LinearHead):
        raise TypeError(f"a logistic head is linear, got {type(head).__name__}")
    set_head(network, head)
    logits = head.logits(x[:n])
    train_loss, train_accuracy = _figures(logits[learned], labels[learned])
    valid_loss, valid_accuracy = _figures(logits[valid], labels[valid])
    losses = calibrated_losses(logits[valid], labels[valid])
    seconds = time.monotonic() - began
    epoch = Epoch(
        number=0,
        train_loss=train_loss,
        train_accuracy=train_accuracy,
        valid_loss=valid_loss,
        valid_accuracy=valid_accuracy,
        learning_rate=0.0,
        seconds=seconds,
        images_per_second=len(x) / seconds,
        calibrated_loss=float(losses.mean()),
    )
    return Start(epoch, losses, {f"head.{name}": tensor.clone() for name, tensor in network.head.state_dict().items()})


def copies_of(photos: int, augment: str) -> int:
    """How many copies of each photo the head learns from."""
    return 0 if Augmentation(augment).identity else min(COPIES, max(0, MOST // photos - 1))


def _with_copies(rows: Rows, n: int, times: int) -> Rows:
    """Of n photos, these and their copies, which stand n rows further on, and so on."""
    return (rows + n * np.arange(times)[:, None]).ravel()


def embeddings(
    network: Network,
    photos: Batches,
    device: str = "cpu",
    precision: str = "32-true",
    augment: str = "none",
    copies: int = 0,
    advance: Callable[[int], None] = lambda n: None,
) -> Vectors:
    """(n · (1 + copies), dim) in the network's present state: of photos as they are, then of each round of copies.

    photos: n, in order; device, precision: those of the training to come; advance: hears of so many photos more.
    """
    augmentation, generator = Augmentation(augment), torch.Generator().manual_seed(photos.seed)
    network.eval()
    network.to(device=device, memory_format=layout(device))  # type: ignore[call-overload]
    seen = []
    with torch.inference_mode(), autocast(device, precision):
        for copy in range(1 + copies):
            for batch in photos:
                pixels = batch.pixels.to(device) if augments(device) else batch.pixels
                changed = augmentation(pixels, generator) if copy else pixels.float()
                changed = changed.to(device=device, memory_format=layout(device))
                seen.append(network.embed(changed).float().cpu().numpy())
                advance(len(pixels))
    network.to("cpu")
    return np.concatenate(seen)


def _figures(logits: NDArray[np.float32], labels: Labels) -> tuple[float, float]:
    return log_loss(logits, labels), float((logits.argmax(axis=1) == labels).mean())


def set_head(network: Network, head: LinearHead) -> None:
    """Of one logit: the second class's, less the first one's."""
    weight, bias = torch.from_numpy(head.weight.T.copy()), torch.from_numpy(head.bias.copy())  # (classes, dim)
    if network.classes == 2:
        weight, bias = weight[1:] - weight[:1], bias[1:] - bias[:1]
    with torch.no_grad():
        network.head.weight.copy_(weight)
        network.head.bias.copy_(bias)
