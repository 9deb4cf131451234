"""A model folder copied into the repository: file by file, each checked against its source and on the disk.

Copying is slow and done outside the model's lock, in a hidden folder that the copier holds a lock of its own on. A
process that is killed leaves that folder behind, unlocked; the next one that adds sweeps it away.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from whatsit.errors import RepositoryError
from whatsit.files import left_over
from whatsit.model.versions.layout import FILES, is_locked, locked
from whatsit.text import printable

CHUNK = 1 << 20  # bytes


@contextmanager
def workplace(folder: Path) -> Iterator[Path]:
    """An empty hidden folder in the model's `folder`, ours until the block ends. Raises OSError."""
    with ExitStack() as alive:
        with locked(folder / FILES.lock):  # so that nobody sweeps what is made but not locked yet
            sweep(folder)
            place = Path(tempfile.mkdtemp(prefix=FILES.adding, dir=folder))
            alive.callback(shutil.rmtree, place, ignore_errors=True)
            alive.enter_context(locked(place / FILES.lock))
        yield place


def sweep(folder: Path) -> None:
    """Deletes what killed processes left behind. The model's lock must be held."""
    for left in folder.glob(f"{FILES.removed}*"):
        shutil.rmtree(left, ignore_errors=True)
    for left in folder.glob(f"{FILES.adding}*"):
        if not is_locked(left / FILES.lock):
            shutil.rmtree(left, ignore_errors=True)
    for name in (FILES.highest, FILES.aliases, FILES.triton, FILES.labels):  # which are written under that lock alone
        for half in left_over(folder / name):
            with suppress(OSError):
                half.unlink()


def copy_folder(source: Path, target: Path) -> None:
    """Every file, those in subfolders too; links to files are read through. All is on the disk when this returns.

    Raises RepositoryError for what is no file, or cannot be read, and OSError where it cannot be written.
    """
    target.mkdir()
    for relative in list_files(source):
        copy = target / relative
        copy.parent.mkdir(parents=True, exist_ok=True)
        _copy_file(source / relative, copy)
    for folder, _, _ in os.walk(target):
        sync_folder(Path(folder))


def list_files(source: Path) -> list[Path]:
    """The files in a folder and in its subfolders, relative to it."""

    def refuse(error: OSError) -> None:
        raise error

    found = []
    try:
        for folder, folders, files in os.walk(source, onerror=refuse):
            links = [name for name in folders if Path(folder, name).is_symlink()]
            for path in (Path(folder, name) for name in sorted([*files, *links])):
                if not path.is_file():
                    raise RepositoryError(
                        f"{printable(str(path))}: neither a file nor a folder (a pipe, a broken link, a link to a "
                        "folder). Remove it from the model folder"
                    )
                found.append(path.relative_to(source))
    except OSError as error:
        raise _unreadable(source, error) from error
    return found


def _copy_file(source: Path, target: Path) -> None:
    digest = hashlib.sha256()
    try:
        reading = source.open("rb")
    except OSError as error:
        raise _unreadable(source, error) from error
    with reading, target.open("xb") as writing:
        while chunk := reading.read(CHUNK):
            digest.update(chunk)
            writing.write(chunk)
        writing.flush()
        os.fsync(writing.fileno())
    with target.open("rb") as written:
        if hashlib.file_digest(written, "sha256").digest() != digest.digest():
            raise RepositoryError(f"{target}: not what was written. Is the disk failing? Try again, or on another")


def _unreadable(path: Path, error: OSError) -> RepositoryError:
    return RepositoryError(f"{printable(str(error.filename or path))}: {error.strerror or error}")


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder outlive a loss of power, where the system has a way to."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
