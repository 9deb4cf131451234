"""A training that is broken off at any moment and resumed gives the very weights of one that was not."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from full_disk import small_files
from lightning.pytorch import Callback, LightningModule, Trainer
from patience import PATIENCE

from whatsit.errors import WhatsitError
from whatsit.progress import Advance
from whatsit.training.fitted import History
from whatsit.training.network.callbacks import CHECKPOINT, OUTCOME
from whatsit.training.network.learner import Task
from whatsit.training.network.modules import Network
from whatsit.training.network.optimizer import schedule_of

from .learning import STEERING, same_weights, still, task_of, trained

pytestmark = pytest.mark.slow

EPOCHS, STEPS = 4, 5  # and as many steps an epoch


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Network, History]:
    folder = tmp_path_factory.mktemp("whole")
    return trained(folder, task_of(folder))


def at_step(step: int, act: object) -> Advance:
    """Calls `act` after the step, counted from 1."""
    steps = []

    def say(n: int, note: str = "") -> None:
        steps.append(n)
        if len(steps) == step:
            assert callable(act)
            act()

    return say


def break_off() -> None:
    raise RuntimeError("broken off")


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def without_times(history: History) -> list[tuple[float, ...]]:
    return [(e.number, e.train_loss, e.train_accuracy, e.valid_loss, e.valid_accuracy) for e in history.epochs]


def check_same(whole: tuple[Network, History], resumed: tuple[Network, History]) -> None:
    assert same_weights(whole[0], resumed[0])
    assert without_times(whole[1]) == without_times(resumed[1])
    assert (whole[1].best, whole[1].stopped) == (resumed[1].best, resumed[1].stopped)


@pytest.mark.parametrize("step", [1, STEPS, STEPS + 1, 2 * STEPS + 2, EPOCHS * STEPS])
def test_broken_off_at_any_step(tmp_path: Path, whole: tuple[Network, History], step: int) -> None:
    with pytest.raises(RuntimeError, match="broken off"):
        trained(tmp_path, task_of(tmp_path), advance=at_step(step, break_off))
    assert (tmp_path / "work" / CHECKPOINT).exists() is (step > STEPS)
    check_same(whole, trained(tmp_path, task_of(tmp_path)))


def test_progress_goes_on_where_it_was(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="broken off"):
        trained(tmp_path, task_of(tmp_path), advance=at_step(2 * STEPS + 1, break_off))
    told: list[int] = []
    task = task_of(tmp_path)
    trained(tmp_path, task, advance=lambda n, note="": told.append(n))
    assert told[0] == 2 * len(task.train.rows)
    assert sum(told) == EPOCHS * len(task.train.rows)


def test_broken_off_again_and_again(tmp_path: Path, whole: tuple[Network, History]) -> None:
    for _ in range(3):
        with pytest.raises(RuntimeError):
            trained(tmp_path, task_of(tmp_path), advance=at_step(STEPS + 2, break_off))
    check_same(whole, trained(tmp_path, task_of(tmp_path)))


def test_broken_off_when_all_was_learned(tmp_path: Path, whole: tuple[Network, History]) -> None:
    trained(tmp_path, task_of(tmp_path))
    (tmp_path / "work" / OUTCOME).unlink()
    check_same(whole, trained(tmp_path, task_of(tmp_path), advance=at_step(1, break_off)))


def test_what_had_stopped_early_does_not_go_on(tmp_path: Path) -> None:
    steering = replace(STEERING, epochs=9, patience=2, averaging=False)
    _, history = trained(tmp_path, still(task_of(tmp_path)), steering)
    _, again = trained(tmp_path, still(task_of(tmp_path)), steering, at_step(1, break_off))
    assert again == history


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from networks.learning import task_of, trained
from networks.test_resume import at_step
folder = Path(sys.argv[1])
trained(folder, task_of(folder), advance=at_step(12, lambda: os.kill(os.getpid(), signal.SIGKILL)))
"""


def test_killed(tmp_path: Path, whole: tuple[Network, History]) -> None:
    tests = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path, tests], capture_output=True, check=False, timeout=PATIENCE
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGKILL, b"", b"")
    assert (tmp_path / "work" / CHECKPOINT).exists()
    check_same(whole, trained(tmp_path, task_of(tmp_path)))


def test_broken_off_as_the_checkpoint_is_written(
    tmp_path: Path, whole: tuple[Network, History], monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_file = Path.replace
    replaced: list[Path] = []

    def replace_once(fresh: Path, target: Path) -> Path:
        if target in replaced:
            break_off()
        replaced.append(target)
        return replace_file(fresh, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace_once)
        with pytest.raises(RuntimeError, match="broken off"):
            trained(tmp_path, task_of(tmp_path))
    assert replaced == [tmp_path / "work" / CHECKPOINT]
    assert [file.name for file in (tmp_path / "work").iterdir()] == [CHECKPOINT]
    check_same(whole, trained(tmp_path, task_of(tmp_path)))


def test_a_full_disk_is_one_line(tmp_path: Path, whole: tuple[Network, History]) -> None:
    task = task_of(tmp_path)
    with small_files(10_000), pytest.raises(WhatsitError, match=rf"^cannot write .*{CHECKPOINT}: File too large$"):
        trained(tmp_path, task)
    assert list((tmp_path / "work").iterdir()) == []
    check_same(whole, trained(tmp_path, task))


def test_a_full_disk_leaves_the_old_outcome(
    tmp_path: Path, whole: tuple[Network, History], monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(tmp_path, task_of(tmp_path))
    before = (tmp_path / "work" / OUTCOME).read_bytes()
    (tmp_path / "work" / f".{CHECKPOINT}.killed00").write_bytes(b"half of it")

    def write_half(state: object, file: Path) -> None:
        file.write_bytes(before[: len(before) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("whatsit.training.network.callbacks.torch.save", write_half)
        with pytest.raises(WhatsitError, match=rf"^cannot write .*{OUTCOME}: No space left on device$"):
            trained(tmp_path, task_of(tmp_path))
    assert sorted(file.name for file in (tmp_path / "work").iterdir()) == [CHECKPOINT, OUTCOME]
    assert (tmp_path / "work" / OUTCOME).read_bytes() == before
    check_same(whole, trained(tmp_path, task_of(tmp_path)))


def test_a_damaged_checkpoint_is_one_line(tmp_path: Path) -> None:
    trained(tmp_path, task_of(tmp_path), replace(STEERING, epochs=1))
    file = tmp_path / "work" / CHECKPOINT
    data = file.read_bytes()
    for damaged in (b"", data[: len(data) // 2], b"nonsense" * 100):
        file.write_bytes(damaged)
        with pytest.raises(WhatsitError, match=r"last\.ckpt: is damaged, .* Begin anew: --force"):
            trained(tmp_path, task_of(tmp_path))


def test_the_first_ctrl_c_ends_the_epoch(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _, history = trained(tmp_path, task_of(tmp_path), advance=at_step(STEPS + 2, interrupt))
    assert history.interrupted
    assert history.stopped == f"interrupted in epoch 2 of {STEERING.epochs}"
    assert caplog.messages == [f"Interrupted in epoch 2 of {STEERING.epochs}: stopping; the best epoch so far is kept"]
    assert [epoch.number for epoch in history.epochs] == [1, 2]


def test_an_epoch_cut_short_is_none_to_go_on_from(tmp_path: Path, whole: tuple[Network, History]) -> None:
    """Were the process killed before the model folder is there."""
    trained(tmp_path, task_of(tmp_path), advance=at_step(STEPS + 2, interrupt))
    check_same(whole, trained(tmp_path, task_of(tmp_path)))


def test_the_second_ctrl_c_ends_all(tmp_path: Path, whole: tuple[Network, History]) -> None:
    before = signal.getsignal(signal.SIGINT)

    def twice() -> None:
        interrupt()
        interrupt()

    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, task_of(tmp_path), advance=at_step(STEPS + 2, twice))
    assert signal.getsignal(signal.SIGINT) is before
    check_same(whole, trained(tmp_path, task_of(tmp_path)))


def longer(task: Task, epochs: int) -> Task:
    """With a course of so many epochs."""
    return replace(task, course=replace(task.course, steps=STEPS * epochs))


def test_broken_off_and_given_more_epochs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The learning rate is that of the longer course, from the first step on."""
    task = longer(task_of(tmp_path), EPOCHS)
    with pytest.raises(RuntimeError, match="broken off"):
        trained(tmp_path, task, advance=at_step(2 * STEPS + 1, break_off))
    rates: list[float] = []

    class Rates(Callback):
        def on_train_batch_start(self, trainer: Trainer, module: LightningModule, batch: object, number: int) -> None:
            rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    more = replace(STEERING, epochs=2 * EPOCHS, callbacks=(Rates(),))
    _, history = trained(tmp_path, longer(task, 2 * EPOCHS), more)
    assert [epoch.number for epoch in history.epochs] == list(range(1, 2 * EPOCHS + 1))
    assert history.stopped == f"all {2 * EPOCHS} epochs done"
    whole: list[float] = []
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], task.course.learning_rate)
    schedule = schedule_of(optimizer, longer(task, 2 * EPOCHS).course)
    for _ in range(2 * EPOCHS * STEPS):
        whole.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates == pytest.approx(whole[2 * STEPS :], rel=1e-12)
    assert any(f"Epoch 2 of {EPOCHS} is learned: going on to {2 * EPOCHS}" in line for line in caplog.messages)


def test_going_on_gives_no_worse_model(tmp_path: Path) -> None:
    """What the second part learns is wrong on purpose."""
    network, first = trained(tmp_path, task_of(tmp_path))
    task = longer(task_of(tmp_path), 3 * EPOCHS)
    wrong = replace(task, train=replace(task.train, labels=np.roll(task.train.labels, 1)))
    again, history = trained(tmp_path, wrong, replace(STEERING, epochs=3 * EPOCHS))
    assert without_times(history)[:EPOCHS] == without_times(first)
    assert len(history.epochs) == 3 * EPOCHS
    assert history.epochs[-1].valid_accuracy < first.epochs[-1].valid_accuracy
    assert history.best == first.best
    assert same_weights(network, again)


def test_more_epochs_in_two_calls_are_as_in_one(tmp_path: Path) -> None:
    more = replace(STEERING, epochs=EPOCHS + 3)
    trained(tmp_path, task_of(tmp_path))
    once = tmp_path / "once"
    shutil.copytree(tmp_path / "work", once / "work")
    whole = trained(once, task_of(once), more)
    with pytest.raises(RuntimeError, match="broken off"):
        trained(tmp_path, task_of(tmp_path), more, at_step(STEPS + 3, break_off))
    check_same(whole, trained(tmp_path, task_of(tmp_path), more))


def test_a_shorter_patience_was_and_a_longer_one_goes_on(tmp_path: Path) -> None:
    steering = replace(STEERING, epochs=6, patience=2, averaging=False)
    _, history = trained(tmp_path, still(task_of(tmp_path)), steering)
    _, more = trained(tmp_path, still(task_of(tmp_path)), replace(steering, patience=4))
    assert (len(history.epochs), len(more.epochs)) == (3, 5)


def test_what_had_stopped_early_goes_on_if_asked_for_more_epochs(tmp_path: Path) -> None:
    """Patience then begins anew, also where the second part is broken off itself."""
    steering = replace(STEERING, epochs=6, patience=2, averaging=False)
    _, history = trained(tmp_path, still(task_of(tmp_path)), steering)
    more = replace(steering, epochs=20)
    with pytest.raises(RuntimeError, match="broken off"):
        trained(tmp_path, still(task_of(tmp_path)), more, at_step(STEPS + 2, break_off))
    _, longer = trained(tmp_path, still(task_of(tmp_path)), more)
    assert (len(history.epochs), len(longer.epochs)) == (3, 5)
    assert longer.stopped == "no better valid loss for 2 epochs"


def test_epochs_that_would_give_another_model_are_refused(tmp_path: Path) -> None:
    trained(tmp_path, task_of(tmp_path), replace(STEERING, epochs=2))
    unasked = replace(STEERING, epochs=4, epochs_given=False)
    with pytest.raises(
        WhatsitError, match=r"^[^\n]*work: goes to 2 epochs, and 4 would be the default\. Give --epochs 2,"
    ):
        trained(tmp_path, task_of(tmp_path), unasked)
    with pytest.raises(WhatsitError, match=r"^--epochs 1: 2 are learned already\. Give more, or begin anew: --force$"):
        trained(tmp_path, task_of(tmp_path), replace(STEERING, epochs=1))
