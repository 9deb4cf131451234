"""Trials that nobody taught: figures as a test wants them."""

import numpy as np
from numpy.typing import NDArray

from whatsit.evaluation.figures import Figure
from whatsit.evaluation.intervals import share_interval
from whatsit.option import Method
from whatsit.training.compare.result import Comparison
from whatsit.training.compare.trial import Trial
from whatsit.training.fitted import Epoch, History

HISTORY = History((Epoch(1, 0.7, 0.5, 0.6, 0.6, 0.003, 2.0, 50.0),), 1, "all 1 epochs done", augmented=True)


def rights(n: int, wrong: range | tuple[int, ...] = ()) -> NDArray[np.bool_]:
    """(n,) with these places wrong."""
    right = np.ones(n, bool)
    right[list(wrong)] = False
    return right


def made_up(
    name: str,
    right: NDArray[np.bool_],
    *,
    seconds: float = 1.0,
    log_loss: float = 0.3,
    found_rate: float | None = None,
    units: NDArray[np.int64] | None = None,
) -> Trial:
    """Its method is the name's first word."""
    methods: dict[str, Method] = {"scratch": "scratch", "finetune": "finetune"}
    method = methods.get(name.split()[0] if name.split() else "", "probe")
    hits = int(right.sum())
    return Trial(
        name=name,
        method=method,
        logits=np.where(right[:, None], [[-1, 1]], [[1, -1]]).astype(np.float32),
        right=right,
        units=np.arange(len(right)) if units is None else units,
        accuracy=Figure(hits / len(right), *share_interval(right, units)),
        log_loss=log_loss,
        seconds=seconds,
        megabytes=3.6,
        milliseconds=4.2,
        history=None if method == "probe" else HISTORY,
        train_photos=200,
        found_rate=found_rate,
    )


def side_by_side(*trials: Trial) -> Comparison:
    return Comparison(trials)
