"""Writes files and folders so that nothing half-written is ever seen; says where results go and what may be replaced.

All files are written through `written_atomically`, and new folders through `folder_written_atomically`: to a temporary
sibling, which then takes the target's place by one rename. The repository of versions alone has its own way
(`model.versions.copying`), since it writes outside a lock and learns a version's number under it. This module knows
nothing of what is written.
"""

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from whatsit.errors import WhatsitError
from whatsit.text import shell_quoted


@contextmanager
def plain_os_errors(path: Path) -> Iterator[None]:
    """A full disk or a read-only folder becomes one line."""
    try:
        yield
    except OSError as error:
        raise WhatsitError(f"cannot write {path}: {error.strerror or error}") from error


@contextmanager
def written_atomically(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Yields an empty temporary sibling to write to; it takes the path's place when the block ends without an error.

    durable: waits for the disk, so that a loss of power leaves the old file or the new one.
    Raises WhatsitError where a folder stands there, the folder cannot be written or the disk is full. After any error
    the old file stays, and no temporary one.
    """
    check_no_folder(path)
    with plain_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        fresh = Path(name)
        try:
            yield fresh
            fresh.chmod(0o644)
            if durable:
                with fresh.open("rb+") as file:
                    os.fsync(file.fileno())
            fresh.replace(path)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise


def write_atomically(path: Path, data: bytes, *, durable: bool = False) -> None:
    """As `written_atomically`, of bytes at hand."""
    with written_atomically(path, durable=durable) as fresh:
        fresh.write_bytes(data)


def left_over(path: Path) -> Iterator[Path]:
    """What `written_atomically` left beside a file where it was killed; or is writing just now."""
    return (half for half in path.parent.glob(f".{path.name}.????????") if half.is_file())


def write_json(path: Path, value: object) -> None:
    """As UTF-8; what is no Unicode, as file names may be, is escaped. Raises as `write_atomically` does."""
    write_atomically(path, json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace"))


@contextmanager
def folder_written_atomically(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yields an empty sibling folder to fill; it takes the target's place when the block ends without an error.

    Raises WhatsitError where the target exists (unless `overwrite`) or cannot be written.
    """
    check_target(target, overwrite=overwrite)
    with plain_os_errors(target):
        fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            fresh.chmod(0o755)
            yield fresh
            _put_in_place(fresh, target, overwrite)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


def check_file(file: Path, *, overwrite: bool) -> None:
    """As `check_target`; also raises WhatsitError where a folder stands in the file's place."""
    check_no_folder(file)
    check_target(file, overwrite=overwrite)


def check_no_folder(file: Path) -> None:
    """Raises WhatsitError where a folder stands in its place: nothing replaces that."""
    if file.is_dir():
        raise WhatsitError(f"{file}: is a folder. Name a file in it, such as {file / ('NAME' + file.suffix)}")


def check_target(target: Path, *, overwrite: bool, other: str = "") -> None:
    """Before long work: raises WhatsitError where the target exists (unless `overwrite`) or cannot be written.

    other: a name to propose where it exists.
    """
    if target.exists() and not overwrite:
        proposed = f" {shell_quoted(other)}" if other else ""
        raise WhatsitError(f"{target} exists. Name another with --output{proposed}, or replace it with --force")
    with plain_os_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent)).rmdir()


def _put_in_place(fresh: Path, target: Path, overwrite: bool) -> None:
    if not (overwrite and target.exists()):
        try:
            fresh.rename(target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            raise WhatsitError(f"{target}: another process wrote it meanwhile. Name another with --output") from error
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
    target.rename(old / target.name)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)


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
