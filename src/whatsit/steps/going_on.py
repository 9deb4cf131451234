"""A finished training's checkpoint, kept where the user asked for it: what more epochs go on from.

It lies in the folder of the training, with a note of the model that it came to: no other model is replaced.
"""

import hashlib
import json
from pathlib import Path

from whatsit.errors import WhatsitError
from whatsit.files import write_atomically
from whatsit.learning.history import History
from whatsit.notices import notice
from whatsit.steps.unfinished import KEPT, has_begun, is_finished, read_note, training_folder

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
