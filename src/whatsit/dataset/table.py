"""A CSV file as rows of cells: its encoding, its delimiter, what stands above its header. Knows no columns."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from whatsit.dataset.forms import is_path
from whatsit.dataset.labels import read_text
from whatsit.errors import DatasetError
from whatsit.text import plain_cell, printable

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
