"""Where things lie in a repository: `<root>/<name>/<version>/`, and what is beside the versions.

TensorFlow Serving and NVIDIA Triton read the same layout. Whatever is unfinished has a name that begins with a dot,
which they pass over, as this does. Looks at names of folders alone; it takes no lock and needs none, since versions
come and go by a rename.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from whatsit.errors import RepositoryError
from whatsit.files import write_atomically
from whatsit.repository.names import is_name, shown
from whatsit.text import printable, some

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
