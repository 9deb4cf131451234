"""Paths of a manifest that are not where they say: another machine's, percent-encoded, or in another case.

Read where only one file can be meant, and said; else the cause is named. Knows names and folders, no columns.
"""

import ntpath
import os
import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from urllib.parse import unquote

_DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\")
_UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")  # what Label Studio writes before the name of an uploaded file
_DEEPEST = 12  # folders below the manifest's that are looked into
_Names = dict[str, dict[str, list[str]]]  # folder → name in lower case → names


def is_absolute(uri: str) -> bool:
    """Whether a path begins at the root of some machine: ``/``, ``C:\\`` or ``\\\\server``."""
    return uri.startswith("/") or _DRIVE.match(uri) is not None


def decoded(path: str) -> str | None:
    """The path without percent-encoding; None where there is none."""
    plain = unquote(path, errors="strict") if re.search(r"%[0-9A-Fa-f]{2}", path) else path
    return plain if plain != path else None


class AnyCase:
    """Finds files regardless of case; lists each folder once."""

    def __init__(self) -> None:
        self._names: _Names = {}

    def found(self, path: str) -> str | None:
        """The one file that the path is but for case; None where there is none, or several."""
        if "\0" in path:
            return None
        hits = list(self._at(os.path.split(path)))
        return hits[0] if len(hits) == 1 and os.path.isfile(hits[0]) else None  # noqa: PTH113

    def _at(self, split: tuple[str, str]) -> Iterator[str]:
        folder, name = split
        if not folder or os.path.isdir(folder):  # noqa: PTH112
            folders = [folder]
        else:
            above = os.path.split(folder)
            folders = [] if above[0] == folder else list(self._at(above))
        for one in folders:
            for spelled in self._listed(one).get(name.lower(), []):
                yield os.path.join(one, spelled)  # noqa: PTH118

    def _listed(self, folder: str) -> dict[str, list[str]]:
        if folder not in self._names:
            names: dict[str, list[str]] = {}
            try:
                for name in os.listdir(folder or "."):  # noqa: PTH208
                    names.setdefault(name.lower(), []).append(name)
            except OSError:
                pass
            self._names[folder] = names
        return self._names[folder]


def moved(uris: Sequence[str], folder: str) -> tuple[str, list[str]] | None:
    """Where paths of another machine lie now: all below one folder there, all below `folder` here.

    Returns:
        What the paths begin with there, and each path here, in order; None where a path is not absolute, a file is not
        found, or two paths would be one file.
    """
    if not uris or not all(map(is_absolute, uris)):
        return None
    parts = [re.split(r"[\\/]", uri) for uri in uris]
    common = 0
    while common < min(map(len, parts)) - 1 and len({one[common] for one in parts}) == 1:
        common += 1
    for change in (str, _without_upload):
        for cut in range(1, common + 1):  # as long a tail as may be
            here = [os.path.join(folder, *one[cut:-1], change(one[-1])) for one in parts]  # noqa: PTH118
            if len(set(here)) >= len(set(uris)) and all(map(os.path.isfile, here)):
                first = uris[0]
                return first[: len(first) - len("/".join(parts[0][cut:]))].rstrip("\\/") or first[:1], here
    return None


def cause(uris: Sequence[str], folder: str) -> str:
    """What missing files have in common, as a sentence with what to do; empty where nothing is known."""
    if not all(map(is_absolute, uris)):
        return ""
    above = {ntpath.dirname(uri.replace("/", "\\")) for uri in uris}
    start = ntpath.commonpath(above) if len({ntpath.splitdrive(one)[0] for one in above}) == 1 else ""
    start = start if "\\" in uris[0] else start.replace("\\", "/")
    if not start.strip("\\/"):
        return "They are absolute paths, perhaps of another machine. "
    said = f"They are absolute paths, all in {start}, perhaps of another machine. "
    old = re.split(r"[\\/]", uris[0])
    there = sorted(_below(folder, old[-1]), key=lambda path: _same(old, path))
    unsure = not there or (len(there) > 1 and _same(old, there[-1]) == _same(old, there[-2]))
    return said + ("" if unsure else _replacement(uris[0], old, there[-1]))


def _same(old: Sequence[str], path: str) -> int:
    """How many folders and names both end in."""
    pairs = zip(reversed(old), reversed(Path(path).parts), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _replacement(uri: str, old: Sequence[str], there: str) -> str:
    """What to type in the place of what, where the file is perhaps `there`, by what both end in."""
    same, new = _same(old, there), Path(there).parts
    front = uri[: len(uri) - len("/".join(old[len(old) - same :]))]
    by = "".join(f"{one}/" for one in new[: len(new) - same])
    change = f"replace '{front}' by '{by}' in the manifest" if by else f"take '{front}' away in the manifest"
    return f"There is a {there}: if that is the first, {change}. "


def _without_upload(name: str) -> str:
    return _UPLOADED.sub("", name, count=1) if _UPLOADED.match(name) else name


def _below(folder: str, name: str) -> Iterator[str]:
    """Files of a name in the folders below, to a depth."""
    top = folder or "."
    for at, (here, folders, files) in enumerate(os.walk(top)):
        if name in files:
            yield os.path.relpath(os.path.join(here, name), top)  # noqa: PTH118
        if here.count(os.sep) - top.count(os.sep) >= _DEEPEST or at > 1_000:
            folders.clear()
