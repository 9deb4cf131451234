"""Searches that were never run, and one small enough to run."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from whatsit.config import NetworkOptions, TrainOptions, TuneOptions
from whatsit.training.tune.space import Choice, Rate, Space, Values
from whatsit.training.tune.study import Study
from whatsit.training.tune.summary import WORSE, Fact, Row, Summary

TRIALS = 3  # of the search that is run
SPACE = Space(
    {"learning_rate": Rate(1e-4, 1e-1), "augment": Choice(("none", "light", "strong"))},
    {"learning_rate": 1e-3, "augment": "light"},
    epochs=8,
)
BEGUN: Mapping[str, object] = {"photos": "abc", "epochs": 8}


def tiny(trials: int, **network: int) -> TuneOptions:
    """From scratch, two epochs of one small layer; two options are searched."""
    asked = NetworkOptions(**{"layers": (4,), "epochs": 2, **network})  # type: ignore[arg-type]
    train = TrainOptions(method="scratch", image_size=(16, 16), network=asked)
    return TuneOptions(train, search=("learning_rate", "augment"), trials=trials)


def fixed() -> TrainOptions:
    """What all trials of the search that is run have in common."""
    options = tiny(TRIALS).train
    return replace(options, network=replace(options.network, batch_size=32, weight_decay=0.05))


def figures(folder: Path) -> dict[str, object]:
    """Of a search, without the times that it took."""
    found = json.loads((folder / "tuning.json").read_text(encoding="utf-8"))
    for trial in found["trials"]:
        del trial["seconds"]
    return {name: found[name] for name in ("trials", "best", "words", "importances")}


def opened(folder: Path, seed: int = 0) -> Study:
    """A study of `SPACE`, begun or gone on with."""
    study = Study(folder / "study.journal", folder / "work", SPACE, seed)
    study.begin(BEGUN)
    return study


def row(number: int, loss: float | None, *, defaults: bool = False, augment: str = "none") -> Row:
    """A trial on two epochs, of which the second was better."""
    values: Values = {"learning_rate": 0.001 * (number + 1), "augment": augment}
    facts: Mapping[str, Fact] = {"accuracy": 0.5, "epochs": 2, "seconds": 1.5}
    if loss is None:
        facts = {"why": WORSE, "epochs": 1, "seconds": 0.5}
    losses = {1: (loss or 2.0) + 0.1, 2: loss or 2.0}
    return Row(number, values, loss, facts, defaults, losses)


def summary_of(*rows: Row) -> Summary:
    """Of trials of `SPACE`."""
    return Summary("scratch", rows, SPACE.ranges, 100, None, {"learning_rate": 0.8, "augment": 0.2}, "whatsit train x")
