"""Which column of a manifest is which: by the names that were asked for, by `uri,label,split,group`, or by usual names.

Nothing is used in silence: a column that was found by a usual name is noted, and so is one that is not used at all.

Whether what was asked of the reading applies to what was given.

An option that no source can obey is refused: a user who keeps sites apart with `--group-column` on a folder would
believe figures that are none.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from whatsit.config import READ_DEFAULTS, ReadOptions
from whatsit.data.readers.table import Role, Row, headerless, is_path, read_one_hot
from whatsit.errors import DatasetError
from whatsit.text import as_option, printable, some

NAMES: dict[Role, str] = {"path": "uri", "label": "label", "split": "split", "group": "group"}
EXPECTED = "Expected the header uri,label[,split][,group], or two columns without a header"
OWN = frozenset(["sha256", "left_out", "component", "reference"])  # of a model's splits.csv


_PATHS = frozenset(
    f"{what}{kind}"
    for what in ("", "image", "img", "photo")
    for kind in ("path", "file", "filename", "filepath", "url", "uri")
)


_USUAL: dict[Role, tuple[frozenset[str], frozenset[str]]] = {  # plain names, and those for want of a better one
    "path": (
        _PATHS | {"imagename", "gcsfilepath", "gcsuri"},
        frozenset(["image", "img", "photo", "picture", "id", "imageid", "imgid", "name"]),
    ),
    "label": (
        frozenset(["label", "class", "category", "classname", "labelname", "categoryname", "species", "target"]),
        frozenset(["labels", "classlabel", "classid", "labelid", "categoryid", "choice"]),
    ),
}


_NEEDED: tuple[Role, Role] = ("path", "label")
_SPLITS = frozenset(["isvalid", "isval", "istest", "istrain", "subset", "set", "partition", "phase", "usage", "fold"])


_SPLITS |= {"kfold", "folds", "stage", "splitname", "dataset", "mluse", "valid", "test", "train"}


_GROUPS = frozenset(
    (
        *(
            "site",
            "siteid",
            "location",
            "locationid",
            "camera",
            "cameraid",
            "station",
            "patient",
            "patientid",
            "subject",
        ),
        *("subjectid", "person", "individual", "specimen", "session", "day", "date", "source", "video", "videoid"),
        *("sequence", "seq", "seqid", "series", "study", "studyid", "user", "device", "burst", "plot", "transect"),
        *("lesion", "lesionid", "animal", "animalid", "tree", "field", "batch", "lot", "scene", "place"),
    )
)


@dataclass(frozen=True)
class Columns:
    """Places of the columns in a row; `width` cells make a row."""

    names: tuple[str, ...]
    places: dict[Role, int]
    header: bool  # whether the first row is one
    notes: tuple[str, ...] = ()

    def cell(self, cells: Sequence[str], role: Role) -> str:
        """Empty where there is no such column, or the row is short."""
        place = self.places.get(role)
        return cells[place] if place is not None and place < len(cells) else ""

    def named(self, cells: Sequence[str], name: str) -> str:
        """The cell of one of whatsit's own columns."""
        place = self.names.index(name) if name in self.names else len(cells)
        return cells[place] if place < len(cells) else ""

    @property
    def is_own(self) -> bool:
        """Whether it is the table of splits of a model."""
        return {"sha256", "left_out", "split"} <= set(self.names)


def is_header(cells: Sequence[str], options: ReadOptions) -> bool:
    """Whether the first row names columns for the path and for the label."""
    names = _lowered(cells)
    asked = (options.path_column, options.label_column)
    if any(asked):
        return all(one is None or one.strip().lower() in names for one in asked)
    return all(_found(names, role) for role in _NEEDED)


def find_columns(table: Sequence[Row], options: ReadOptions, shown: str) -> tuple[Columns, list[Row]]:
    """The columns, and the rows below the header. One column for each class is made one of labels.

    Args:
        table: Its rows, the header among them.
        options: Columns that are asked for.
        shown: The manifest, for messages.

    Raises:
        DatasetError: A column is missing, a name stands for two, or a row has several classes.
    """
    cells, body = table[0][1], list(table[1:])
    names, asked = _lowered(cells), _asked(options)
    if not any(asked.values()) and not any(_found(names, role) for role in _NEEDED):
        if by_cells := headerless(table, shown):
            return _without_header(table, by_cells), list(table)
        if len(cells) == 2:
            return _of_two(table)
    notes: list[str] = []
    if asked["label"] is None and not _found(names, "label"):
        rows = [row for _, row in body]
        sought = (_seek(cells, asked[role], role, shown, rows) for role in ("path", "split", "group"))
        taken = [place for place in sought if place is not None]
        no_class = [place for place, name in enumerate(names) if _plain(name) in _SPLITS]
        if found := read_one_hot(cells, body, taken, no_class, shown, options.max_missing):
            cells, body, notes = found.header, found.rows, [*found.notes]
    columns = _by_header(cells, asked, shown, [row for _, row in body])
    return replace(columns, notes=(*columns.notes, *notes)), body


def _asked(options: ReadOptions) -> dict[Role, str | None]:
    return {
        "path": options.path_column,
        "label": options.label_column,
        "split": options.split_column,
        "group": options.group_column,
    }


def _without_header(table: Sequence[Row], places: dict[Role, int]) -> Columns:
    width = max(len(cells) for _, cells in table)
    named = {place: role for role, place in places.items()}
    names = [NAMES[named[at]] if at in named else "" for at in range(width)]
    order = ", ".join(f"column {place + 1} is the {role}" for place, role in sorted(named.items()))
    return Columns(tuple(names), places, header=False, notes=(f"no header; by what they hold, {order}",))


def _of_two(table: Sequence[Row]) -> tuple[Columns, list[Row]]:
    """Two columns of no usual names: with a header where paths stand below its first row alone, else without."""
    (_, cells), body = table[0], list(table[1:])
    below = [p for p in (0, 1) if body and all(len(row) > p and is_path(row[p]) for _, row in body)]
    if len(below) != 1 or any(map(is_path, cells)):
        return Columns(("uri", "label"), {"path": 0, "label": 1}, header=False), list(table)
    path = below[0]
    told = (
        f"column '{printable(cells[path])}' is read as the path and column '{printable(cells[1 - path])}' as the label"
    )
    return Columns(tuple(_lowered(cells)), {"path": path, "label": 1 - path}, header=True, notes=(told,)), body


def _seek(cells: Sequence[str], name: str | None, role: Role, shown: str, rows: Sequence[Sequence[str]]) -> int | None:
    """The place of a column that was asked for, or has a usual name that is the only one."""
    if name is not None:
        return _place(list(cells), name, shown)
    names = _lowered(cells)
    usual = _fit(names, role, rows)
    return names.index(usual[0]) if len(usual) == 1 else None


def _fit(names: Sequence[str], role: Role, rows: Sequence[Sequence[str]]) -> list[str]:
    """As `_found`; of several that could be the path, as `image` and `id`, the one that holds paths in all rows."""
    usual = _found(names, role)
    if role != "path" or len(usual) < 2:
        return usual
    places = {one: names.index(one) for one in usual}
    holds = [one for one, at in places.items() if all(len(row) > at and is_path(row[at]) for row in rows)]
    return holds if len(holds) == 1 else usual


def _by_header(
    cells: Sequence[str], asked: dict[Role, str | None], shown: str, rows: Sequence[Sequence[str]]
) -> Columns:
    names = _lowered(cells)
    places: dict[Role, int] = {}
    guessed: dict[Role, str] = {}
    for role in NAMES:
        name = asked[role]
        place = _place(list(cells), name, shown) if name is not None else _by_name(names, role, shown)
        if place is None and (usual := _fit(names, role, rows)):
            place = names.index(usual[0]) if len(usual) == 1 else None
            guessed |= {role: usual[0]} if place is not None else {}
        if place is not None:
            places[role] = place
    _check(cells, names, places, shown)
    notes = _guesses(guessed)
    return Columns(tuple(names), places, header=True, notes=tuple(notes))


def unused(columns: Columns, rows: Sequence[Sequence[str]]) -> list[str]:
    """A sentence for columns that are not used: what they could be used for."""
    notes, others = [], []
    for place, name in enumerate(columns.names):
        if not name or place in columns.places.values() or name in OWN:
            continue
        plain, shown = _plain(name), printable(name)
        values = {row[place] for row in rows if place < len(row)} - {""}
        if plain in _SPLITS and "split" not in columns.places:
            notes.append(f"column '{shown}' is not used; if it splits the photos: --split-column {shown}")
        elif plain in _GROUPS and "group" not in columns.places and 1 < len(values) < len(rows):
            notes.append(f"column '{shown}' is not used; to keep the photos of each apart: --group-column {shown}")
        else:
            others.append(shown)
    if others:
        are = "column {} is" if len(others) == 1 else "columns {} are"
        notes.append(f"{are.format(some(others, 6))} not used")
    return notes


def _guesses(guessed: dict[Role, str]) -> list[str]:
    odd = {role: name for role, name in guessed.items() if _plain(name) != role}  # a column `path` needs no word
    told = [f"column '{printable(name)}' is read as the {role}" for role, name in odd.items()]
    typed = " ".join(f"--{role}-column NAME" for role in odd)
    return [f"{' and '.join(told)}; to choose another: {typed}"] if told else []


def _check(cells: Sequence[str], names: list[str], places: dict[Role, int], shown: str) -> None:
    missing = [role for role in _NEEDED if role not in places]
    found = some(list(cells), 6)
    if not missing:
        if places["path"] == places["label"]:
            raise DatasetError(f"{shown}: one column for path and label (found {found}). Expected a column each.")
        return
    several = next((usual for role in missing if len(usual := _found(names, role)) > 1), None)
    which = f"{some(several)} could each be the {missing[0]}" if several else f"no column {_named(missing)}"
    typed = f"Say which it is: {' '.join(f'--{role}-column NAME' for role in missing)}."
    if any(map(is_path, cells)):
        typed = "Line 1 looks like no header: put one on top, such as uri,label,split, in the order of the columns."
    raise DatasetError(f"{shown}: {which} (found {found}). {EXPECTED}. {typed}")


def _named(roles: Sequence[Role]) -> str:
    return some([NAMES[role] for role in roles])


def _place(cells: list[str], name: str, shown: str) -> int:
    """Of a column that was asked for: spelled so, or but for case."""
    wanted = name.strip()
    for found in (cells, _lowered(cells)):
        hits = [place for place, cell in enumerate(found) if cell.strip() == wanted]
        if len(hits) > 1:
            raise DatasetError(f"{shown}: two columns named '{printable(name)}'. Expected one. Rename the other.")
        if hits:
            return hits[0]
        wanted = wanted.lower()
    raise DatasetError(f"{shown}: no column '{printable(name)}'. Expected one of those found: {some(cells, 8)}.")


def _by_name(names: list[str], role: Role, shown: str) -> int | None:
    name = NAMES[role]
    if names.count(name) > 1:
        raise DatasetError(
            f"{shown}: two columns named '{name}', and nothing says which counts. Expected one. Rename the other, or "
            f"name another column: --{role}-column NAME."
        )
    return names.index(name) if name in names else None


def _found(names: Sequence[str], role: Role) -> list[str]:
    """The columns that could be it by a usual name, the better ones alone."""
    if NAMES[role] in names:
        return [NAMES[role]]
    for usual in _USUAL.get(role, ()):
        if hits := [name for name in names if _plain(name) in usual]:
            return hits
    return []


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name)


def _lowered(cells: Sequence[str]) -> list[str]:
    return [cell.strip().lower() for cell in cells]


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
