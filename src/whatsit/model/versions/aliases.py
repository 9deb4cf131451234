"""Which versions answer by a name: `aliases.json`, `default` and `previous` among them.

Read strictly, since it decides who answers, and without a lock: it is replaced by a rename, a version is there before
a name points to it, and no name points to it any more before it goes. Where it names no default, or is not there at
all (a folder laid out by hand), the newest version is the default, as it is for Triton and TensorFlow Serving.
"""

import json
import stat
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from whatsit.errors import RepositoryError
from whatsit.files import write_atomically
from whatsit.model.versions.layout import DEFAULT, FILES, PREVIOUS, is_alias, versions_in
from whatsit.text import printable

Aliases = dict[str, int]

_FIRST = (DEFAULT, PREVIOUS)  # of the names, in lists


def read_aliases(folder: Path) -> Aliases:
    """Name → version, each of which exists; without versions none. Raises RepositoryError where it is damaged."""
    data = _read(folder)
    while True:
        aliases = _parsed(data, folder)
        versions = versions_in(folder)
        if dangling := [alias for alias in aliases if aliases[alias] not in versions]:
            data, before = _read(folder), data
            if data != before:  # changed meanwhile, and a version of it removed
                continue
            raise _dangles(folder, dangling[0], aliases[dangling[0]], versions)
        return _with_default(aliases, versions)


def aliases_to_change(folder: Path) -> Aliases:
    """The same under the lock, but names of missing versions stay, so that each can be mended by itself."""
    return _with_default(_parsed(_read(folder), folder), versions_in(folder))


def write_aliases(folder: Path, aliases: Mapping[str, int]) -> None:
    """Forgets `previous` where that version is gone: it cannot be set by hand."""
    kept = dict(aliases)
    if kept.get(PREVIOUS) not in versions_in(folder):
        kept.pop(PREVIOUS, None)
    data = (json.dumps(_in_order(kept), indent=1) + "\n").encode()
    if data != _read(folder):
        write_atomically(folder / FILES.aliases, data, durable=True)


def make_default(aliases: Aliases, version: int) -> None:
    """`previous` is the one that it was before."""
    if aliases.get(DEFAULT) == version:
        return
    if DEFAULT in aliases:
        aliases[PREVIOUS] = aliases[DEFAULT]
    aliases[DEFAULT] = version


def names_of(version: int, aliases: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(alias for alias, number in aliases.items() if number == version)


def _with_default(aliases: Aliases, versions: Sequence[int]) -> Aliases:
    if versions:
        aliases.setdefault(DEFAULT, versions[-1])
    return _in_order(aliases)


def _in_order(aliases: Mapping[str, int]) -> Aliases:
    first = [alias for alias in _FIRST if alias in aliases]
    return {alias: aliases[alias] for alias in [*first, *sorted(aliases.keys() - set(first))]}


def _read(folder: Path) -> bytes | None:
    """None where there is no such file."""
    path = folder / FILES.aliases
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise _damaged(path, "not a file")
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise RepositoryError(f"{printable(str(path))}: {getattr(error, 'strerror', error)}") from error


def _parsed(data: bytes | None, folder: Path) -> Aliases:
    if data is None:
        return {}
    path = folder / FILES.aliases
    try:
        values = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise _damaged(path, "no JSON") from None
    if not isinstance(values, dict):
        raise _damaged(path, "no JSON object")
    for alias, version in values.items():
        if not is_alias(alias):
            raise _damaged(path, f"{_shown(alias)} is no name")
        if type(version) is not int or version < 1:
            raise _damaged(path, f"'{alias}' is {_shown(version)}, expected a version from 1")
    return values


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _damaged(path: Path, what: str) -> RepositoryError:
    return RepositoryError(f"{path}: damaged ({what}). Mend it, or delete it: the newest version is then the default")


def _dangles(folder: Path, alias: str, version: int, versions: Collection[int]) -> RepositoryError:
    name, has = folder.name, ", ".join(map(str, versions)) or "none"
    mend = {DEFAULT: f"default {name} VERSION", PREVIOUS: f"default {name} VERSION"}
    command = mend.get(alias, f"alias {name} {alias} VERSION")
    return RepositoryError(
        f"{folder / FILES.aliases}: '{alias}' is version {version}, which is not there (there: {has}). "
        f"Name another: whatsit models {command}"
    )
