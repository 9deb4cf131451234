"""Networks in a comparison: half taught ones do not count, and the winner is taught again on more photos."""

import csv
import hashlib
import json
import math
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from patience import PATIENCE

from whatsit.config import NetworkOptions, TrainOptions
from whatsit.errors import WhatsitError
from whatsit.training.compare.run import Compared, compare
from whatsit.training.fitted import INTERRUPTED
from whatsit.training.network import build
from whatsit.training.network import method as arrange
from whatsit.training.network import method as teach
from whatsit.training.network.architectures import FINETUNE_LITE
from whatsit.training.network.batches import Batches

if TYPE_CHECKING:
    from whatsit.training.network.learner import Task

pytestmark = pytest.mark.slow

LONG = NetworkOptions(architecture="cnn-boats", layers=(8,), dense=(), epochs=12, batch_size=4, patience=99)
SCRIPT = f"""
import sys
from whatsit.training.compare.run import compare
from whatsit.config import NetworkOptions
from whatsit.config import TrainOptions

options = TrainOptions(method="scratch", resize_mode="squash", image_size=(24, 24), network={LONG!r})
compare(sys.argv[1], {{"scratch": options}}, sys.argv[2])
"""


@pytest.fixture(scope="module")
def done(fruit: Path, probe: TrainOptions, scratch: TrainOptions, tmp_path_factory: pytest.TempPathFactory) -> Compared:
    return compare(fruit, {"probe": probe, "scratch": scratch}, tmp_path_factory.mktemp("networks") / "out")


def test_both_kinds_stand_side_by_side(done: Compared) -> None:
    by_probe, by_network = done.comparison.trials
    assert (by_probe.history, by_probe.method) == (None, "probe")
    assert by_network.history is not None
    assert by_network.seconds == sum(epoch.seconds for epoch in by_network.history.epochs)
    assert np.abs(by_network.logits).max() > 0


def test_the_network_is_taught_again_on_train_and_valid(
    fruit: Path, scratch: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many epochs as its best one; what judges new photos is drawn from the first fit."""
    learned: list[tuple[int, int]] = []
    iterate = Batches.__iter__

    def spy(self: Batches) -> object:
        if self.shuffled:
            learned.append((len(self.rows), self.epoch))
        return iterate(self)

    monkeypatch.setattr(Batches, "__iter__", spy)
    done = compare(fruit, {"scratch": scratch}, tmp_path / "out")
    (trial,) = done.comparison.trials
    assert trial.history is not None
    with (tmp_path / "out" / "model" / "splits.csv").open(encoding="utf-8") as file:
        splits = [row["split"] for row in csv.DictReader(file)]
    train, valid = splits.count("train"), splits.count("valid")
    best = trial.history.best
    first = [(train, epoch) for epoch in range(2)]
    assert list(dict.fromkeys(learned)) == first + [(train + valid, epoch) for epoch in range(best)]
    facts = json.loads((tmp_path / "out" / "model" / "model.json").read_text(encoding="utf-8"))
    assert facts["head"]["refitted"] == "on train and valid"
    assert facts["head"]["best_epoch"] == best
    assert facts["training"]["method"] == "scratch"


def test_the_last_weights_are_kept_where_nothing_is_chosen(
    fruit: Path, scratch: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a steering that stops after an epoch that is not the last, the course stays that of all epochs."""
    from whatsit.training.network import trainer as module

    seen: list[module.Steering] = []
    original = module.fit

    def spy(network: object, task: object, steering: module.Steering, *rest: object) -> object:
        seen.append(steering)
        return original(network, task, steering, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "fit", spy)
    impatient = replace(scratch, network=replace(scratch.network, stop_at_accuracy=0.01))
    done = compare(fruit, {"scratch": impatient}, tmp_path / "out")
    (trial,) = done.comparison.trials
    assert trial.history is not None
    assert (len(trial.history.epochs), trial.history.best) == (1, 1)
    first, again = seen
    assert (first.stop_after, first.stop_at_accuracy) == (None, 0.01)
    assert (again.stop_after, again.stop_at_accuracy, again.max_seconds) == (1, None, None)
    assert again.epochs == first.epochs == 2


def test_taught_again_on_more_photos_it_follows_the_same_course(
    fruit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few photos are learned from for more epochs: how few they are is told without those held out."""
    courses: list[tuple[int, int]] = []
    original = arrange.task_of

    def spy(*everything: Any, again: bool) -> "Task":
        task = original(*everything, again=again)
        courses.append((len(task.train.rows), task.course.steps // len(task.train)))
        return task

    monkeypatch.setattr(teach, "task_of", spy)
    monkeypatch.setattr(build, "FINETUNE_LITE", replace(FINETUNE_LITE, seen=500))
    network = NetworkOptions(probe_first=False, stop_at_accuracy=0.01)
    compare(fruit, {"tuned": TrainOptions(method="finetune", image_size=(32, 32), network=network)}, tmp_path / "out")
    (few, epochs), (more, as_many) = courses
    assert few < more
    assert epochs == as_many == math.ceil(500 / few)
    assert epochs > FINETUNE_LITE.epochs


def test_a_half_taught_network_is_no_trial(
    fruit: Path, scratch: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from whatsit.training.network import trainer as module

    original = module.fit

    def broken_off(*everything: object) -> object:
        history = original(*everything)  # type: ignore[arg-type]
        return replace(history, stopped=INTERRUPTED)

    monkeypatch.setattr(module, "fit", broken_off)
    with pytest.raises(KeyboardInterrupt):
        compare(fruit, {"scratch": scratch}, tmp_path / "out")
    kept = [path.name for path in (tmp_path / "out.comparing").iterdir() if path.is_dir()]
    assert [name.partition(".")[2] for name in kept] == ["training"]
    assert not (tmp_path / "out").exists()


def test_a_network_that_cannot_learn_is_named(fruit: Path, scratch: TrainOptions, tmp_path: Path) -> None:
    wild = replace(scratch, network=replace(scratch.network, learning_rate=1e30, optimizer="sgd"))
    with pytest.raises(WhatsitError, match=r"^wild one: .*--learning-rate"):
        compare(fruit, {"wild one": wild}, tmp_path / "out")


def await_checkpoint(process: "subprocess.Popen[bytes]", work: Path) -> None:
    until = time.monotonic() + PATIENCE
    while not list(work.glob("*/last.ckpt")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.005)


def weights(out: Path) -> str:
    return hashlib.sha256((out / "model" / "model.onnx").read_bytes()).hexdigest()


def test_killed_and_called_again_it_comes_to_the_same(fruit: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    command = [sys.executable, "-c", SCRIPT, str(fruit), str(broken)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as killed:
        await_checkpoint(killed, tmp_path / "broken.comparing")
        killed.kill()
    assert not (broken / "comparison.json").exists()
    for out in (whole, broken):
        compare(
            fruit,
            {"scratch": TrainOptions(method="scratch", resize_mode="squash", image_size=(24, 24), network=LONG)},
            out,
        )
    assert weights(broken) == weights(whole)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken", "whole"]
