"""Trials on disk, so that a comparison that was broken off goes on where it ended: arrays and JSON.

A folder stands for one candidate on one set of photos and splits: with any other option or photo it is another trial.
It holds the figures and not the network: the winner is taught again on more photos.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import numpy as np

from whatsit.comparison.field import Field
from whatsit.comparison.trial import Trial
from whatsit.evaluation import Figure
from whatsit.files import write_atomically
from whatsit.learning.history import Epoch, History
from whatsit.networks.options import Method
from whatsit.options import TrainOptions
from whatsit.steps.unfinished import begun_with

ARRAYS, FACTS = "arrays.npz", "trial.json"
PLAIN = ("method", "log_loss", "seconds", "megabytes", "milliseconds", "found_rate")


def key_of(options: TrainOptions, field: Field) -> str:
    """The name of a trial's folder: 16 hexadecimal digits of all that the trial depends on, its time included."""
    facts = {**made_from(options, field), "network": asdict(options.network)}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def made_from(options: TrainOptions, field: Field) -> Mapping[str, object]:
    """What decides a trial's figures: photos, splits, options, the bytes of weights, and whatsit's version."""
    files = [Path(name) for name in (options.backbone, options.weights or "")]
    return {
        **begun_with(field.photos, field.plan, options),
        "stop_at_accuracy": options.network.stop_at_accuracy,
        "network_files": [hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.is_file()],
    }


def keep(trial: Trial, folder: Path) -> None:
    """The facts come last: a folder with them is whole."""
    arrays = io.BytesIO()
    np.savez(arrays, logits=trial.logits, right=trial.right, units=trial.units)
    facts = {
        **{name: getattr(trial, name) for name in PLAIN},
        "accuracy": asdict(trial.accuracy),
        "history": asdict(trial.history) if trial.history else None,
    }
    write_atomically(folder / ARRAYS, arrays.getvalue())
    write_atomically(folder / FACTS, json.dumps(facts).encode())


def kept(name: str, folder: Path) -> Trial | None:
    """What `keep` wrote there, or None where there is no whole trial."""
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        with np.load(io.BytesIO((folder / ARRAYS).read_bytes()), allow_pickle=False) as arrays:
            logits, right, units = arrays["logits"], arrays["right"], arrays["units"]
        if facts["method"] not in get_args(Method):
            return None
        return Trial(
            name=name,
            logits=logits,
            right=right,
            units=units,
            accuracy=Figure(**facts["accuracy"]),
            history=_history(facts["history"]) if facts["history"] else None,
            **{one: facts[one] for one in PLAIN},
        )
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile):  # damaged: it is made anew
        return None


def _history(facts: dict[str, object]) -> History:
    epochs = facts["epochs"]
    if not isinstance(epochs, list):
        raise TypeError(f"epochs: expected a list, got {type(epochs).__name__}")
    return History(
        epochs=tuple(Epoch(**epoch) for epoch in epochs),
        best=int(str(facts["best"])),
        stopped=str(facts["stopped"]),
        augmented=bool(facts["augmented"]),
    )
