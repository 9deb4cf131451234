"""What the values of model.json must be. Read strictly, as answers depend on them: every mistake has its own line."""

import json
import unicodedata
from collections.abc import Callable
from typing import Any

from whatsit.errors import ModelFolderError
from whatsit.images.preprocessing import is_size

MAX_SIDE = 4096  # pixels of the network's input; beyond, one image would fill the memory
MAX_DIM = 10**6
UNSAFE = {"Cc", "Cs", "Zl", "Zp"}  # controls, half characters, line and paragraph separators

Rule = tuple[Callable[[Any], bool], str]


def is_number(value: Any, low: float, high: float) -> bool:
    """From `low` to `high`; NaN is not."""
    return type(value) in (int, float) and low <= value <= high


def _is_line(value: Any) -> bool:
    return isinstance(value, str) and not any(unicodedata.category(sign) in UNSAFE for sign in value)


def _are_labels(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) >= 2
        and all(_is_line(label) and label for label in value)
        and len(set(value)) == len(value)
    )


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_share_or_unknown(value: Any) -> bool:
    return value is None or is_number(value, 0, 1)


def _has_size(value: Any) -> bool:
    return _is_object(value) and is_size(value.get("size"), MAX_SIDE)


COSINE: Rule = (lambda v: is_number(v, -1.01, 1.01), "a number from -1 to 1")  # with its rounding

_FACTS: dict[str, Rule] = {
    "name": (_is_line, "a line of text"),
    "labels": (_are_labels, "two lines of text or more, each another"),
    "preprocessing": (_has_size, f"an object with a size in pixels, 1 to {MAX_SIDE}, or [height, width]"),
    "temperature": (lambda v: is_number(v, 1e-6, 1e6), "a number above 0"),
    "unsure": (_is_object, "an object"),
    "backbone": (_is_object, "an object"),
    "head": (_is_object, "an object"),
    "training": (_is_object, "an object"),
    "data": (_is_object, "an object"),
    "metrics": (_is_object, "an object"),
    "software": (_is_object, "an object"),
    "created": (_is_line, "a line of text"),
    "checksums": (_is_object, "an object"),
}
_UNSURE: dict[str, Rule] = {
    "threshold": (lambda v: is_number(v, 0, 1), "a number from 0 to 1"),
    "precision": (lambda v: is_number(v, 0, 1), "a number from 0 to 1"),
    "similarity": COSINE,
}
_REACHED: dict[str, Rule] = {  # which models of whatsit before 0.1.0 do not have
    "reached": (lambda v: v is None or type(v) is bool, "true, false or null"),
    "held_out_precision": (_is_share_or_unknown, "a number from 0 to 1, or null"),
    "held_out_coverage": (_is_share_or_unknown, "a number from 0 to 1, or null"),
}
_BACKBONE: dict[str, Rule] = {
    "name": (_is_line, "a line of text"),
    "dim": (lambda v: type(v) is int and 1 <= v <= MAX_DIM, f"a whole number, 1 to {MAX_DIM}"),
}


def check_values(facts: dict[str, Any]) -> None:
    """Raises ModelFolderError for the first value of model.json that is missing or not what it must be."""
    check(facts, _FACTS)
    check(facts["unsure"], _UNSURE, "unsure.")
    check(facts["unsure"], {key: rule for key, rule in _REACHED.items() if key in facts["unsure"]}, "unsure.")
    check(facts["backbone"], _BACKBONE, "backbone.")
    if unknown := sorted(facts["unsure"].keys() - _UNSURE.keys() - _REACHED.keys()):
        raise ModelFolderError(f"'unsure.{_shown(unknown[0])}' is unknown")


def check(values: dict[str, Any], rules: dict[str, Rule], where: str = "") -> None:
    """Raises ModelFolderError for the first value that is missing or not what its rule says."""
    for key, (right, expected) in rules.items():
        if key not in values:
            raise ModelFolderError(f"'{where}{key}' is missing")
        if not right(values[key]):
            raise ModelFolderError(f"'{where}{key}' is {_shown(values[key])}, expected {expected}")


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    short = text if len(text) <= 60 else f"{text[:60]}…"
    return short.encode("unicode_escape").decode("ascii")
