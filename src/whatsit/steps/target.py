"""Where results go: names that were not told, and what may be replaced."""

from collections.abc import Sequence
from pathlib import Path

from whatsit.errors import WhatsitError
from whatsit.files import check_target


def default_folder(name: str) -> Path:
    """Where a model goes that was not told: beside where one stands, named after its photos."""
    return Path(f"{name}-model")


def examination_folder(name: str, photos: str) -> Path:
    """Where a report goes that was not told: a model's name, from someone else's model.json, and a data set's."""
    plain = name.replace("/", "_").replace("\\", "_")
    return Path(f"{plain}-on-{photos}")


def other_examination_folder(model: Path, photos: str) -> Path:
    """What tells two models of the same photos apart: named after the model's folder.

    model: its folder; one of a repository, `<name>/<version>`, gives both. photos: the name of the data set.

    >>> [str(other_examination_folder(Path(one), "later")) for one in ("pets-model", "some/pets-2/", "models/pets/3")]
    ['pets-model-on-later', 'pets-2-on-later', 'pets-3-on-later']
    """
    folder = model.absolute()
    name = f"{folder.parent.name}-{folder.name}" if folder.name.isdigit() else folder.name
    return Path(f"{name}-on-{photos}")


def check_folder(target: Path, mark: str, *, overwrite: bool, other: str = "") -> None:
    """Before long work: raises WhatsitError where the folder cannot be written, or would replace another's.

    mark: the file that tells a folder that whatsit wrote; without it only an empty folder is replaced.
    other: a name to propose where the target exists.
    """
    replaces = overwrite and target.exists() and not (target / mark).exists()
    if replaces and (not target.is_dir() or any(target.iterdir())):
        raise WhatsitError(f"{target}: has no {mark}, so it is not replaced. Name another with --output")
    check_target(target, overwrite=overwrite, other=other)


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
