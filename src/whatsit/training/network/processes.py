"""Training in several processes on one machine: what they share, and how they end.

Ctrl-C reaches all processes of a terminal at once, so only the first one listens: it raises a flag that all see, and
the others end with it. Progress comes back through a pipe. Whoever calls from a script guards it with
`if __name__ == "__main__":`, as each process reads the script again.
"""

import logging
import multiprocessing
import os
import signal
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from ctypes import c_bool
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Protocol

import torch
from lightning.pytorch.strategies import DDPStrategy
from torch.multiprocessing.spawn import ProcessException

from whatsit.errors import WhatsitError
from whatsit.machine import TOO_LITTLE, cores, keep_memory, says_too_little
from whatsit.notices import notice
from whatsit.progress import Advance
from whatsit.training.fitted import INTERRUPTED

SPAWN = multiprocessing.get_context("spawn")  # a fork of a process with PyTorch's threads may hang
LOGGERS = ("lightning.pytorch", "lightning.fabric", "torch")
AFTER_EPOCH = f"{INTERRUPTED.capitalize()}: stopping after this epoch; the best epoch so far is kept"
LAST_WORDS = 5  # seconds for progress that is still on its way


class Flag(Protocol):
    """Whether Ctrl-C was pressed. Memory without a lock, as a signal's handler may interrupt itself."""

    value: bool


def raised_flag(processes: int) -> Flag:
    """A flag that is down, to be seen by so many processes."""
    return SPAWN.RawValue(c_bool, False) if processes > 1 else c_bool(False)


@contextmanager
def listening(flag: Flag, first: str = "") -> Iterator[None]:
    """The first Ctrl-C raises the flag, a second one KeyboardInterrupt. Only a main thread can listen.

    first: what the user is told at once at the first one; nothing, where who sees the flag will tell it.
    """

    def hear(number: int, frame: FrameType | None) -> None:
        if flag.value:
            raise KeyboardInterrupt
        flag.value = True
        if first:
            notice(first)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, hear)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)


class PipedAdvance:
    """`advance` of a process that another one reports. One alone sends, so no lock is left held when it dies."""

    def __init__(self, pipe: "Connection[tuple[int, str], None]") -> None:
        self.pipe = pipe

    def __call__(self, n: int, note: str = "") -> None:
        self.pipe.send((n, note))


@contextmanager
def advance_across(advance: Advance, processes: int) -> Iterator[Advance]:
    """What to call in its place, where the caller may be another process."""
    if processes == 1:
        yield advance
        return
    receiver, sender = SPAWN.Pipe(duplex=False)

    def listen() -> None:
        with suppress(EOFError, OSError):  # the end, whole or in the middle of a word
            while True:
                advance(*receiver.recv())

    listener = threading.Thread(target=listen, name="progress", daemon=True)
    listener.start()
    try:
        yield PipedAdvance(sender)
    finally:
        sender.close()
        listener.join(LAST_WORDS)


@contextmanager
def none_left_over() -> Iterator[None]:
    """Processes that were started meanwhile end with the block, and what they died of becomes one line."""
    before = set(multiprocessing.active_children())
    try:
        yield
    except ProcessException as error:
        raise WhatsitError(_why(str(error))) from error
    finally:
        for child in set(multiprocessing.active_children()) - before:
            child.kill()
            child.join()


def _why(traceback: str) -> str:
    last = traceback.strip().rpartition("\n")[2]
    kind, _, message = last.partition(": ")
    if kind.startswith("whatsit.errors."):
        return message
    if says_too_little(last):
        return TOO_LITTLE
    return (
        f"one of the processes that train ended ({last}). "
        "A script that trains in several has its calls under 'if __name__ == \"__main__\":'; else try --devices 1"
    )


def hush() -> None:
    """Lightning's hints are for its programmers; ours know (few workers, no logger, loops of one's own)."""
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)


@contextmanager
def quiet() -> Iterator[None]:
    """Hushed, for as long as the block lasts."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            hush()
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


class Processes(DDPStrategy):
    """Lightning's data-parallel processes, as quiet, and as soon gone, as a single one."""

    def __init__(self, count: int, folder: Path) -> None:
        super().__init__(start_method="spawn")
        self.count = count
        self.folder = folder

    def setup_environment(self) -> None:
        """The first that each process calls."""
        warnings.simplefilter("ignore")
        hush()
        signal.signal(signal.SIGINT, _ends_with(multiprocessing.parent_process()))
        tempfile.tempdir = str(self.folder)  # Lightning leaves an empty folder in it
        keep_memory()
        if self.root_device.type == "cpu":
            torch.set_num_threads(max(1, cores() // self.count))
        super().setup_environment()


def _ends_with(parent: BaseProcess | None) -> Callable[[int, FrameType | None], None]:
    """Ctrl-C is the parent's to hear; PyTorch sends it, too, when the parent is gone."""

    def hear(number: int, frame: FrameType | None) -> None:
        if parent is None or not parent.is_alive():
            os._exit(1)

    return hear


def shares(sizes: Sequence[int], processes: int) -> None:
    """Raises WhatsitError where a batch of so many photos cannot be shared out among the processes."""
    if min(sizes) < processes:
        raise WhatsitError(
            f"--devices {processes}: a batch has {min(sizes)} photos, and each process needs one. Give fewer --devices"
        )
