"""Training: figures that can be computed again, reasons to stop, who is called, and what is left behind."""

import math
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback

from whatsit.errors import WhatsitError
from whatsit.training.fitted import Epoch
from whatsit.training.network.callbacks import CHECKPOINT, OUTCOME
from whatsit.training.network.cnn import build_cnn
from whatsit.training.network.learner import Task, scores
from whatsit.training.network.modules import Network, Start, temper
from whatsit.training.network.optimizer import unfreeze
from whatsit.training.network.trainer import NOTHING_LEARNS, fit

from .learning import CLASSES, SMALL, STEERING, first_network, same_weights, silent, still, task_of, trained

pytestmark = pytest.mark.slow

EXACT = replace(STEERING, mixed_precision=False)


def figures(network: Network, task: Task, part: str) -> tuple[float, float]:
    """(mean loss, accuracy) by another way, with batch norms as they then are."""
    losses, right = [], []
    for batch in getattr(task, part):
        with torch.inference_mode():
            logits = scores(network(batch.pixels.float()))
        losses += (-logits.log_softmax(1)[range(len(batch.labels)), batch.labels]).tolist()
        right += (logits.argmax(1) == batch.labels).tolist()
    return float(np.mean(losses)), float(np.mean(right))


def test_photos_as_they_are_are_not_called_augmented(tmp_path: Path) -> None:
    _, history = trained(tmp_path, task_of(tmp_path))
    (tmp_path / "still").mkdir()
    _, plain = trained(tmp_path / "still", still(task_of(tmp_path)))
    assert (history.augmented, plain.augmented) == (True, False)


def test_valid_figures_are_those_of_the_weights_kept(tmp_path: Path) -> None:
    task = task_of(tmp_path)
    network, history = trained(tmp_path, task, EXACT)
    assert [epoch.number for epoch in history.epochs] == [1, 2, 3, 4]
    assert history.stopped == "all 4 epochs done"
    best = history.epochs[history.best - 1]
    assert best.calibrated_loss == min(epoch.judged_by for epoch in history.epochs)
    assert not network.training
    assert figures(network, task, "valid") == pytest.approx((best.valid_loss, best.valid_accuracy), abs=1e-4)


def test_train_figures_are_of_the_photos_as_learned_from(tmp_path: Path) -> None:
    """Without smoothing; the network stays as it is, and batch norms take the batch's statistics."""
    task = still(task_of(tmp_path))
    network = first_network()
    network.dropout.p = 0.0
    _, history = trained(tmp_path, task, replace(EXACT, epochs=1, averaging=False), network=network)
    again = first_network()
    again.dropout.p = 0.0
    task.train.epoch = 0
    expected = figures(again.train(), task, "train")
    got = history.epochs[0]
    assert (got.train_loss, got.train_accuracy) == pytest.approx(expected, abs=1e-4)
    assert got.images_per_second > 0
    assert got.seconds > 0


def test_it_learns(tmp_path: Path) -> None:
    task = task_of(tmp_path)
    task = replace(task, augment="none", course=replace(task.course, steps=60, learning_rate=0.02))
    _, history = trained(tmp_path, task, replace(EXACT, epochs=15, averaging=False))
    assert max(epoch.valid_accuracy for epoch in history.epochs) > 0.8


def test_weights_of_classes_reach_the_loss(tmp_path: Path) -> None:
    task = replace(task_of(tmp_path), augment="none")
    plain, _ = trained(tmp_path, task, replace(EXACT, epochs=1))
    (tmp_path / "other").mkdir()
    weighted, _ = trained(tmp_path / "other", replace(task, class_weights=(0.1, 1.0, 1.9)), replace(EXACT, epochs=1))
    assert not same_weights(plain, weighted)


def test_patience(tmp_path: Path) -> None:
    _, history = trained(tmp_path, still(task_of(tmp_path)), replace(EXACT, epochs=9, patience=2, averaging=False))
    assert "no better valid loss for 2 epochs" in history.stopped
    assert len(history.epochs) == history.best + 2


def test_stop_at_accuracy(tmp_path: Path) -> None:
    _, history = trained(tmp_path, task_of(tmp_path), replace(STEERING, stop_at_accuracy=0.01, epochs=9))
    assert history.stopped == "valid accuracy reached 0.01"
    assert len(history.epochs) < 9


def test_max_seconds_ends_the_epoch(tmp_path: Path) -> None:
    network, history = trained(tmp_path, task_of(tmp_path), replace(STEERING, max_seconds=0.0))
    assert history.stopped == "its time was over"
    assert [epoch.number for epoch in history.epochs] == [1]
    assert not same_weights(network, first_network())


@pytest.mark.parametrize("averaging", [True, False])
def test_a_loss_that_is_no_number_is_one_line(tmp_path: Path, averaging: bool) -> None:
    task = task_of(tmp_path)
    task = replace(task, course=replace(task.course, learning_rate=math.inf))
    with pytest.raises(WhatsitError, match=r"the loss is no number after epoch 1: .* smaller --learning-rate"):
        trained(tmp_path, task, replace(STEERING, averaging=averaging))
    assert not (tmp_path / "work" / CHECKPOINT).exists()


@pytest.mark.parametrize("which", ["head", "last-blocks", "all"])
def test_what_is_frozen_stays(tmp_path: Path, which: Any) -> None:
    network, before = first_network(), first_network()
    unfreeze(network, which)
    trained(tmp_path, task_of(tmp_path), replace(STEERING, epochs=1), network=network)
    old = dict(before.named_parameters())
    changed = {name for name, p in network.named_parameters() if not torch.equal(p, old[name])}
    stages = [name for name, _ in network.named_parameters()]
    wanted = {"head": ("head.",), "last-blocks": ("head.", "maps.1."), "all": ("",)}[which]
    assert changed == {name for name in stages if name.startswith(wanted)}


def test_frozen_norms_keep_their_statistics(tmp_path: Path) -> None:
    def statistics(network: Network) -> list[torch.Tensor]:
        return [tensor for name, tensor in network.named_buffers() if "running" in name]

    frozen = first_network()
    frozen.frozen_norms = True
    trained(tmp_path, task_of(tmp_path), replace(STEERING, epochs=1), network=frozen)
    (tmp_path / "other").mkdir()
    free, _ = trained(tmp_path / "other", task_of(tmp_path), replace(STEERING, epochs=1))
    first = statistics(first_network())
    assert len(first) == 8
    assert all(torch.equal(a, b) for a, b in zip(statistics(frozen), first, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(statistics(free), first, strict=True))


def test_it_learns_as_well_after_a_probe(tmp_path: Path) -> None:
    """Which leaves a network as it predicts, without dropout."""
    task = task_of(tmp_path)
    one, _ = trained(tmp_path, task, replace(STEERING, epochs=1))
    (tmp_path / "other").mkdir()
    other, _ = trained(tmp_path / "other", task, replace(STEERING, epochs=1), network=first_network().eval())
    assert same_weights(one, other)


def test_where_nothing_learns_the_start_is_kept(tmp_path: Path) -> None:
    network = first_network()
    unfreeze(network, "none")
    start = start_with(1.1)
    temper(network)
    history = fit(network, task_of(tmp_path), STEERING, tmp_path, silent, start)
    assert (history.epochs, history.best, history.stopped) == ((start.epoch,), 0, NOTHING_LEARNS)
    assert same_weights(network, first_network())
    with pytest.raises(WhatsitError, match=r"--unfreeze none: nothing would learn"):
        fit(network, task_of(tmp_path), STEERING, tmp_path, silent)


def start_with(loss: float) -> Start:
    """A start of such a loss on each valid photo, with the head of the first network."""
    head = {name: tensor for name, tensor in first_network().state_dict().items() if name.startswith("head.")}
    return Start(Epoch(0, 0.1, 1.0, loss, 1.0, 0.0, 1.0, 10.0), np.full(15, loss), head)


def test_a_start_that_is_clearly_better_is_kept(tmp_path: Path) -> None:
    network = first_network()
    temper(network)
    history = fit(network, task_of(tmp_path), replace(STEERING, epochs=2), tmp_path, silent, start_with(0.001))
    assert (len(history.epochs), history.best) == (3, 0)
    assert same_weights(network, first_network())


def test_a_start_that_is_better_by_luck_gives_way(tmp_path: Path) -> None:
    network, task = first_network(), task_of(tmp_path)
    (tmp_path / "alone").mkdir()
    _, alone = trained(tmp_path / "alone", task, replace(STEERING, epochs=2))
    start = start_with(min(epoch.judged_by for epoch in alone.epochs) - 1e-4)
    history = fit(network, task, replace(STEERING, epochs=2), tmp_path, silent, start)
    assert [epoch.judged_by for epoch in history.epochs[1:]] == [epoch.judged_by for epoch in alone.epochs]
    assert history.best > 0
    assert history.epochs[history.best].judged_by > start.epoch.judged_by


class Counter(Callback):
    def __init__(self) -> None:
        self.calls: list[str] = []
        self.losses: list[float] = []

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        self.calls.append("start")

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        self.calls.append("epoch")
        self.losses.append(float(trainer.callback_metrics["valid_loss"]))

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        self.calls.append("end")


def test_a_users_own_callback_is_called(tmp_path: Path) -> None:
    counter = Counter()
    _, history = trained(tmp_path, task_of(tmp_path), replace(STEERING, epochs=2, callbacks=(counter,)))
    assert counter.calls == ["start", "epoch", "epoch", "end"]
    assert counter.losses == pytest.approx([epoch.valid_loss for epoch in history.epochs])


def test_nothing_is_printed_left_or_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    before, handler = torch.get_rng_state(), signal.getsignal(signal.SIGINT)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        trained(tmp_path, task_of(tmp_path), replace(STEERING, epochs=1))
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(torch.get_rng_state(), before)
    assert signal.getsignal(signal.SIGINT) is handler
    assert capfd.readouterr() == ("", "")
    assert list((tmp_path / "here").iterdir()) == []
    assert sorted(file.name for file in (tmp_path / "work").iterdir()) == [CHECKPOINT, OUTCOME]


def test_progress_counts_every_photo(tmp_path: Path) -> None:
    told: list[tuple[int, str]] = []
    trained(tmp_path, task_of(tmp_path), replace(STEERING, epochs=2), lambda n, note="": told.append((n, note)))
    assert sum(n for n, _ in told) == 2 * 45
    assert told[0][1].startswith("epoch 1/2, loss ")
    assert ", valid " in told[-1][1]


def test_what_cannot_be_shared_out_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(WhatsitError, match=r"--devices 4: a batch has 3 photos, and each process needs one"):
        trained(tmp_path, task_of(tmp_path, size=3), replace(STEERING, devices=4))
    with pytest.raises(WhatsitError, match=r"--device coreml: networks are trained on cpu, cuda"):
        trained(tmp_path, task_of(tmp_path), replace(STEERING, device="coreml"))


def test_photos_of_one_class_alone_are_learned_from(tmp_path: Path) -> None:
    """As few as there may be: one to learn from, one for valid."""
    _, history = trained(tmp_path, task_of(tmp_path, 2, learn=1), replace(STEERING, epochs=1))
    (epoch,) = history.epochs
    assert 0 < epoch.train_loss < 3 * CLASSES
    assert 0 < epoch.valid_loss < 3 * CLASSES


def test_a_lone_number_cannot_be_normalised(tmp_path: Path) -> None:
    network = build_cnn(replace(SMALL, filters=(8, 8, 8, 8, 8)), CLASSES)
    with pytest.raises(WhatsitError, match=r"^a batch of one photo .* Give a larger --batch-size or --image-size$"):
        trained(tmp_path, task_of(tmp_path, 2, learn=1), network=network)
