"""Where results go: names that were not told, and what may be replaced."""

from collections.abc import Sequence
from pathlib import Path

from whatsit.errors import WhatsitError
from whatsit.files import check_target


def default_folder(name: str) -> Path:
    """Where a model goes that was not told: beside where one stands, named after its photos."""
    return Path(f"{name}-model")


def file_name(text: str) -> str:
    """A name from someone else's model.json, as one part of a path."""
    return text.replace("/", "_").replace("\\", "_")


def check_folder(target: Path, mark: str, *, overwrite: bool) -> None:
    """Before long work: raises WhatsitError where the folder cannot be written, or would replace another's.

    mark: the file that tells a folder that whatsit wrote; without it only an empty folder is replaced.
    """
    replaces = overwrite and target.exists() and not (target / mark).exists()
    if replaces and (not target.is_dir() or any(target.iterdir())):
        raise WhatsitError(f"{target}: has no {mark}, so it is not replaced. Name another with --output")
    check_target(target, overwrite=overwrite)


def check_results(folder: Path, figures: str, others: Sequence[str], again: str, *, overwrite: bool) -> None:
    """Before long work whose figures are written last: without them a folder is one that was broken off, which goes on.

    figures: the name of their file; others: what else broken-off work may have left there; again: what else the user
    can do where they are there. Raises WhatsitError where they are and shall not be replaced, the folder is someone
    else's, or it cannot be written.
    """
    if (folder / figures).exists():
        if not overwrite:
            raise WhatsitError(f"{folder} exists. Name another with --output, or {again}")
    elif folder.exists() and (not folder.is_dir() or {path.name for path in folder.iterdir()} - {*others}):
        raise WhatsitError(f"{folder}: has no {figures}, so nothing is written there. Name another with --output")
    check_target(folder / figures if folder.exists() else folder, overwrite=True)
