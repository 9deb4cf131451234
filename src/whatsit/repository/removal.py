"""What happens when versions go: they vanish at once, and another takes the place of the default."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from whatsit.errors import ModelFolderError, RepositoryError
from whatsit.model.folder import read_model
from whatsit.repository.copying import sync_folder
from whatsit.repository.layout import FILES, note_highest, versions_in


def heir_of(folder: Path, leaving: int, previous: int | None) -> int | None:
    """The previous version, or the newest one left, that is sound; None where none is left.

    Raises RepositoryError where none of those left is sound.
    """
    left = [version for version in reversed(versions_in(folder)) if version != leaving]
    for version in sorted(left, key=lambda version: version != previous):
        if _is_sound(folder / str(version)):
            return version
    if left:
        raise RepositoryError(f"{folder.name}: no other version is sound, so none can be the default. Add one first")
    return None


def _is_sound(model: Path) -> bool:
    try:
        read_model(model)
    except ModelFolderError:
        return False
    return True


def hide(folder: Path, versions: Sequence[int]) -> list[Path]:
    """Takes versions out of sight at once; what is left of them is deleted when the model's lock is free.

    Needs no room on a disk that is full, for that is when people remove.
    """
    note_highest(folder)
    hidden = []
    for version in versions:
        place = folder / f"{FILES.removed}{version}"
        shutil.rmtree(place, ignore_errors=True)  # left by a kill
        (folder / str(version)).rename(place)
        hidden.append(place)
    sync_folder(folder)
    return hidden


def delete(hidden: Sequence[Path]) -> None:
    """What cannot be deleted now is swept by the next `add`."""
    for place in hidden:
        shutil.rmtree(place, ignore_errors=True)
