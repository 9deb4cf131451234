"""Read a CSV manifest: which photos, with which label, split and group. One row, one photo.

The header is `uri,label[,split][,group]` in any order and among other columns; without a header there are two
columns, uri and label. Commas, semicolons or tabs, as spreadsheets write them. URIs are relative to the
manifest's folder. Whether the files exist is not asked here: see `local`.
"""

import csv
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from whatsit.dataset.labels import read_text
from whatsit.dataset.records import Record, Split
from whatsit.dataset.words import split_names
from whatsit.errors import DatasetError
from whatsit.text import clean_label, number, plain_cell, printable, some

_HEADERLESS = ("uri", "label")
_EXPECTED = "Expected the header uri,label[,split][,group], or two columns without a header"


@dataclass(frozen=True)
class Row:
    """A record and the line of the manifest that it ends on, counted from 1."""

    line: int
    record: Record


def read_rows(path: Path) -> list[Row]:
    """Every row of a manifest, in order, with its uri made to open from the working directory.

    Raises:
        DatasetError: The manifest cannot be read, lacks a column, or has a row that is not as its header
            says; a row's uri or label is empty; its split is unknown, or given for some rows only.
    """
    text = read_text(path)
    shown = printable(str(path))
    lines = _cells(text, _delimiter(text), shown)
    first = next(lines, None)
    if first is None:
        raise DatasetError(f"{shown}: no rows (got an empty file). {_EXPECTED}.")
    columns = _columns(first[1], shown)
    rows = [] if columns else [_row(path, *first, _HEADERLESS)]
    rows += [_row(path, line, cells, columns or _HEADERLESS) for line, cells in lines]
    if not rows:
        raise DatasetError(f"{shown}: no images found (only a header). Expected one row an image below it.")
    _check_splits(rows, shown)
    return rows


def _delimiter(text: str) -> str:
    """The delimiter that makes most of the first line with content; a comma in doubt."""
    first = next((line for line in text.split("\n") if line.strip()), "")
    widths = {delimiter: len(next(csv.reader([first], delimiter=delimiter), [])) for delimiter in ",;\t"}
    return max(widths, key=lambda delimiter: (_is_table(first, delimiter), widths[delimiter]))


def _is_table(line: str, delimiter: str) -> bool:
    cells = next(csv.reader([line], delimiter=delimiter), [])
    return len(cells) == len(_HEADERLESS) or {"uri", "label"} <= set(_lowered(cells))


def _cells(text: str, delimiter: str, shown: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and trimmed cells of every row that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            trimmed = [plain_cell(cell.strip()) for cell in cells]
            if any(trimmed):
                yield reader.line_num, trimmed
    except csv.Error as error:
        raise DatasetError(
            f"{shown}, line {reader.line_num}: not CSV ({error}). "
            "Expected cells with commas or quotes in double quotes. Mend the line."
        ) from error


def _columns(cells: list[str], shown: str) -> tuple[str, ...] | None:
    """The names of the columns, or None where the first row is no header."""
    names = _lowered(cells)
    missing = [name for name in _HEADERLESS if name not in names]
    if not missing:
        return tuple(names)
    if len(missing) == 1 or len(cells) != len(_HEADERLESS):
        raise DatasetError(
            f"{shown}: no column {some(missing)} (found {some(cells, 6)}). {_EXPECTED}. Name the columns so."
        )
    return None


def _lowered(cells: list[str]) -> list[str]:
    return [cell.strip().lower() for cell in cells]


def _row(path: Path, line: int, cells: list[str], columns: tuple[str, ...]) -> Row:
    where = f"{printable(str(path))}, line {line}"
    if len(cells) > len(columns):
        raise DatasetError(
            f"{where}: {number(len(cells), 'cell')}. Expected {len(columns)} ({', '.join(columns)}). "
            "Put a cell with a comma in double quotes."
        )
    values = dict(zip(columns, cells, strict=False))  # a short row lacks its last cells
    uri, label = values.get("uri", ""), clean_label(values.get("label", ""))
    for name, value in (("uri", uri), ("label", label)):
        if not value:
            raise DatasetError(f"{where}: the {name} is empty. Expected a uri and a label. Mend the row.")
    split = _split(values.get("split", ""), where)
    return Row(line, Record(_located(uri, path), label, split, values.get("group") or None))


def _split(word: str, where: str) -> Split | None:
    if not word:
        return None
    if word not in (known := split_names([word])):
        raise DatasetError(f"{where}: unknown split '{printable(word)}'. Expected train, valid or test.")
    return known[word]


def _located(uri: str, manifest: Path) -> str:
    """The uri as it opens from the working directory."""
    return uri if "://" in uri else os.path.join(manifest.parent, uri)  # noqa: PTH118


def _check_splits(rows: list[Row], shown: str) -> None:
    blank = [row for row in rows if row.record.split is None]
    if 0 < len(blank) < len(rows):
        raise DatasetError(
            f"{shown}: {len(blank)} of {len(rows)} rows have no split (the first is line {blank[0].line}). "
            "Expected a split for all rows or for none. Fill in the others, or empty the column."
        )
