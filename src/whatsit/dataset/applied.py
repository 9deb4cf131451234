"""Whether what was asked of the reading applies to what was given.

An option that no source can obey is refused: a user who keeps sites apart with `--group-column` on a folder would
believe figures that are none.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from whatsit.dataset.options import READ_DEFAULTS, ReadOptions
from whatsit.errors import DatasetError
from whatsit.text import as_option, printable, some

COLUMNS = ("path_column", "label_column", "split_column", "group_column")
_INSTEAD = {  # what says the same of folders
    "split_column": "--split-folders",
    "group_column": "--top-folders groups",
}
_OF_FOLDERS = {  # what says the same in a manifest
    "split_folders": "Name the column of splits: --split-column NAME",
    "top_folders": "Name the column of groups: --group-column NAME",
    "skip": "Remove the rows",
}


def check_applies(sources: Sequence[Path], options: ReadOptions) -> None:
    """Raises DatasetError where an option speaks of columns and there is no manifest, or of folders and there is none.

    sources: all that are read; a path that is no folder is taken for a manifest.
    """
    folders = [path for path in sources if path.is_dir()]
    shown = printable(", ".join(map(str, sources)))
    if len(folders) == len(sources):
        for name in COLUMNS:
            if getattr(options, name) is not None:
                instead = f" Folders say the same with {_INSTEAD[name]}." if name in _INSTEAD else ""
                raise DatasetError(
                    f"{shown}: {as_option(name)} names a column of a CSV manifest (got a folder). Leave it out, or "
                    f"list the photos in a manifest.{instead}"
                )
    if not folders:
        for name, instead in _OF_FOLDERS.items():
            if getattr(options, name) != getattr(READ_DEFAULTS, name):
                raise DatasetError(f"{shown}: {as_option(name)} is of folders (got a CSV manifest). {instead}.")


def of_header(cells: Sequence[str], options: ReadOptions) -> tuple[ReadOptions, tuple[str, ...]]:
    """For one manifest of several: the options without columns that it lacks, and the names of those options."""
    names = {cell.strip().lower() for cell in cells}
    asked = {name: getattr(options, name) for name in COLUMNS}
    lacking = tuple(name for name, column in asked.items() if column and column.strip().lower() not in names)
    gone: dict[str, Any] = dict.fromkeys(lacking)
    return replace(options, **gone), lacking


def check_found(lacking: Sequence[Sequence[str]], options: ReadOptions, shown: str) -> None:
    """lacking: of each manifest, from `of_header`. Raises DatasetError where none has a column that was asked for."""
    nowhere = set[str].intersection(*map(set, lacking)) if lacking else set()
    if gone := [name for name in COLUMNS if name in nowhere]:
        columns = [getattr(options, name) for name in gone]
        raise DatasetError(f"{shown}: none of them has a column {some(columns)}. Mend {as_option(gone[0])}.")


def lacking_notes(lacking: Sequence[str], options: ReadOptions, shown: str) -> list[str]:
    """What it means for photos that only this manifest names; another name of path or label is noted anyhow."""
    meaning = {"split_column": "have no split", "group_column": "are in no group"}
    return [
        f"{shown} has no column '{printable(str(getattr(options, name)))}': photos that are only there {meaning[name]}"
        for name in lacking
        if name in meaning
    ]
