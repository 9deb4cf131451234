"""How answers are written: as lines for people, CSV, JSON or Parquet; on stdout, or to a file, whole or not at all.

A format is a class with a beginning, a row for each answer and an end. All formats tell the same: why an answer is
unsure, and a photo's error in a row of its own. Which photos are asked about, and what is said of them, is decided
elsewhere.
"""

import csv
import io
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import click

from whatsit.cli.options import json_line
from whatsit.errors import WhatsitError
from whatsit.images.source import SAID_AT_THE_END
from whatsit.text import chance, csv_cell, meant, number, printable

if TYPE_CHECKING:
    from whatsit.model.prediction import Prediction


T = TypeVar("T")


class Format(Protocol):
    """Pieces of text, which make a whole file in this order."""

    def begin(self) -> str: ...

    def row(self, answer: "Prediction") -> str: ...

    def end(self) -> str: ...


class Table:
    """For people: a line a photo, and with --top a line a class."""

    def __init__(self, top: int) -> None:
        self._top = top

    def begin(self) -> str:
        return ""

    def row(self, answer: "Prediction") -> str:
        return "".join(f"{line}\n" for line in _lines(answer, self._top))

    def end(self) -> str:
        return ""


class Csv:
    """The best class; with --top, the others in columns behind. The names are those of predictions.csv."""

    def __init__(self, top: int) -> None:
        self._top = top
        self._others = [f"{name}_{rank}" for rank in range(2, top + 1) for name in ("predicted", "probability")]

    def begin(self) -> str:
        return self._line(["path", "predicted", "probability", "unsure", "reason", "error", *self._others])

    def row(self, answer: "Prediction") -> str:
        cells = [cell for c in answer.top[: self._top] for cell in (c.label, f"{c.probability:.6f}")]
        first, more = cells[:2] or ["", ""], cells[2:]
        note = [str(answer.unsure), answer.reason, answer.error or ""]
        return self._line([answer.path, *first, *note, *more, *[""] * (len(self._others) - len(more))])

    def end(self) -> str:
        return ""

    def _line(self, cells: Iterable[str]) -> str:
        written = _Line()
        csv.writer(written, lineterminator="\n").writerow([csv_cell(cell) for cell in cells])
        return written.text


class _Line:
    """What csv writes, as text."""

    text = ""

    def write(self, text: str) -> None:
        self.text += text


class JsonLines:
    """A JSON object a line."""

    def __init__(self, dumps: Callable[[object], str]) -> None:
        self._dumps = dumps

    def begin(self) -> str:
        return ""

    def row(self, answer: "Prediction") -> str:
        return f"{self._dumps(_object(answer))}\n"

    def end(self) -> str:
        return ""


class JsonArray:
    """One JSON array, an object a line."""

    def __init__(self, dumps: Callable[[object], str]) -> None:
        self._dumps = dumps
        self._before = "[\n"

    def begin(self) -> str:
        return ""

    def row(self, answer: "Prediction") -> str:
        before, self._before = self._before, ",\n"
        return f"{before}{self._dumps(_object(answer))}"

    def end(self) -> str:
        return "[]\n" if self._before == "[\n" else "\n]\n"


def _object(answer: "Prediction") -> dict[str, object]:
    """Of an error, too, with `unsure`: a program may mask by it in every row."""
    said = answer.to_dict()
    return said if answer.error is None else {**said, "unsure": answer.unsure, "reason": answer.reason}


def _unicode(value: object) -> str:
    """JSON in UTF-8; a name that is no Unicode is escaped."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    return text


class Parquet:
    """A table with the columns of the CSV, of real types; `note` says what else should be known of an answer.

    It is no text: `write` takes all answers. Raises MissingExtraError without pyarrow, before anything is answered.
    """

    def __init__(self, top: int) -> None:
        from whatsit.embedding.parquet import pyarrow

        self._pa = pyarrow()
        text, number, truth = self._pa.string(), self._pa.float64(), self._pa.bool_()
        others = [(f"{name}_{rank}", kind) for rank in range(2, top + 1) for name, kind in _best(text, number).items()]
        named = {"path": text, **_best(text, number), "unsure": truth, "reason": text, "error": text, "note": text}
        self._schema = self._pa.schema([*named.items(), *others])

    def write(self, answers: Iterable["Prediction"], file: Path, *, overwrite: bool) -> None:
        """Row group by row group; whole or not at all. Raises WhatsitError where it exists or cannot be written."""
        from whatsit.embedding.session import batched
        from whatsit.files import check_file, written_atomically

        check_file(file, overwrite=overwrite)
        with written_atomically(file) as fresh, self._pa.parquet.ParquetWriter(fresh, self._schema) as writer:
            for some in batched(answers, AT_ONCE):
                writer.write_table(self._pa.Table.from_pylist([_cells(one) for one in some], self._schema))


AT_ONCE = 1024  # rows of a row group


def _best(text: T, number: T) -> dict[str, T]:
    return {"predicted": text, "probability": number}


def _cells(answer: "Prediction") -> dict[str, object]:
    """Of one row; a column that is not named here is null."""
    said: dict[str, object] = {
        "path": printable(answer.path),
        "unsure": answer.unsure,
        "reason": answer.reason,
        "error": answer.error,
        "note": answer.note,
    }
    for rank, one in enumerate(answer.top, start=1):
        behind = "" if rank == 1 else f"_{rank}"
        said |= {f"predicted{behind}": one.label, f"probability{behind}": one.probability}
    return said


ENDINGS = (".csv", ".json", ".jsonl", ".ndjson", ".parquet", ".txt")


def file_format(file: Path, top: int) -> "Format | Parquet":
    """By the ending of the file's name. Raises UsageError for any other, and MissingExtraError for .parquet without
    pyarrow."""
    formats: dict[str, Callable[[], Format | Parquet]] = {
        ".csv": lambda: Csv(top),
        ".json": lambda: JsonArray(_unicode),
        ".jsonl": lambda: JsonLines(_unicode),
        ".ndjson": lambda: JsonLines(_unicode),
        ".parquet": lambda: Parquet(top),
        ".txt": lambda: Table(top),
    }
    try:
        return formats[file.suffix.lower()]()
    except KeyError:
        known = ", ".join(ENDINGS[:-1])
        hint = meant(file.suffix.lower(), ENDINGS)
        raise click.UsageError(
            f"--output {printable(str(file))}: its ending says the format. Expected {known} or {ENDINGS[-1]}.{hint}"
        ) from None


def shown_format(top: int, *, as_json: bool, as_csv: bool) -> Format:
    """For stdout."""
    if as_json:
        return JsonLines(json_line)
    return Csv(top) if as_csv else Table(top)


class Summary:
    """Counts what goes by."""

    def __init__(self) -> None:
        self.photos = self.unsure = self.failed = 0
        self._notes: Counter[str] = Counter()

    def count(self, answers: Iterable["Prediction"]) -> Iterator["Prediction"]:
        for answer in answers:
            self.photos += 1
            self.unsure += answer.unsure
            self.failed += answer.error is not None
            if answer.note and answer.note not in SAID_AT_THE_END:
                self._notes[answer.note] += 1
            yield answer

    @property
    def notes(self) -> list[str]:
        """What should be known of some of the answers, a line each."""
        return [f"{number(count, 'photo')}: {note}" for note, count in self._notes.items()]

    def __str__(self) -> str:
        return f"{number(self.photos, 'photo')}, {self.unsure:,} unsure, {self.failed:,} unreadable"


def write_answers(answers: Iterable["Prediction"], form: Format, write: Callable[[str], object]) -> None:
    """In pieces, each as soon as it is there."""
    if begun := form.begin():
        write(begun)
    for answer in answers:
        write(form.row(answer))
    if ended := form.end():
        write(ended)


@contextmanager
def on_stdout(form: Format) -> Iterator[Callable[[str], object]]:
    """CSV that goes to a file or another program is UTF-8 whatever the console's encoding, so that it is read back.

    Raises WhatsitError where stdout is closed: the answers would go nowhere.
    """
    if sys.stdout is None:
        raise WhatsitError("standard output is closed, so the answers have no place. Name one with --output")
    if isinstance(form, Csv) and isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    yield lambda text: click.echo(text, nl=False)


@contextmanager
def to_file(file: Path, *, overwrite: bool) -> Iterator[Callable[[str], object]]:
    """UTF-8, whole or not at all. Raises WhatsitError where the file exists or cannot be written."""
    from whatsit.files import check_file, written_atomically

    check_file(file, overwrite=overwrite)
    with (
        written_atomically(file) as fresh,
        fresh.open("w", encoding="utf-8", errors="backslashreplace", newline="") as opened,
    ):
        yield opened.write


def _lines(answer: "Prediction", top: int) -> list[str]:
    from whatsit.decide import IN_WORDS

    path = printable(answer.path)
    if answer.error is not None:
        return [f"{path}: error: {printable(answer.error)}"]
    note = f"  unsure: {IN_WORDS[answer.reason]}" if answer.unsure else ""
    first, *others = [f"{chance(c.probability):>6}  {c.label}" for c in answer.top[:top]]
    return [f"{path}  {first}{note}", *(f"{'':{len(path)}}  {other}" for other in others)]
