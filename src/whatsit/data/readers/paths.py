"""Find the local files of a manifest on the disk, before hours are spent on the others.

Paths of a manifest that are not where they say: another machine's, percent-encoded, or in another case.

Read where only one file can be meant, and said; else the cause is named. Knows names and folders, no columns.
"""

import ntpath
import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from urllib.parse import unquote

from whatsit.config import ReadOptions
from whatsit.data.readers.files import IMAGE_SUFFIXES, Tally
from whatsit.data.readers.registry import Manifest, ManifestRow, ReadResult
from whatsit.errors import DatasetError
from whatsit.images.source import page_name, split_page
from whatsit.text import number, printable, some

FILE = "file://"


class _Disk:
    """Files below a folder, by the names that manifests have for them."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._stems: dict[str, dict[str, list[str]]] = {}  # folder → stem → names of images
        self._any_case = AnyCase()
        self.completed, self.decoded, self.recased = 0, 0, 0

    def found(self, uri: str) -> str | None:
        """The path as it opens from the working directory, None where there is no such file; a URI as it is."""
        file, page = split_page(uri)
        if page is not None:
            there = self.found(file)
            return None if there is None else page_name(there, page)
        if uri.startswith(FILE):
            path = "/" + uri.removeprefix(FILE).partition("/")[2]
            return next((one for one in (path, unquote(path)) if _is_file(one)), None)  # fsspec takes %20 as it stands
        if "://" in uri:
            return uri
        located = self.located(uri)
        for spelled in _spellings(located):
            if _is_file(spelled):
                return spelled
        return self._decoded(located) or self._with_suffix(located) or self._in_any_case(located)

    def located(self, uri: str) -> str:
        """`./` goes, since nobody writes it."""
        plain = uri
        while plain.startswith(("./", ".\\")) and plain[2:]:
            plain = plain[2:]
        return os.path.join(self._base, plain) if self._base else plain  # noqa: PTH118

    def _with_suffix(self, located: str) -> str | None:
        """The one image whose name but for its suffix it is, as in tables of ids."""
        for path in _spellings(located):
            folder, stem = os.path.split(path)
            if folder not in self._stems:
                self._stems[folder] = _stems(folder)
            names = self._stems[folder].get(stem, [])
            if len(names) == 1:
                self.completed += 1
                return os.path.join(folder, names[0])  # noqa: PTH118
        return None

    def _decoded(self, located: str) -> str | None:
        """The file whose percent-encoded name it is, as tools that serve photos write it."""
        plain = decoded(located)
        there = next(filter(_is_file, _spellings(plain)), None) if plain else None
        self.decoded += there is not None
        return there

    def _in_any_case(self, located: str) -> str | None:
        """The one file that it is but for case, as Windows and macOS take it."""
        there = next(filter(None, map(self._any_case.found, _spellings(located))), None)
        self.recased += there is not None
        return there

    def notes(self) -> Iterator[str]:
        """How paths were read that are not the files' own."""
        if n := self.completed:
            yield f"{number(n, 'path')} without a suffix, completed by the only such image"
        if n := self.decoded:
            yield f"{number(n, 'path')} read without percent-encoding (such as %20), since the files are named so"
        if n := self.recased:
            yield f"{number(n, 'path')} read in another case, since the only such file is spelled so"


def located(manifest: Manifest, path: Path, options: ReadOptions) -> ReadResult:
    """What a reader of a file of labels gives: its records, each with the path of the photo on this machine.

    Raises:
        DatasetError: As `on_disk`.
    """
    rows, found = on_disk(manifest, path, options.max_missing)
    tally = Tally(files=len(rows))
    for uri, why in manifest.left_out:
        tally.skipped["no label" if why == "no label" else "left out before"] += 1
        tally.skipped_files.append((uri, why))
    records = [row.record for row in rows]
    missing = frozenset(record.uri for record, there in zip(records, found, strict=True) if not there)
    return ReadResult(records, tally, manifest.notes, missing, manifest.lacking)


def on_disk(manifest: Manifest, path: Path, max_missing: float) -> tuple[list[ManifestRow], list[bool]]:
    """The rows, with each local path as it opens from the working directory, and of each whether it is there.

    URIs with ``://`` are left alone.

    Paths are relative to the manifest's folder; to the working directory where they are found there alone, as those of
    a model's splits.csv are. A name may be in another Unicode normal form than the disk's (macOS writes ä as two
    characters), have Windows' backslashes, lack its suffix, be percent-encoded or in another case. Paths of another
    machine are read where all files lie in the same way below the manifest's folder. A few missing files stay, to be
    listed as unreadable.

    Raises:
        DatasetError: More than the share `max_missing` of the files are missing; the first few are named.
    """
    uris = [row.record.uri for row in manifest.rows]
    folder = str(path.parent) if str(path.parent) != "." else ""
    disk = _Disk(folder)
    found = [disk.found(uri) for uri in uris]
    for base, where in (("", "working directory"), (str(path.parent.parent), "folder above the manifest's")):
        if base == folder or None not in found or (base and not manifest.is_own):
            continue
        other = _Disk(base)
        others = [other.found(uri) for uri in uris]
        if others.count(None) < found.count(None):
            disk, found = other, others
            manifest.notes.append(f"paths are relative to the {where}, where the files are")
    if not any(found) and (here := moved(uris, folder)):
        start, found = here[0], list(here[1])
        manifest.notes.append(
            f"paths begin with {printable(start)}, which is not here; read from the manifest's folder, where all of "
            "these files are"
        )
    manifest.notes += disk.notes()
    missing = [row for row, one in zip(manifest.rows, found, strict=True) if one is None]
    if missing:
        _check_missing(missing, len(uris), path, max_missing)
        manifest.notes.append(
            f"{number(len(missing), 'file')} of {len(uris):,} missing and left out, such as "
            f"{printable(missing[0].record.uri)} (line {missing[0].line})"
        )
    paths = (one or disk.located(uri) for uri, one in zip(uris, found, strict=True))
    rows = [ManifestRow(row.line, replace(row.record, uri=uri)) for row, uri in zip(manifest.rows, paths, strict=True)]
    return rows, [one is not None for one in found]


def _check_missing(missing: Sequence[ManifestRow], total: int, path: Path, most: float) -> None:
    if len(missing) <= most * total and len(missing) < total:
        return
    header = "If line 1 is a header, name its columns uri and label. " if missing[0].line == 1 else ""
    skip = " To leave them out all the same: --max-missing SHARE." if len(missing) < total else ""
    raise DatasetError(
        f"{printable(str(path))}, line {missing[0].line}: {number(len(missing), 'file')} "
        f"of {total} missing: {some([row.record.uri for row in missing])}. "
        f"Expected paths relative to the manifest's folder, absolute, or URIs. {header}"
        f"{printable(cause([row.record.uri for row in missing], str(path.parent)))}"
        f"Mend the paths or remove the rows.{skip}"
    )


def _spellings(path: str) -> Iterator[str]:
    for one in (path, path.replace("\\", "/")) if "\\" in path else (path,):
        yield one
        if not one.isascii():
            yield from (unicodedata.normalize(form, one) for form in ("NFC", "NFD"))


def _is_file(path: str) -> bool:
    return "\0" not in path and os.path.isfile(path)  # noqa: PTH113 (100,000 times)


def _stems(folder: str) -> dict[str, list[str]]:
    stems: dict[str, list[str]] = {}
    try:
        names = os.listdir(folder or ".") if "\0" not in folder else []  # noqa: PTH208
    except OSError:
        return stems
    for name in names:
        if name.lower().endswith(IMAGE_SUFFIXES):
            stems.setdefault(os.path.splitext(name)[0], []).append(name)  # noqa: PTH122
    return stems


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
