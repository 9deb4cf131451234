"""What may be a name: of a model, of an alias; and how any text is made one. Touches no disk.

A name becomes a folder, a part of a URL and a line of Triton's configuration, so few characters are in it.
"""

import re

from whatsit.errors import RepositoryError
from whatsit.text import printable

DEFAULT = "default"  # the version that answers where none is asked for
PREVIOUS = "previous"  # the one that was the default before, for `rollback`
LONGEST = 64
FALLBACK = "model"

_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{LONGEST}}}")
_OTHERS = re.compile(r"[^A-Za-z0-9_-]+")
_SET_OTHERWISE = {DEFAULT: "whatsit models default NAME VERSION", PREVIOUS: "whatsit models rollback NAME"}


def is_name(text: object) -> bool:
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def is_alias(text: object) -> bool:
    """A name that is no number, since a number is a version."""
    return is_name(text) and not str(text).isdigit()


def check_name(text: str) -> str:
    """The same text. Raises RepositoryError where it is no name."""
    return _checked(text, is_name(text), "the name of a model", valid_name(text))


def check_alias(text: str) -> str:
    """The same text. Raises RepositoryError where it is no name, a number, or one that is never set by hand."""
    if text in _SET_OTHERWISE:
        raise RepositoryError(f"'{text}' is not set as an alias. Use: {_SET_OTHERWISE[text]}")
    name = valid_name(text)
    return _checked(text, is_alias(text), "an alias", name if is_alias(name) else f"v{name}"[:LONGEST])


def valid_name(text: str) -> str:
    """Any text made a name.

    >>> valid_name("my pets/2"), valid_name("…")
    ('my-pets-2', 'model')
    """
    return _OTHERS.sub("-", text).strip("-")[:LONGEST].rstrip("-") or FALLBACK


def _checked(text: str, fine: bool, what: str, instead: str) -> str:
    if fine:
        return text
    expected = f"1 to {LONGEST} of a to z, A to Z, 0 to 9, - and _"
    if what == "an alias":
        expected += ", not digits alone"
    raise RepositoryError(f"'{shown(text)}' cannot be {what}: expected {expected}. Try '{instead}'")


def shown(text: str) -> str:
    """Whatever someone took for a name, fit for a message."""
    return printable(text if len(text) <= LONGEST else f"{text[:LONGEST]}…")
