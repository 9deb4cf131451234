"""What the tests of a session share is made once, also where pytest-xdist runs them in several processes."""

import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from filelock import FileLock

Made = TypeVar("Made")


def keep_to_one_core() -> None:
    """Each worker of pytest-xdist, with all that it starts, keeps to one core. To be called before NumPy is imported.

    The libraries start as many threads as there are cores, and their threads wait for each other by spinning. Two
    workers on two cores, which do so side by side, took up to ten times the processor time for the same test.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker.startswith("gw") and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})


@contextmanager
def one_core() -> Iterator[None]:
    """This process, and what it starts, keep to one core: networks of a few hundred weights are slower on two."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(before)[os.getpid() % len(before)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of the session have in common."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Made]) -> Made:
    """What `make` gives for a new folder. The first worker that asks makes it, the others read what it made."""
    folder = shared_folder(factory) / f"once-{name}"
    kept = folder / "made.pickle"
    with FileLock(folder.with_suffix(".lock")):
        if not kept.exists():
            folder.mkdir()
            kept.write_bytes(pickle.dumps(make(folder)))
    made: Made = pickle.loads(kept.read_bytes())
    return made
