"""Which column of a manifest is which: by the names that were asked for, by `uri,label,split,group`, or by usual names.

Nothing is used in silence: a column that was found by a usual name is noted, and so is one that is not used at all.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from whatsit.dataset.files import IMAGE_SUFFIXES
from whatsit.dataset.options import ReadOptions
from whatsit.errors import DatasetError
from whatsit.text import printable, some

Role = Literal["path", "label", "split", "group"]
NAMES: dict[Role, str] = {"path": "uri", "label": "label", "split": "split", "group": "group"}
EXPECTED = "Expected the header uri,label[,split][,group], or two columns without a header"
OWN = frozenset(["sha256", "left_out", "component"])  # of a model's splits.csv

_PATHS = frozenset(
    f"{what}{kind}"
    for what in ("", "image", "img", "photo")
    for kind in ("path", "file", "filename", "filepath", "url")
)
_USUAL: dict[Role, tuple[frozenset[str], frozenset[str]]] = {  # plain names, and those for want of a better one
    "path": (
        _PATHS | {"imagename", "imguri", "imageuri"},
        frozenset(["image", "img", "photo", "picture", "id", "imageid", "imgid", "name"]),
    ),
    "label": (
        frozenset(["label", "class", "category", "classname", "labelname", "categoryname", "species", "target"]),
        frozenset(["labels", "classlabel", "classid", "labelid", "categoryid"]),
    ),
}
_NEEDED: tuple[Role, Role] = ("path", "label")
_SPLITS = frozenset(["isvalid", "isval", "istest", "istrain", "subset", "set", "partition", "phase", "usage", "fold"])
_SPLITS |= {"kfold", "folds", "stage", "splitname", "dataset", "valid", "test", "train"}
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


def find_columns(cells: Sequence[str], options: ReadOptions, shown: str, below: Sequence[str] | None = None) -> Columns:
    """cells: of the first row; shown: the manifest, for messages; below: the row below it, where there is one.

    Raises DatasetError where a column is missing, or a name stands for two.
    """
    names = _lowered(cells)
    asked: dict[Role, str | None] = {
        "path": options.path_column,
        "label": options.label_column,
        "split": options.split_column,
        "group": options.group_column,
    }
    if not any(asked.values()) and len(cells) == 2 and not any(_found(names, role) for role in _NEEDED):
        return Columns(("uri", "label"), {"path": 0, "label": 1}, header=False)
    places: dict[Role, int] = {}
    guessed: dict[Role, str] = {}
    for role in NAMES:
        name = asked[role]
        place = _place(list(cells), name, shown) if name is not None else _by_name(names, role, shown)
        if place is None and (usual := _found(names, role)):
            place = names.index(usual[0]) if len(usual) == 1 else None
            guessed |= {role: usual[0]} if place is not None else {}
        if place is not None:
            places[role] = place
    _check(cells, names, places, shown, below)
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
    told = [f"column '{printable(name)}' is read as the {role}" for role, name in guessed.items()]
    typed = " ".join(f"--{role}-column NAME" for role in guessed)
    return [f"{' and '.join(told)}; to choose another: {typed}"] if told else []


def _check(
    cells: Sequence[str], names: list[str], places: dict[Role, int], shown: str, below: Sequence[str] | None
) -> None:
    missing = [role for role in _NEEDED if role not in places]
    found = some(list(cells), 6)
    if not missing:
        if places["path"] == places["label"]:
            raise DatasetError(f"{shown}: one column for path and label (found {found}). Expected a column each.")
        return
    several = next((usual for role in missing if len(usual := _found(names, role)) > 1), None)
    which = f"{some(several)} could each be the {missing[0]}" if several else f"no column {_named(missing)}"
    typed = f"Say which it is: {' '.join(f'--{role}-column NAME' for role in missing)}."
    if any(cell.lower().endswith(IMAGE_SUFFIXES) for cell in cells):
        typed = "Line 1 looks like no header: put one on top, such as uri,label,split, in the order of the columns."
    elif "label" in missing and below and _is_one_hot(below):
        typed = "One column for each class is not read: write the name of the class into a column named label."
    raise DatasetError(f"{shown}: {which} (found {found}). {EXPECTED}. {typed}")


def _is_one_hot(cells: Sequence[str]) -> bool:
    numbers = [cell for cell in cells if cell in ("0", "1", "0.0", "1.0")]
    return len(numbers) > 1 and len(numbers) >= len(cells) - 1


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
