"""Find the local files of a manifest on the disk, before hours are spent on the others."""

import os
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

from whatsit.dataset.elsewhere import AnyCase, cause, decoded, moved
from whatsit.dataset.files import IMAGE_SUFFIXES
from whatsit.dataset.manifest import Manifest, Row
from whatsit.errors import DatasetError
from whatsit.images.pages import page_name, split_page
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


def on_disk(manifest: Manifest, path: Path, max_missing: float) -> tuple[list[Row], list[bool]]:
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
    located = (one or disk.located(uri) for uri, one in zip(uris, found, strict=True))
    rows = [Row(row.line, replace(row.record, uri=uri)) for row, uri in zip(manifest.rows, located, strict=True)]
    return rows, [one is not None for one in found]


def _check_missing(missing: Sequence[Row], total: int, path: Path, most: float) -> None:
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
