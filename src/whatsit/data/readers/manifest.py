"""Read a CSV manifest: which photos, with which label, split and group. One row, one photo.

The header is `uri,label[,split][,group]` in any order and among other columns, or other names that are asked for;
without a header there are two columns, uri and label. Commas, semicolons or tabs, as spreadsheets write them. Where the
files are, is not asked here: see `local`.

A model's own `splits.csv` is a manifest, too: what was left out stays so, what was held out to choose on is valid, and
the folds of a cross-validation are the same again.
"""

import contextlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from whatsit.config import READ_DEFAULTS, ReadOptions, Split
from whatsit.data.dataset import Record
from whatsit.data.readers.checks import check_is_table
from whatsit.data.readers.columns import EXPECTED, Columns, find_columns, is_header, lacking_notes, of_header, unused
from whatsit.data.readers.paths import located
from whatsit.data.readers.registry import DataSource, Manifest, ManifestRow, ReadResult
from whatsit.data.readers.table import NO_SPLIT, Cells, read_table
from whatsit.data.readers.words import is_plain_split, split_names
from whatsit.errors import DatasetError
from whatsit.text import NO_GROUP, clean_group, clean_label, number, printable, some

_FOLD = re.compile(r"(?:k?-?fold\s*[_-]?\s*)?(\d{1,3})", re.IGNORECASE)
_HELD_OUT = "held-out"  # of a model's splits.csv: chosen on, where valid is what judges
_YES, _NO = frozenset(["true", "1", "yes", "y", "t", "1.0"]), frozenset(["false", "0", "no", "n", "f", "0.0"])
_BOOLEAN: Mapping[str, tuple[Split, Split]] = {  # column → what yes and what no is
    **dict.fromkeys(("isvalid", "isval", "valid", "isvalidation"), ("valid", "train")),
    **dict.fromkeys(("istest", "test", "isholdout"), ("test", "train")),
    **dict.fromkeys(("istrain", "train", "istraining"), ("train", "valid")),
}


def read(source: DataSource) -> ReadResult:
    """The reader of CSV manifests, whatever the file's name ends in: what is no text is refused by what it is.

    Raises:
        DatasetError: As `read_manifest`, and where files are missing.
    """
    check_is_table(source.path)
    manifest = read_manifest(source.path, source.options, among=source.among)
    return located(manifest, source.path, source.options)


def read_manifest(path: Path, options: ReadOptions = READ_DEFAULTS, *, among: bool = False) -> Manifest:
    """Every row of a manifest, in order.

    among: whether it is one of several, which may lack a column that another has; then it is read without.

    Raises:
        DatasetError: The manifest cannot be read, lacks a column, or has a row that is not as its header
            says; a row's uri is empty, or the labels of many; its split is unknown, or given for some rows only.
    """
    shown = printable(str(path))
    usual = partial(is_header, options=READ_DEFAULTS)
    asked = partial(is_header, options=options)
    table = read_table(path, (lambda cells: asked(cells) or usual(cells)) if among else asked)
    if not table:
        raise DatasetError(f"{shown}: no rows (got an empty file). {EXPECTED}.")
    mine, lacking = of_header(table[0][1], options) if among else (options, ())
    columns, body = find_columns(table, mine, shown)
    if not body:
        raise DatasetError(f"{shown}: no images found (only a header). Expected one row an image below it.")
    for line, cells in body:
        _check_width(cells, columns, f"{shown}, line {line}")
    notes = [*columns.notes, *unused(columns, [row for _, row in body]), *lacking_notes(lacking, options, shown)]
    manifest = Manifest([], is_own=columns.is_own, notes=notes, lacking=lacking)
    body = [row for row in body if not _is_left_out(row, columns, manifest, shown)]
    _check_labelled(manifest, len(body), options, shown, body, columns)
    splits, groups = _Splits(columns, body, manifest, shown), _Groups()
    for line, cells in body:
        label = clean_label(columns.cell(cells, "label"))
        if label:
            _check_json(label, f"{shown}, line {line}")
            split, fold = splits.of(line, _split_of(cells, columns))
            group = groups.of(columns.cell(cells, "group"))
            manifest.rows.append(ManifestRow(line, Record(columns.cell(cells, "path"), label, split, group, fold)))
    if not manifest.rows:
        raise DatasetError(f"{shown}: all of its {number(len(table) - 1, 'row')} left out. Expected photos to use.")
    manifest.notes += groups.notes()
    return manifest


def _check_width(cells: Cells, columns: Columns, where: str) -> None:
    if len(cells) > len(columns.names):
        raise DatasetError(
            f"{where}: {number(len(cells), 'cell')}. Expected {len(columns.names)} ({', '.join(columns.names)}). "
            "Put a cell with a comma in double quotes. If the row has several classes: leave it out, as whatsit gives "
            "a photo one."
        )
    if not columns.cell(cells, "path"):
        raise DatasetError(f"{where}: the uri is empty. Expected a uri and a label. Mend the row.")


def _check_json(label: str, where: str) -> None:
    """Raises DatasetError where a label is a list or a table, as Label Studio exports several choices."""
    if label[0] not in "[{" or label[-1] not in "]}":
        return
    with contextlib.suppress(ValueError):
        found = json.loads(label)
        classes = found.get("choices") if isinstance(found, dict) else found
        names = [one for one in classes if isinstance(one, str)] if isinstance(classes, list) else []
        what = f"several classes, {some(names)}" if len(names) > 1 else f"no plain label (got {printable(label[:60])})"
        raise DatasetError(f"{where}: {what}. Expected one class a photo, by name. Leave such rows out, or mend them.")


def _is_left_out(row: tuple[int, Cells], columns: Columns, manifest: Manifest, shown: str) -> bool:
    """Of a model's splits.csv: whether it says so."""
    _, cells = row
    if not columns.is_own:
        return False
    reason = columns.named(cells, "left_out")
    if reason or not columns.cell(cells, "split"):
        manifest.left_out.append((columns.cell(cells, "path"), reason or f"left out in {shown}"))
        return True
    return False


def _check_labelled(
    manifest: Manifest,
    total: int,
    options: ReadOptions,
    shown: str,
    body: Sequence[tuple[int, Cells]],
    columns: Columns,
) -> None:
    """A few rows without a label are left out and said; many are a mistake."""
    unlabelled = (row for row in body if not clean_label(columns.cell(row[1], "label")))
    blank = [(line, columns.cell(cells, "path")) for line, cells in unlabelled]
    if not blank:
        return
    if len(blank) > options.max_missing * total:
        raise DatasetError(
            f"{shown}, line {blank[0][0]}: the label is empty ({len(blank)} of {number(total, 'row')}). Expected a uri "
            "and a label. Mend the rows, or leave them out: --max-missing SHARE."
        )
    manifest.left_out += [(uri, "no label") for _, uri in blank]
    manifest.notes.append(f"{number(len(blank), 'row')} without a label left out, the first in line {blank[0][0]}")


class _Groups:
    """What the cells of the group column mean; a word for "no value" is no group, and that is said."""

    def __init__(self) -> None:
        self._none: Counter[str] = Counter()

    def of(self, cell: str) -> str | None:
        if cell in NO_GROUP:
            self._none[cell] += 1
            return None
        return clean_group(cell) or None

    def notes(self) -> list[str]:
        return [f"{number(n, 'photo')} of group {word} taken as of no group" for word, n in self._none.items()]


def _split_of(cells: Cells, columns: Columns) -> str:
    """Empty where there is none."""
    word = columns.cell(cells, "split")
    return "" if word.lower() == NO_SPLIT else word


class _Splits:
    """What the words of the split column mean."""

    def __init__(self, columns: Columns, body: Sequence[tuple[int, Cells]], manifest: Manifest, shown: str) -> None:
        self._shown = shown
        words = {word: line for line, cells in reversed(body) if (word := _split_of(cells, columns))}
        blank = [line for line, cells in body if not _split_of(cells, columns)]
        if words and blank:
            raise DatasetError(
                f"{shown}: {len(blank)} of {len(body)} rows have no split (the first is line {blank[0]}). "
                "Expected one for all rows or for none; UNASSIGNED is none. Fill in the others, or empty the column."
            )
        name = columns.names[columns.places["split"]] if "split" in columns.places else ""
        self._splits = self._read(words, name, manifest)
        numbered = "fold" in name.lower() or all("fold" in word.lower() for word in words)  # 0 and 1 alone say little
        self._folds = {word: int(found[1]) for word in words if numbered and (found := _FOLD.fullmatch(word))}
        self._check(words, manifest)

    def _read(self, words: Mapping[str, int], name: str, manifest: Manifest) -> dict[str, Split]:
        if manifest.is_own and _HELD_OUT in words:
            own: dict[str, Split] = {_HELD_OUT: "valid", "train": "train", "valid": "test", "test": "test"}
            manifest.notes.append("photos that were held out to choose on are valid, those that judged are test")
            return {word: own[word] for word in words if word in own}
        if meaning := _BOOLEAN.get(re.sub(r"[\W_]+", "", name)):
            yes, no = meaning
            if {word.lower() for word in words} <= _YES | _NO:
                return {word: yes if word.lower() in _YES else no for word in words}
        found = split_names(list(words))
        if unusual := [word for word in found if not is_plain_split(word)]:
            manifest.notes.append(f"splits {some(unusual)} are read as {some([found[word] for word in unusual])}")
        return found

    def _check(self, words: Mapping[str, int], manifest: Manifest) -> None:
        if len(self._folds) == len(words) and len(words) > 1 and not self._splits:
            manifest.notes.append(f"the splits are {len(words)} folds: a probe is cross-validated over them")
            return
        self._folds = {}
        if strange := [word for word in words if word not in self._splits]:
            if all(word.isdecimal() for word in words):
                first = min(words, key=lambda one: words[one])
                raise DatasetError(
                    f"{self._shown}, line {words[first]}: unknown split '{first}' ({some(sorted(words, key=int), 5)} "
                    "are numbers, and nothing says which is which). Expected train, valid or test: write the words. "
                    "If they number the folds of a cross-validation: name the column fold."
                )
            known = sorted([word for word in strange if not split_names([word])] or strange, key=lambda one: words[one])
            raise DatasetError(
                f"{self._shown}, line {words[known[0]]}: unknown split '{printable(known[0])}'. "
                "Expected train, valid or test, or folds by number."
            )

    def of(self, line: int, word: str) -> tuple[Split | None, int | None]:
        return self._splits.get(word), self._folds.get(word)
