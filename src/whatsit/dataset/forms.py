"""Tables of other forms than path and label: one column for each class, and rows without a header.

Read where they are unmistakable, by all their cells; what they were taken for is noted. Refused with what to type where
rows have several classes, or columns could each be the label.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from whatsit.dataset.files import IMAGE_SUFFIXES
from whatsit.dataset.words import is_plain_split
from whatsit.errors import DatasetError
from whatsit.images.pages import split_page
from whatsit.text import number, printable, some

Role = Literal["path", "label", "split", "group"]
Row = tuple[int, list[str]]  # the line that it ends on, from 1, and its cells
NO_SPLIT = "unassigned"  # Vertex AI's word where it is to cut itself
NUMBERED_ROWS = frozenset(["", "unnamed: 0", "index", "idx"])
_YES, _NO = frozenset(["1", "1.0", "true"]), frozenset(["0", "0.0", "false", ""])
_IMAGE = re.compile(rf".*({'|'.join(re.escape(suffix) for suffix in IMAGE_SUFFIXES)})", re.IGNORECASE)


@dataclass(frozen=True)
class OneHot:
    """A table with one column for each class, as one with a column of labels, the last."""

    header: list[str]
    rows: list[Row]
    notes: tuple[str, ...]


def is_path(cell: str) -> bool:
    """Whether a cell is the path or URI of an image by its look."""
    return bool(cell) and ("://" in cell or _IMAGE.fullmatch(split_page(cell)[0].partition("?")[0]) is not None)


def read_one_hot(
    header: Sequence[str], rows: Sequence[Row], taken: Sequence[int], no_class: Sequence[int], shown: str, most: float
) -> OneHot | None:
    """The table with labels, or None where it has no two columns of 0 and 1 alone.

    Args:
        header: Names of the columns, as they stand there.
        rows: Those below it.
        taken: Places of the path, the split and the group.
        no_class: Places of columns whose names are those of splits, such as `is_valid`; of 0 and 1, too.
        shown: The table, for messages.
        most: Share of rows that may have no class; those are left for others to leave out.

    Raises:
        DatasetError: Rows have several classes, or too many none; two columns have one name.
    """
    width = len(header)
    if any(len(cells) > width for _, cells in rows):
        return None  # refused elsewhere, with the line
    filled = [(line, [*cells, *[""] * (width - len(cells))]) for line, cells in rows]
    free = [p for p in range(width) if p not in taken and header[p].strip().lower() not in NUMBERED_ROWS]
    places = [p for p in free if _is_binary(cells[p] for _, cells in filled)]
    without = [p for p in places if p not in no_class]
    if len(without) > 1 and _most(filled, places) > 1:
        places = without  # is_valid beside cat and dog
    if len(places) < 2:
        return None
    names = [header[p].strip() for p in places]
    if twice := [name for name in names if names.count(name) > 1]:
        raise DatasetError(
            f"{shown}: two columns named '{printable(twice[0])}'. Expected one for each class. Rename one."
        )
    marked = [[names[at] for at, p in enumerate(places) if _is_yes(cells[p])] for _, cells in filled]
    _check_one(filled, marked, names, shown, most)
    others = [p for p in range(width) if p not in places]
    made = [
        (line, [*(cells[p] for p in others), *(found or [""])])
        for (line, cells), found in zip(filled, marked, strict=True)
    ]
    notes = [f"columns {some(names)} are read as the classes: a photo's is the one with a 1"]
    if empty := [name for name in names if not any(name in found for found in marked)]:
        notes.append(f"{some(empty)} {'has' if len(empty) == 1 else 'have'} no photo, and so no class is learned")
    return OneHot([*(header[p] for p in others), "label"], made, tuple(notes))


def headerless(rows: Sequence[Row], shown: str) -> dict[Role, int] | None:
    """The places of `path`, `label` and, where there is one, `split` in rows without a header, by their cells.

    Returns:
        None where the first row has no path, or is one of two columns of path and label in this order.

    Raises:
        DatasetError: There is no label, or more than one column could be it.
    """
    first = rows[0][1]
    if not any(map(is_path, first)):
        return None
    width = max(len(cells) for _, cells in rows)
    columns = [[cells[p] if p < len(cells) else "" for _, cells in rows] for p in range(width)]
    paths = [p for p, column in enumerate(columns) if all(map(is_path, column))]
    if len(first) == 2 < width and len(paths) != 1:
        return None  # two columns, and a row with a comma too many
    if width == 2 and paths != [1] and not (paths == [0] and _is_splits(columns[1])):
        return None
    top = "Put a header on top, such as uri,label,split, in the order of the columns."
    if len(paths) != 1:
        what = "more than one column holds paths" if paths else "no column holds a path in every row"
        raise DatasetError(f"{shown}: no header (line {rows[0][0]} has a path), and {what}. {_EXPECTED} {top}")
    rest = [p for p in range(width) if p not in paths and any(columns[p]) and not _counts(columns[p])]
    splits = [p for p in rest if _is_splits(columns[p])]
    labels = [p for p in rest if p not in splits]
    if len(labels) == 1 and len(splits) < 2:
        places: dict[Role, int] = {"path": paths[0], "label": labels[0]}
        return places | {"split": splits[0]} if splits else places
    if not labels:
        raise DatasetError(
            f"{shown}: no column of labels (found {some(first, 6)}). {_EXPECTED} If what looks like a split is the "
            "label: put the header uri,label on top, in the order of the columns."
        )
    if sum(_is_number(cell) for p in labels for cell in columns[p] if cell) >= 4 * len(rows):
        raise DatasetError(
            f"{shown}: four numbers or more beside each path, as boxes for object detection have. {_EXPECTED} {top}"
        )
    _check_several(rows, [columns[p] for p in labels], shown)
    raise DatasetError(
        f"{shown}: no header (line {rows[0][0]} has a path), and {number(len(labels), 'column')} could be the label, "
        f"such as {some([next(filter(None, columns[p])) for p in labels], 3)}. Expected one label a photo. {top}"
    )


def _check_several(rows: Sequence[Row], labels: Sequence[Sequence[str]], shown: str) -> None:
    """Raises DatasetError where rows end in one label or more, as Vertex AI's tables of several classes do."""
    first, *others = labels
    several = [at for at in range(len(rows)) if sum(bool(one[at]) for one in labels) > 1]
    shared = all(not set(one) - {""} or set(one) & set(first) for one in others)
    if several and all(first) and (shared or len(several) < len(rows)) and not any(map(_is_number, first)):
        found = [one[several[0]] for one in labels if one[several[0]]]
        raise DatasetError(
            f"{shown}, line {rows[several[0]][0]}: several classes, {some(found)}, for one photo ({len(several):,} of "
            f"{number(len(rows), 'row')}). Expected one class a photo. Leave such rows out, or give each combination a "
            "name of its own. If they are no classes: put a header on top, such as uri,label,split."
        )


_EXPECTED = "Expected rows of one path, one label and, if wanted, a split."


def _is_binary(cells: Iterable[str]) -> bool:
    values = {cell.lower() for cell in cells}
    return values <= _YES | _NO and bool(values - {""})


def _is_yes(cell: str) -> bool:
    return cell.lower() in _YES


def _most(rows: Sequence[Row], places: Sequence[int]) -> int:
    return max(sum(_is_yes(cells[p]) for p in places) for _, cells in rows)


def _check_one(
    rows: Sequence[Row], marked: Sequence[Sequence[str]], names: Sequence[str], shown: str, most: float
) -> None:
    several = [at for at, found in enumerate(marked) if len(found) > 1]
    if several:
        line, found = rows[several[0]][0], marked[several[0]]
        raise DatasetError(
            f"{shown}, line {line}: {some(found)} in one photo ({number(len(several), 'row')} of {len(rows):,} with "
            "several classes). Expected one class a photo. Remove those rows, give each combination a class of its "
            f"own in a column named label, or learn one class against the rest: --label-column '{printable(found[0])}'."
        )
    none = [at for at, found in enumerate(marked) if not found]
    if len(none) > most * len(rows):
        raise DatasetError(
            f"{shown}, line {rows[none[0]][0]}: no class has a 1 ({len(none):,} of {number(len(rows), 'row')}; looked "
            f"at {some(names)}). Expected one class a photo. If those photos are a class: add a column for it. To "
            "leave them out: --max-missing SHARE."
        )


def _is_splits(column: Sequence[str]) -> bool:
    """Whether all cells are words for splits, or none; UNASSIGNED is none."""
    words = {cell.lower() for cell in column} - {""}
    return bool(words) and all(word == NO_SPLIT or is_plain_split(word) for word in words)


def _counts(column: Sequence[str]) -> bool:
    """Whether a column numbers the rows, as pandas' index does."""
    return len(column) > 2 and any(all(cell == str(at + start) for at, cell in enumerate(column)) for start in (0, 1))


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"[+-]?\d*\.?\d+([eE][+-]?\d+)?", cell) is not None
