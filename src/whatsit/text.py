"""Names as they are shown and compared: one normal form, one line, no surprises in a terminal."""

import os
import re
import unicodedata
from collections.abc import Collection, Iterable
from pathlib import Path


def printable(text: str) -> str:
    """The text on one line and valid UTF-8: bytes that do not decode and control characters are escaped.

    >>> printable("two\\nlines")
    'two\\\\nlines'
    >>> printable("\\ud800")
    '\\\\ud800'
    """
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a character, as JSON can spell it: no undecoded byte
        data = text.encode("utf-8", "backslashreplace")
    decoded = data.decode("utf-8", "backslashreplace")
    if decoded.isprintable():
        return decoded
    return "".join(_escaped(char) if unicodedata.category(char) in _UNSAFE else char for char in decoded)


_UNSAFE = {"Cc", "Zl", "Zp"}  # controls, line and paragraph separators; emoji's joiners (Cf) may stay


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def clean_label(text: str) -> str:
    """A label as it is compared: normal form C (macOS writes ä as two characters), trimmed, printable.

    Escapes keep two undecodable names apart, where a replacement character would merge them.
    """
    return printable(unicodedata.normalize("NFC", text).strip())


# As R, pandas and databases write nothing.
NO_GROUP = ("NA", "N/A", "NaN", "nan", "<NA>", "NULL", "null", "None", "none")


def clean_group(text: str) -> str:
    """A group as it is compared: as a label, and a whole number without the ".0" that pandas gives a column with gaps.

    >>> clean_group(" Zoe "), clean_group("12.0"), clean_group("1.10"), clean_group("007")
    ('Zoe', '12', '1.10', '007')
    """
    return re.sub(r"^(-?\d+)\.0+$", r"\1", clean_label(text))


ALIKE = 0.7  # of two words: the share of letters in common, in their order; below, a guess is of no use
PLAIN_CELLS = "WHATSIT_PLAIN_CELLS"

# What a spreadsheet takes for a formula at the start of a cell, in some languages of full width, too:
# https://owasp.org/www-community/attacks/CSV_Injection. A name may begin so, and a photo may come from a stranger.
_FORMULA = re.compile("'*[=+\\-@\t\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")


def csv_cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe before it, as OWASP advises.

    `plain_cell` takes it away. With the environment's WHATSIT_PLAIN_CELLS=1 no cell gets one. A carriage return is
    escaped: the csv module writes it without quotes, and would read it as a new row.

    >>> csv_cell("=1+2.jpg"), csv_cell("-0.5"), csv_cell("-0.5.jpg"), csv_cell("'=odd")
    ("'=1+2.jpg", '-0.5', "'-0.5.jpg", "''=odd")
    """
    text = text.replace("\r", "\\r")
    as_is = os.environ.get(PLAIN_CELLS) == "1"
    return text if as_is or not _FORMULA.match(text) or _NUMBER.fullmatch(text) else f"'{text}"


def plain_cell(cell: str) -> str:
    """What `csv_cell` was given, but for a carriage return.

    >>> [plain_cell(csv_cell(text)) for text in ("=1+2.jpg", "-0.5", "'=odd", "'odd'")]
    ['=1+2.jpg', '-0.5', "'=odd", "'odd'"]
    """
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def plain_row(row: dict[str, str]) -> dict[str, str]:
    """A row of `csv.DictReader`, its cells as `plain_cell` gives them; one that is missing stays None."""
    return {name: plain_cell(cell) if isinstance(cell, str) else cell for name, cell in row.items()}


def shell_quoted(path: str | Path) -> str:
    """As a shell reads it back."""
    import shlex

    return shlex.quote(str(path))


def as_option(name: str) -> str:
    """A field's name as the command line spells it.

    >>> as_option("group_column")
    '--group-column'
    """
    return f"--{name.replace('_', '-')}"


def some(names: Collection[str], most: int = 3) -> str:
    """The first few names for a message.

    >>> some(["a", "b", "c", "d", "e"])
    "'a', 'b', 'c' and 2 more"
    """
    quoted = [f"'{printable(name)}'" for name in list(names)[:most]]
    more = len(names) - len(quoted)
    if more:
        return f"{', '.join(quoted)} and {more} more"
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


def meant(typed: str, known: Iterable[str]) -> str:
    """What was likely meant, as the next words of a message; empty where nothing is like it.

    >>> meant("trian", ["train", "tune"])
    " Did you mean 'train'?"
    """
    import difflib  # where it is used: `predict` starts without it

    names = list(known)
    close = difflib.get_close_matches(typed, names, n=len(names) or 1, cutoff=ALIKE)
    alike = [name for name in names if name in close]  # in their own order: the first of equals is meant
    best = max(alike, key=lambda name: difflib.SequenceMatcher(None, name, typed).ratio(), default="")
    return best and f" Did you mean '{best}'?"


def chance(probability: float, digits: int = 1) -> str:
    """A class's probability in percent: never 100, since a classifier is never quite sure.

    >>> chance(0.9999), chance(0.9949, 0), chance(0.9951, 0), chance(0.32)
    ('99.9%', '99%', '99%', '32.0%')
    """
    return f"{min(probability, 1 - 10.0 ** -(digits + 2)):.{digits}%}"


def number(count: int, noun: str) -> str:
    """``1 file``, ``2 files``, ``3 classes``."""
    if count == 1:
        return f"{count} {noun}"
    return f"{count} {noun}es" if noun.endswith("s") else f"{count} {noun}s"
