"""The readers: one for each way to lay out photos and their labels, and which one reads a path.

A reader is a function, `read(source: DataSource) -> ReadResult`. `folder` reads folders and `manifest` any table of
text. Every other reader's name says what it reads instead of these:

    ".ndjson"                      files whose names end so
    "/annotations.json"            folders that hold a file of that name

One of whatsit's own is a module here and a row of the table. Another package adds one by an entry point in the group
`whatsit.readers`.

This module opens no file: it looks at names.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from whatsit.config import ReadOptions
from whatsit.data.dataset import Record
from whatsit.data.readers.files import Tally
from whatsit.errors import DatasetError
from whatsit.registry import Registry

MANIFESTS = (".csv", ".tsv", ".txt")  # whatsit's own, so that no other package is looked for


@dataclass(frozen=True)
class DataSource:
    """What a reader is asked to read."""

    path: Path  # a file or a folder, which is there
    options: ReadOptions  # what the user says of it; what does not apply to this reader is left alone
    classes: Sequence[str] = ()  # that are known from elsewhere, as a model's are
    among: bool = False  # whether it is one of several manifests, which may lack a column that another has


@dataclass
class ReadResult:
    """What a reader gives: the records of one folder or file, and what people should know of them."""

    records: list[Record]  # each `uri` opens from the working directory, or by fsspec
    tally: Tally = field(default_factory=Tally)  # what was passed over
    notes: list[str] = field(default_factory=list)  # how it was read where that is not plain, a sentence each
    missing: frozenset[str] = frozenset()  # uris of records whose files are not there
    lacking: tuple[str, ...] | None = None  # of a manifest: options that name a column it does not have


@dataclass(frozen=True)
class ManifestRow:
    """A record and the line of the file that it ends on, counted from 1."""

    line: int
    record: Record


@dataclass
class Manifest:
    """What a file of labels says, its uris as they stand there. `paths.located` finds the photos."""

    rows: list[ManifestRow]
    is_own: bool = False  # the splits.csv of a model
    left_out: list[tuple[str, str]] = field(default_factory=list)  # (uri, why) of rows that take no part
    notes: list[str] = field(default_factory=list)
    lacking: tuple[str, ...] = ()  # options that name a column it does not have, where it is one of several


Reader: TypeAlias = Callable[[DataSource], ReadResult]
"""Reads one source. No image is decoded. Raises DatasetError, which names the path, the line and what was expected."""

READERS = Registry[Reader](
    "whatsit.readers",
    "reader",
    {"folder": "whatsit.data.readers.folder:read", "manifest": "whatsit.data.readers.manifest:read"},
    expected="a function from a DataSource to ReadResult (whatsit.data.readers.registry)",
    accepts=callable,
    error=DatasetError,
)


def find_reader(path: Path) -> str:
    """The name of the reader of a folder or file that is there. Of several that could, the longest name is taken."""
    is_folder = os.path.isdir(path)  # noqa: PTH112 (False, not an error, in a closed folder)
    if not is_folder and path.suffix.lower() in MANIFESTS:
        return "manifest"
    special = [name for name in READERS if _reads(name, path, is_folder)]
    return max(special, key=len, default="folder" if is_folder else "manifest")


def _reads(name: str, path: Path, is_folder: bool) -> bool:
    if is_folder:
        return name.startswith("/") and os.path.isfile(f"{path}{name}")  # noqa: PTH113 (as above)
    return name.startswith(".") and path.name.lower().endswith(name.lower())
