"""Two processes on the CPU: the same task, shared out; they end together, and leave nothing."""

import multiprocessing
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch

from whatsit.errors import WhatsitError
from whatsit.training.fitted import Epoch
from whatsit.training.network.callbacks import CHECKPOINT, OUTCOME, Record, Stop
from whatsit.training.network.processes import _why, advance_across, listening, raised_flag

from .learning import CLASSES, STEERING, first_network, task_of, trained

pytestmark = pytest.mark.slow


def test_two_processes_train_together(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Ctrl-C in the second epoch reaches them both, is answered, and the caller's process stays as it was."""
    said: list[int] = []

    def interrupt(n: int, note: str = "") -> None:
        said.append(n)
        if len(said) == 3:
            os.kill(os.getpid(), signal.SIGINT)

    before = torch.get_rng_state(), signal.getsignal(signal.SIGINT), set(multiprocessing.active_children())
    task = task_of(tmp_path, size=20)
    network, history = trained(tmp_path, task, replace(STEERING, devices=2, epochs=50), interrupt)
    assert history.interrupted
    assert caplog.messages == ["Interrupted: stopping after this epoch; the best epoch so far is kept"]
    assert 2 <= len(history.epochs) < 50
    assert said[0] == 20
    assert all(0 < epoch.valid_loss < 3 * CLASSES for epoch in history.epochs)
    assert not network.training
    assert capfd.readouterr() == ("", "")
    after = torch.get_rng_state(), signal.getsignal(signal.SIGINT), set(multiprocessing.active_children())
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]
    left = {file.name for file in (tmp_path / "work").iterdir() if file.is_file()}
    assert left == {CHECKPOINT, OUTCOME}


class LateFlag:
    """That is down when a process first looks, and raised when the others have been asked."""

    def __init__(self) -> None:
        self.looks = [False, True]

    @property
    def value(self) -> bool:
        return self.looks.pop(0)

    @value.setter
    def value(self, raised: bool) -> None:
        self.looks = [raised]


@pytest.mark.parametrize("pressed", [True, False])
def test_what_another_process_saw_first_has_its_name(pressed: bool) -> None:
    """Ctrl-C between two looks is an interruption in every process; else its clock alone can have told the other."""
    flag = LateFlag()
    flag.looks[1] = pressed
    record = Record(first_network(), None, 9)
    record.epochs.append(Epoch(3, 1.0, 0.5, 1.0, 0.5, 0.1, 1.0, 10.0))
    stop = Stop(record, flag, patience=9, accuracy=None, max_seconds=None)
    trainer = Mock(current_epoch=2, max_epochs=9, should_stop=False)
    trainer.strategy.reduce_boolean_decision.return_value = True
    stop.on_validation_epoch_end(trainer, Mock())
    assert trainer.should_stop
    assert stop.reason == ("interrupted in epoch 3 of 9" if pressed else "its time was over")


def test_what_a_process_died_of_is_one_line() -> None:
    ours = "\n\n-- Process 0 terminated:\nTraceback …\nwhatsit.errors.WhatsitError: cannot write x"
    assert _why(ours) == "cannot write x"
    assert _why("Traceback …\nKeyError: 'a'").startswith(
        "one of the processes that train ended (KeyError: 'a'). A script"
    )


def test_a_flag_is_raised_once() -> None:
    flag = raised_flag(1)
    with listening(flag):
        os.kill(os.getpid(), signal.SIGINT)
        assert flag.value
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_only_the_main_thread_listens() -> None:
    before = signal.getsignal(signal.SIGINT)

    def elsewhere() -> None:
        with listening(raised_flag(1)):
            assert signal.getsignal(signal.SIGINT) is before

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()


def test_all_that_was_said_is_heard() -> None:
    heard: list[tuple[int, str]] = []
    with advance_across(lambda n, note="": heard.append((n, note)), 2) as advance:
        for n in range(100):
            advance(n, str(n))
    assert heard == [(n, str(n)) for n in range(100)]


def test_fewer_photos_than_processes(tmp_path: Path) -> None:
    with pytest.raises(WhatsitError, match=r"--devices 4: a batch has 3 photos"):
        trained(tmp_path, task_of(tmp_path, 12, learn=9, size=30), replace(STEERING, devices=4))
