"""The classes and their order: from a label dictionary, or from the photos themselves.

Tables of other forms than path and label: one column for each class, and rows without a header.

Read where they are unmistakable, by all their cells; what they were taken for is noted. Refused with what to type where
rows have several classes, or columns could each be the label.

A CSV file as rows of cells: its encoding, its delimiter, what stands above its header. Knows no columns.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from whatsit.data.dataset import Record
from whatsit.data.readers.files import IMAGE_SUFFIXES
from whatsit.data.readers.words import is_plain_split
from whatsit.errors import DatasetError
from whatsit.images.source import split_page
from whatsit.text import clean_label, number, plain_cell, printable, some


def read_text(path: Path) -> str:
    """A small text file in UTF-8, or in UTF-16 with a byte-order mark, as Excel's "Unicode text" is.

    Raises:
        DatasetError: It is missing, a folder, or not UTF-8.
    """
    try:
        data = path.read_bytes()
        return data.decode("utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except OSError as error:
        raise DatasetError(
            f"{printable(str(path))}: cannot be read ({error.strerror}). Expected a text file."
        ) from error
    except UnicodeDecodeError as error:
        raise DatasetError(
            f"{printable(str(path))}: not UTF-8 text (byte {error.start}). "
            "Expected a text file in UTF-8. Save it again as UTF-8."
        ) from error


def read_label_dict(path: Path) -> tuple[str, ...]:
    """The labels of a dictionary file, one a line, in order. Blank lines count for nothing.

    Raises:
        DatasetError: The file cannot be read, is empty, or has a label twice.
    """
    labels = tuple(label for line in read_text(path).split("\n") if (label := clean_label(line)))
    shown = printable(str(path))
    if not labels:
        raise DatasetError(f"{shown}: no labels (got an empty file). Expected one label a line.")
    twice = [label for label, count in Counter(labels).items() if count > 1]
    if twice:
        raise DatasetError(f"{shown}: {some(twice)} listed more than once. Expected each label on one line.")
    return labels


def find_classes(
    records: Sequence[Record], name: str, dictionary: tuple[str, ...] | None, notes: Sequence[str] = ()
) -> tuple[str, ...]:
    """The classes of a data set, in order, once they fit its records.

    Args:
        records: All of them; those without a split may be trained on.
        name: What to call the data set in a message.
        dictionary: The labels in their order, where the user fixed it.
        notes: How the records were read, to be said where they have one class.

    Raises:
        DatasetError: There is no train split; fewer than two classes; labels that the dictionary or the train
            split lacks; classes of the dictionary without photos to train on.
    """
    trained = {record.label for record in records if record.split in (None, "train")}
    everywhere = {record.label for record in records}
    if not trained:
        raise DatasetError(f"{name}: no train split. Expected photos with the split train as well.")
    if dictionary is not None:
        _check_dictionary(name, dictionary, everywhere, trained)
    if unknown := sorted(everywhere - trained):
        raise DatasetError(
            f"{name}: {some(unknown)} {_occurs(unknown)} in valid or test but not in train. "
            f"Expected the classes of train: {some(sorted(trained), 5)}. Add photos, or rename the class."
        )
    if len(trained) < 2:
        raise DatasetError(
            f"{name}: only one class, {some(sorted(trained))} ({number(len(records), 'photo')}). "
            "Expected two classes or more, each in a folder of its own. Check that this is the right folder."
            + "".join(f" Note: {note}." for note in notes[:2])
        )
    return dictionary if dictionary is not None else tuple(sorted(trained))


def by_classes(
    records: Sequence[Record], name: str, classes: Sequence[str]
) -> tuple[Sequence[Record], Sequence[Record]]:
    """The photos of a model's classes, and those of others; a class without photos is fine.

    Raises:
        DatasetError: All are of others.
    """
    has = set(classes)
    known, foreign = [r for r in records if r.label in has], [r for r in records if r.label not in has]
    if not known:
        strange = sorted({record.label for record in records})
        raise DatasetError(
            f"{name}: {some(strange)} {_occurs(strange)} no class of the model. "
            f"Expected one of its {number(len(classes), 'class')}: {some(classes, 5)}. Rename the labels, or see "
            "how often it is unsure of such photos: whatsit predict MODEL FOLDER."
        )
    return known, foreign


def _check_dictionary(name: str, dictionary: tuple[str, ...], everywhere: set[str], trained: set[str]) -> None:
    if strange := sorted(everywhere.difference(dictionary)):
        raise DatasetError(
            f"{name}: {some(strange)} {_occurs(strange)} not in the label dictionary. "
            f"Expected one of its {number(len(dictionary), 'label')}: {some(dictionary, 5)}. "
            "Add the label to the dictionary, or mend it in the data."
        )
    if empty := [label for label in dictionary if label not in trained]:
        raise DatasetError(
            f"{name}: no photos to train on for {some(empty)} of the label dictionary. "
            "Expected photos of every class. Add some, or remove the label from the dictionary."
        )


def _occurs(labels: Sequence[str]) -> str:
    return "is" if len(labels) == 1 else "are"


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


DELIMITERS = ",;\t"
_SEPARATOR = re.compile(r"\s*sep=(?P<delimiter>.)\s*", re.IGNORECASE)  # Excel's word for it, above the header
Cells = list[str]


def read_table(path: Path, is_header: Callable[[Cells], bool]) -> list[tuple[int, Cells]]:
    """Line number, from 1, and trimmed cells of every row that is not blank, the header among them.

    is_header: whether cells are a table's first row; it chooses among delimiters. A comment above the header, and
    Excel's line `sep=;`, are passed over.

    Raises DatasetError where the file cannot be read, or is no CSV.
    """
    text = read_text(path)
    lines = text.split("\n")
    above, delimiter = 0, None
    while above < len(lines) - 1 and not lines[above].strip():
        above += 1
    if told := _SEPARATOR.fullmatch(lines[above]):
        above, delimiter = above + 1, told["delimiter"]
    while above < len(lines) - 1 and _is_comment(lines[above]) and not is_header(_cells(lines[above])):
        above += 1
    body = "\n".join(lines[above:])
    if delimiter is None and (pairs := _spaced(lines[above:], above)):
        return pairs
    return list(_rows(body, delimiter or _delimiter(body, is_header), above, printable(str(path))))


def _spaced(lines: list[str], above: int) -> list[tuple[int, Cells]]:
    """Lines of a path, space and a label, as lists for training networks are; empty where some are none."""
    found = [(above + at, line.rsplit(maxsplit=1)) for at, line in enumerate(lines, 1) if line.strip()]
    fits = all(len(cells) == 2 and len(_cells(" ".join(cells))) == 1 and is_path(cells[0]) for _, cells in found)
    return found if fits else []


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#") and len(_cells(line)) == 1


def _cells(line: str) -> Cells:
    """By the delimiter that makes most."""
    return max((next(csv.reader([line], delimiter=one), []) for one in DELIMITERS), key=len)


def _delimiter(text: str, is_header: Callable[[Cells], bool]) -> str:
    """The delimiter that makes a header or most cells of the first line with content; a comma in doubt."""
    first = next((line for line in text.split("\n") if line.strip()), "")
    cells = {one: next(csv.reader([first], delimiter=one), []) for one in DELIMITERS}
    if all(len(found) == 1 for found in cells.values()) and "|" in first:
        return "|"  # also a mark between labels, so only where there is no other
    return max(DELIMITERS, key=lambda one: (is_header(cells[one]), len(cells[one]) == 2, len(cells[one])))


def _rows(text: str, delimiter: str, above: int, shown: str) -> Iterator[tuple[int, Cells]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            trimmed = [plain_cell(cell.strip()) for cell in cells]
            if any(trimmed):
                yield above + reader.line_num, trimmed
    except csv.Error as error:
        raise DatasetError(
            f"{shown}, line {above + reader.line_num}: not CSV ({error}). "
            "Expected cells with commas or quotes in double quotes. Mend the line."
        ) from error
