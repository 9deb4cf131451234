"""What may be a name: of a model, of an alias; and how any text is made one. Touches no disk.

A name becomes a folder, a part of a URL and a line of Triton's configuration, so few characters are in it.

Where things lie in a repository: `<root>/<name>/<version>/`, and what is beside the versions.

TensorFlow Serving and NVIDIA Triton read the same layout. Whatever is unfinished has a name that begins with a dot,
which they pass over, as this does. Looks at names of folders alone; it takes no lock and needs none, since versions
come and go by a rename.

One writer at a time, in however many processes. The kernel frees a lock whose holder dies.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from whatsit.errors import RepositoryError
from whatsit.files import write_atomically
from whatsit.text import printable, some

DEFAULT = "default"  # the version that answers where none is asked for
PREVIOUS = "previous"  # the one that was the default before, for `rollback`
LONGEST = 64
FALLBACK = "model"
_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{LONGEST}}}")
_OTHERS = re.compile(r"[^A-Za-z0-9_-]+")
_SET_OTHERWISE = {DEFAULT: "whatsit models default NAME VERSION", PREVIOUS: "whatsit models rollback NAME"}


def is_name(text: object) -> bool:
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def is_alias(text: object) -> bool:
    """A name that is no number, since a number is a version."""
    return is_name(text) and not str(text).isdigit()


def check_name(text: str) -> str:
    """The same text. Raises RepositoryError where it is no name."""
    return _checked(text, is_name(text), "the name of a model", valid_name(text))


def check_alias(text: str) -> str:
    """The same text. Raises RepositoryError where it is no name, a number, or one that is never set by hand."""
    if text in _SET_OTHERWISE:
        raise RepositoryError(f"'{text}' is not set as an alias. Use: {_SET_OTHERWISE[text]}")
    name = valid_name(text)
    return _checked(text, is_alias(text), "an alias", name if is_alias(name) else f"v{name}"[:LONGEST])


def valid_name(text: str) -> str:
    """Any text made a name.

    >>> valid_name("my pets/2"), valid_name("…")
    ('my-pets-2', 'model')
    """
    return _OTHERS.sub("-", text).strip("-")[:LONGEST].rstrip("-") or FALLBACK


def _checked(text: str, fine: bool, what: str, instead: str) -> str:
    if fine:
        return text
    expected = f"1 to {LONGEST} of a to z, A to Z, 0 to 9, - and _"
    if what == "an alias":
        expected += ", not digits alone"
    raise RepositoryError(f"'{shown(text)}' cannot be {what}: expected {expected}. Try '{instead}'")


def shown(text: str) -> str:
    """Whatever someone took for a name, fit for a message."""
    return printable(text if len(text) <= LONGEST else f"{text[:LONGEST]}…")


NAMED = 5  # versions that a message names


@dataclass(frozen=True)
class FileNames:
    """What lies in a model's folder beside the versions."""

    aliases: str = "aliases.json"
    triton: str = "config.pbtxt"
    labels: str = "labels.txt"
    lock: str = ".lock"
    highest: str = ".highest"  # the highest number ever given
    adding: str = ".adding-"  # …and what makes it unique: a copy in progress
    removed: str = ".removed-"  # …and its number: a version that is gone but not yet deleted


FILES = FileNames()
_VERSION = re.compile(r"[1-9][0-9]{0,17}")  # without leading zeros; Triton's are int64


def models_in(root: Path) -> list[str]:
    """The models that have a version, by name; none where there is no such folder."""
    return sorted(name for name in _folders(root) if is_name(name) and versions_in(root / name))


def versions_in(folder: Path) -> list[int]:
    """The versions in a model's folder, ascending; none where there is no such folder."""
    return sorted(int(name) for name in _folders(folder) if _VERSION.fullmatch(name))


def _folders(parent: Path) -> list[str]:
    try:
        with os.scandir(parent) as found:
            return [entry.name for entry in found if entry.is_dir()]
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else "no path"
        raise RepositoryError(f"{printable(str(parent))}: {reason}. Name another folder: --repository DIR") from error


def next_version(folder: Path) -> int:
    """One more than was ever given, also to a version that is gone."""
    return max([_highest_noted(folder), *versions_in(folder)]) + 1


def note_highest(folder: Path, given: int = 0) -> None:
    """Keeps the highest number ever given, `given` among them, so that it outlives its version."""
    highest = max(given, next_version(folder) - 1)
    if highest != _highest_noted(folder):
        write_atomically(folder / FILES.highest, b"%d\n" % highest, durable=True)


def _highest_noted(folder: Path) -> int:
    path = folder / FILES.highest
    try:
        return int(path.read_bytes())
    except FileNotFoundError:
        return 0
    except (OSError, ValueError) as error:
        raise RepositoryError(
            f"{path}: damaged. Expected a number; write the highest version ever given into it"
        ) from error


def unknown_model(root: Path, name: str, known: Sequence[str]) -> RepositoryError:
    has = f"It has {some(known)}" if known else "It has none yet. Add one: whatsit models add MODEL"
    return RepositoryError(f"{printable(str(root))}: no model '{name}'. {has}")


def unknown_version(name: str, version: int | str, known: Sequence[int]) -> RepositoryError:
    newest = ", ".join(map(str, known[-NAMED:]))
    has = f"It has {'…, ' if len(known) > NAMED else ''}{newest}"
    return RepositoryError(f"{name}: no version {shown(str(version))}. {has}")


PATIENCE = 60.0  # seconds; what is done under a lock takes milliseconds


@contextmanager
def locked(file: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Raises RepositoryError where another holds it for longer, and OSError where the file cannot be made."""
    from filelock import FileLock, Timeout  # 65 ms to import, which readers need not wait for

    lock = FileLock(file, timeout=patience)
    try:
        lock.acquire()
    except Timeout:
        raise RepositoryError(f"{file.parent}: another process is changing it. Wait for it, then try again") from None
    try:
        yield
    finally:
        lock.release()


def is_locked(file: Path) -> bool:
    """Whether a living process holds it."""
    try:
        with locked(file, patience=0):
            return False
    except (RepositoryError, OSError):  # OSError: another user's, so not ours to judge
        return True
