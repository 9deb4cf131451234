"""The folder of a training under way, beside the model folder to be: its checkpoint, and what it was begun with.

It goes when the model folder is there, unless its checkpoint is kept for more epochs (`keep_checkpoint`). Where it is
still there at the next call, that training was broken off. It is resumed if asked for and if nothing that matters has
changed, and never thrown away without a word. No other model is replaced by a training that goes on: a note says which
model a kept checkpoint came to.

A learning rate that a trial found is kept beside the checkpoint: a training that is resumed goes on with it.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from whatsit import __version__
from whatsit.config import TrainOptions, weight_changing
from whatsit.errors import WhatsitError
from whatsit.files import plain_os_errors, write_atomically
from whatsit.notices import kept_if_interrupted, notice
from whatsit.progress import ProgressReporter
from whatsit.training.experiment import Experiment
from whatsit.training.fitted import History
from whatsit.training.save import data_fingerprint

if TYPE_CHECKING:
    from whatsit.training.network.learner import Task
    from whatsit.training.network.modules import Network
    from whatsit.training.network.trainer import Steering


WHOLE_EPOCH = "The last whole epoch is kept: run the same command again with --resume to go on."
SUFFIX = ".training"
BEGUN = "begun.json"
KEPT = "kept.json"  # of a finished training: which model it came to
LOCK = ".lock"
NEEDED = ("*.ckpt", "*.json", "tensorboard.txt")  # to go on from a finished training
MORE = ("epochs", "patience")  # how long it goes on: `fit` says what becomes of the course


@contextmanager
def unfinished(
    folder: Path, begun: Mapping[str, object], *, resume: bool, overwrite: bool, more: bool = False
) -> Iterator[Path]:
    """Yields `<folder>.training`; removes it when the block ends without an error, or left nothing to go on from.

    more: a training that is resumed may have another number of epochs than it was begun with.
    Raises WhatsitError where another process is training there, or an unfinished training is neither resumed nor given
    up (overwrite), or was begun with other photos or options.
    """
    work = training_folder(folder)
    with alone(work, "training"):
        _begin(work, begun, resume=resume, overwrite=overwrite, may_change=MORE if more else ())
        try:
            with kept_if_interrupted(lambda: WHOLE_EPOCH if has_begun(work) else ""):
                yield work
        except BaseException:
            if not has_begun(work):
                _empty(work)
            raise
        _empty(work, but=NEEDED if is_finished(work) else ())


@contextmanager
def alone(work: Path, doing: str) -> Iterator[None]:
    """The folder for this process alone; it goes where it is left empty.

    Raises WhatsitError where another process is `doing` the same there, or the disk cannot be written.
    """
    with plain_os_errors(work):
        work.mkdir(parents=True, exist_ok=True)
        lock = FileLock(work / LOCK)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            message = f"{work}: another process is {doing} there. Wait for it, or name another --output"
            raise WhatsitError(message) from None
    try:
        yield
    finally:
        lock.release()
        if all(file.name == LOCK for file in work.iterdir()):
            shutil.rmtree(work, ignore_errors=True)


def training_identity(experiment: Experiment, options: TrainOptions) -> Mapping[str, object]:
    """All that the weights of a training depend on."""
    photos = experiment.photos
    given = {"version": __version__, "classes": photos.dataset.classes, "photos": data_fingerprint(photos)}
    values = {**given, "splits": experiment.splits.names, **weight_changing(options)}
    plain: dict[str, object] = json.loads(json.dumps(values))
    return plain


def training_folder(folder: Path) -> Path:
    """Of a model folder."""
    return folder.with_name(folder.name + SUFFIX)


def _begin(
    work: Path, now: Mapping[str, object], *, resume: bool, overwrite: bool, may_change: tuple[str, ...]
) -> None:
    """What was broken off before a first checkpoint is no loss, and no question."""
    if has_begun(work) and resume:
        _check_same(work, _read(work / BEGUN), now, may_change)
        if is_finished(work):
            write_atomically(work / KEPT, json.dumps({**read_note(work), "finished": False}).encode())
        return
    if is_finished(work) and not overwrite:
        raise WhatsitError(
            f"{work}: keeps the checkpoint of a finished training. Go on with --resume, or begin anew: --force"
        )
    if has_begun(work) and not overwrite:
        raise WhatsitError(f"{work}: holds a training that was broken off. Go on with --resume, or begin anew: --force")
    _empty(work)
    write_atomically(work / BEGUN, json.dumps(dict(now)).encode())


def has_begun(work: Path) -> bool:
    """Whether there is a checkpoint to go on from."""
    return any(work.glob("*.ckpt"))


def is_finished(work: Path) -> bool:
    """Whether the model folder was written, and the checkpoint kept."""
    return has_begun(work) and read_note(work).get("finished") is True


def read_note(work: Path) -> Mapping[str, object]:
    """What is known of the model that a kept checkpoint came to; nothing where none was kept."""
    return _read(work / KEPT) if (work / KEPT).exists() else {}


def _read(file: Path) -> Mapping[str, object]:
    try:
        before = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        before = None
    if not isinstance(before, dict):
        raise WhatsitError(f"{file}: is damaged, so training cannot go on from it. Begin anew: --force")
    return before


def _check_same(
    work: Path, before: Mapping[str, object], now: Mapping[str, object], may_change: tuple[str, ...]
) -> None:
    changed = [name for name in now if name not in may_change and now[name] != before.get(name)]
    if changed:
        raise WhatsitError(
            f"{work}: begun with other {changed[0].replace('_', ' ')} ({_short(before.get(changed[0]))}, now "
            f"{_short(now[changed[0]])}). Give the same, or begin anew: --force"
        )


def _empty(work: Path, but: tuple[str, ...] = ()) -> None:
    """But for the lock, and what these patterns name."""
    for file in work.iterdir():
        if file.is_dir():
            shutil.rmtree(file, ignore_errors=True)
        elif file.name != LOCK and not any(file.match(pattern) for pattern in but):
            file.unlink(missing_ok=True)


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}…"


MB = 1_000_000


def goes_on(model: Path, facts: str, epochs: int | None) -> bool:
    """Whether the model there is to be replaced by what its own training comes to, going on.

    facts: the name of the file that a model folder has; epochs: as asked for. Raises WhatsitError where no checkpoint
    was kept, or no epoch is left to learn.
    """
    if not (model / facts).exists():
        return False
    work = training_folder(model)
    if not has_begun(work):
        raise WhatsitError(
            f"{model}: its training is finished, and no checkpoint of it was kept to go on from. "
            "Train anew: --force; with --keep-checkpoint it can go on later"
        )
    note = read_note(work)
    if note.get("model") != _digest(model / facts):
        return False
    done = note.get("epochs")
    if is_finished(work) and note.get("all") and isinstance(done, int) and (epochs is None or epochs <= done):
        raise WhatsitError(f"{model}: all {done} epochs are learned. Give more, as --epochs {2 * done}")
    return True


def keep_checkpoint(work: Path, model: Path, facts: str, history: History, epochs: int) -> None:
    """Once the model folder is written: the checkpoint stays, and the user hears where, how large, and what for.

    epochs: how many the training was to have.
    """
    if not has_begun(work):
        notice("--keep-checkpoint: nothing was learned epoch by epoch, so there is no checkpoint to keep")
        return
    done = history.epochs[-1].number
    whole = done >= epochs
    note = {"model": _digest(model / facts), "epochs": done, "all": whole, "finished": True}
    write_atomically(work / KEPT, json.dumps(note).encode())
    size = sum(file.stat().st_size for file in work.glob("*.ckpt")) / MB
    more = "--resume" if history.interrupted and not whole else f"--resume --epochs {2 * epochs}"
    notice(
        f"{work} keeps the checkpoint ({size:.1f} MB): the same command with {more} goes on. Remove it if you will not"
    )


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


FIND = "find"  # a learning rate that is asked for by this word is found by a trial
FOUND = "learning-rate.json"


def with_rate(options: TrainOptions, found: float | None) -> TrainOptions:
    """The options that a network was trained with: with the learning rate, where that was found."""
    if found is None:
        return options
    return replace(options, network=replace(options.network, learning_rate=found))


def found_rate(network: "Network", task: "Task", steering: "Steering", work: Path, progress: ProgressReporter) -> float:
    """Found once, before the first step: a training that is resumed goes on with the same."""
    from whatsit.training.network.finder import STEPS, find_learning_rate
    from whatsit.training.network.trainer import precision

    path = work / FOUND
    if path.exists():
        return read_rate(path)
    with progress("finding the learning rate", STEPS * task.train.size) as advance:
        found = find_learning_rate(network, task, advance, device=steering.device, precision=precision(steering))
    write_atomically(path, json.dumps({"learning_rate": found.learning_rate}).encode())
    return found.learning_rate


def read_rate(path: Path) -> float:
    """Raises WhatsitError where the file is damaged."""
    try:
        return float(json.loads(path.read_bytes())["learning_rate"])
    except (OSError, ValueError, KeyError, TypeError):
        raise WhatsitError(f"{path}: damaged. Begin the training anew: --force") from None
