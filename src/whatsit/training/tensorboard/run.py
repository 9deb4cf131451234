"""Where a training's files for TensorBoard go: one folder a run, `<name>-<method>-<number>`.

A training that is resumed goes on in its own: the folder of its checkpoint remembers which. It imports no package that
an extra brings.
"""

import tempfile
from importlib.util import find_spec
from itertools import count
from pathlib import Path

from whatsit.errors import MissingExtraError
from whatsit.files import plain_os_errors, write_atomically

NOTE = "tensorboard.txt"  # in the folder of a training under way
LONGEST = 100  # characters of a data set's name; file systems take 255 bytes


def check_board(folder: str | Path) -> None:
    """Before long work: raises MissingExtraError without tensorboard, WhatsitError where the folder cannot be written.

    Makes the folder where it is not there yet.
    """
    if find_spec("tensorboard") is None:
        raise MissingExtraError("tensorboard", "networks")
    with plain_os_errors(Path(folder)):
        Path(folder).mkdir(parents=True, exist_ok=True)
        Path(tempfile.mkdtemp(prefix=".whatsit.", dir=folder)).rmdir()


def run_folder(folder: str | Path, name: str, method: str, training: Path | None = None) -> Path:
    """A new, empty folder in `folder`; or the one that this training has been writing to.

    training: the folder of a training under way, which remembers. Raises WhatsitError where it cannot be written.
    """
    note = training / NOTE if training else None
    if note and note.exists():
        before = Path(note.read_text(encoding="utf-8"))
        if before.is_dir() and before.parent == Path(folder).resolve():
            return before
    fresh = _fresh(Path(folder).resolve(), name, method)
    if note:
        write_atomically(note, str(fresh).encode())
    return fresh


def _fresh(folder: Path, name: str, method: str) -> Path:
    stem = f"{_plain(name)}-{method}"
    with plain_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            run = folder / f"{stem}-{number}"
            try:
                run.mkdir()
            except FileExistsError:
                continue
            return run
    raise AssertionError("unreachable: numbers do not end")


def _plain(name: str) -> str:
    """A data set's name as one part of a path, and of an address in the browser."""
    kept = "".join(sign if sign.isalnum() or sign in "-_." else "_" for sign in name[:LONGEST])
    return kept.lstrip(".") or "photos"
