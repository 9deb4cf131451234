"""The folder of a training under way, beside the model folder to be: its checkpoint, and what it was begun with.

It goes when the model folder is there. Where it is still there at the next call, that training was broken off: it is
resumed if asked for and if nothing that matters has changed, and never thrown away without a word.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock, Timeout

from whatsit.errors import WhatsitError
from whatsit.files import plain_os_errors, write_atomically
from whatsit.options import TrainOptions
from whatsit.steps.gather import Photos
from whatsit.steps.plan import Plan
from whatsit.steps.publish import data_fingerprint

SUFFIX = ".training"
BEGUN = "begun.json"
LOCK = ".lock"
MAY_CHANGE = ("max_seconds", "stop_at_accuracy", "tensorboard", "devices")  # they change no weight of a given epoch


@contextmanager
def unfinished(folder: Path, begun: Mapping[str, object], *, resume: bool, overwrite: bool) -> Iterator[Path]:
    """Yields `<folder>.training`; removes it when the block ends without an error.

    Raises WhatsitError where another process is training there, or an unfinished training is neither resumed nor given
    up (overwrite), or was begun with other photos or options.
    """
    work = folder.with_name(folder.name + SUFFIX)
    with plain_os_errors(work):
        work.mkdir(parents=True, exist_ok=True)
        lock = FileLock(work / LOCK)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            raise WhatsitError(
                f"{work}: another process is training there. Wait for it, or name another --output"
            ) from None
    try:
        _begin(work, begun, resume=resume, overwrite=overwrite)
        yield work
    finally:
        lock.release()
    shutil.rmtree(work, ignore_errors=True)


def begun_with(photos: Photos, plan: Plan, options: TrainOptions) -> Mapping[str, object]:
    """All that the weights of a training depend on."""
    chosen = asdict(options)
    network = {name: value for name, value in chosen.pop("network").items() if name not in MAY_CHANGE}
    values = {"photos": data_fingerprint(photos), "splits": list(plan.splits), **chosen, **network}
    plain: dict[str, object] = json.loads(json.dumps(values, default=sorted))
    return plain


def _begin(work: Path, now: Mapping[str, object], *, resume: bool, overwrite: bool) -> None:
    path = work / BEGUN
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    if resume and before is not None:
        changed = [name for name in now if now[name] != before.get(name)]
        if changed:
            raise WhatsitError(
                f"{work}: begun with other {changed[0].replace('_', ' ')} ({_short(before.get(changed[0]))}, now "
                f"{_short(now[changed[0]])}). Give the same, or begin anew: --force"
            )
        return
    if before is not None and not overwrite:
        raise WhatsitError(f"{work}: holds a training that was broken off. Go on with --resume, or begin anew: --force")
    for file in work.iterdir():
        if file.name != LOCK:
            file.unlink()
    write_atomically(path, json.dumps(dict(now)).encode())


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
