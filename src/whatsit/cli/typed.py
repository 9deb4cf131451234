"""How values are typed on the command line: `30x100`, `32,64,64`, `10m`, `0:4095`; a type of click for each kind."""

import re
from collections.abc import Callable, Mapping
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from whatsit.cli.choices import Registered
from whatsit.config import MIB, Split
from whatsit.embedding.engines.registry import ENGINES, TRAINS
from whatsit.kinds import (
    Bands,
    Choice,
    Device,
    Integer,
    LearningRate,
    Levels,
    Mebibytes,
    MethodName,
    Names,
    Place,
    Real,
    Repeated,
    Seconds,
    Sides,
    SplitFolders,
    Text,
    Widths,
)
from whatsit.text import meant
from whatsit.training.methods import METHODS

UNITS = {"s": 1, "m": 60, "h": 3600}  # seconds

if TYPE_CHECKING:
    from click import ParamType as ParamType
else:

    class ParamType(click.ParamType):
        """Click's, which names the type that it gives; before click 8.3 that could not be written."""

        def __class_getitem__(cls, given: object) -> type:
            return cls


class FiniteRange(click.FloatRange):
    """Click's range, which lets NaN through (it is neither below nor above a bound), and infinity where one is open."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        converted = super().convert(value, param, ctx)
        if not isfinite(converted):
            self.fail(f"{converted} is not in the range {self._describe_range()}.", param, ctx)
        return converted


class MisspeltError(ValueError):
    """A text is no value of its kind, for a reason that the user should know: a sentence."""


class Typed(ParamType[Any]):
    """A value that is written in a form of its own. read: text → the value; ValueError where it is none."""

    def __init__(self, name: str, what: str, expected: str, read: Callable[[str], Any]) -> None:
        self.name, self._what, self._expected, self._read = name, what, expected, read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Takes what is no text as it is, such as a default."""
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except ValueError as error:
            reason = f"{error} " if isinstance(error, MisspeltError) else ""
            self.fail(f"{value!r} is no {self._what}. {reason}Expected {self._expected}", param, ctx)


def _check(holds: bool) -> None:
    if not holds:
        raise ValueError


def _sides(kind: Sides) -> Typed:
    def read(text: str) -> tuple[int, int]:
        typed = re.fullmatch(r"([0-9]{1,5})(?:[x×]([0-9]{1,5}))?", text.strip().lower())
        _check(typed is not None)
        assert typed is not None
        size = int(typed[1]), int(typed[2] or typed[1])
        _check(kind.takes(size))
        return size

    expected = f"pixels from {kind.low} to {kind.high}, as 150 or 30x100 (height × width)"
    return Typed("size", "image size", expected, read)


def _widths(kind: Widths) -> Typed:
    def read(text: str) -> tuple[int, ...]:
        if kind.may_be_none and text == "none":
            return ()
        _check(re.fullmatch(r"[0-9]{1,5}(,[0-9]{1,5})*", text) is not None)
        return tuple(int(one) for one in text.split(","))

    return Typed("widths", "list of widths", "numbers with commas, as 32,64,64", read)


def _seconds(_: Seconds) -> Typed:
    def read(text: str) -> float:
        typed = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smh]?)", text.strip().lower())
        _check(typed is not None)
        assert typed is not None
        _check(float(typed[1]) > 0)
        return float(typed[1]) * UNITS[typed[2] or "s"]

    return Typed("time", "time", "seconds, minutes or hours, as 90s, 10m or 1.5h", read)


def _rate(_: LearningRate) -> Typed:
    def read(text: str) -> float | str:
        rate = text if text == "find" else float(text)
        _check(rate == "find" or 0 < float(rate) <= 100)  # beyond, a number is a slip of the pen
        return rate

    return Typed("rate", "learning rate", "a number above 0, as 0.001, or find", read)


def _levels(kind: Levels) -> Typed:
    def read(text: str) -> tuple[float, float]:
        low, _, high = text.partition(":")
        pair = float(low), float(high)
        _check(kind.takes(pair))
        return pair

    return Typed("LOW:HIGH", "range of values", "LOW:HIGH, black first, as 0:4095", read)


def _bands(kind: Bands) -> Typed:
    def read(text: str) -> tuple[int, ...]:
        bands = tuple(int(one) if one.isdecimal() else 0 for one in text.split(","))
        _check(kind.takes(bands))
        return bands

    return Typed("R,G,B", "list of bands", "one number from 1, or three for red, green, blue, as 4,3,2", read)


def _names(kind: Names) -> Typed:
    def read(text: str) -> Any:
        names = [name for one in text.split(",") if (name := one.strip().rstrip("/"))]
        if not kind.among:
            return tuple(names)
        named = {name.lower() for name in names}
        if unknown := sorted(named.difference(kind.among)):
            raise MisspeltError(f"There is no {unknown[0]!r}.{meant(unknown[0], kind.among)}")
        return frozenset(named)

    return Typed(kind.metavar, "list", f"some of {', '.join(kind.among)}", read)


def _split_folders(_: SplitFolders) -> Typed:
    def read(text: str) -> dict[str, Split]:
        from whatsit.data.readers.words import split_names

        found: dict[str, Split] = {}
        for one in text.split(","):
            word, _, folder = (part.strip() for part in one.partition("="))
            split = split_names([word]).get(word)
            if split is None or not folder:
                raise MisspeltError(f"{one!r} names no split and its folder.")
            if found.setdefault(folder.rstrip("/"), split) != split:
                raise MisspeltError(f"{folder!r} is named for two splits.")
        return found

    return Typed("SPLITS", "list of splits", "train=FOLDER,valid=FOLDER,test=FOLDER", read)


NUMBER = {"metavar": "NUMBER"}
WRITTEN: dict[type[Any], Callable[[Any], Mapping[str, Any]]] = {  # kind → what click needs to know
    Choice: lambda kind: {"type": click.Choice(kind.values)},
    Integer: lambda kind: {"type": click.IntRange(kind.low, kind.high), **NUMBER},
    Real: lambda kind: {"type": FiniteRange(kind.low, kind.high, kind.low_open, kind.high_open), **NUMBER},
    Mebibytes: lambda _: {"type": Typed("number", "size", "megabytes, as 1024", lambda text: _mib(text)), **NUMBER},
    Text: lambda kind: {"metavar": kind.metavar},
    Place: lambda kind: {"metavar": kind.metavar} | ({"type": click.Path(path_type=Path)} if kind.as_path else {}),
    Repeated: lambda kind: {"metavar": kind.metavar, "multiple": True},
    Device: lambda kind: {"type": Registered(ENGINES, TRAINS if kind.training else ())},
    MethodName: lambda _: {"type": Registered(METHODS)},
    Sides: lambda kind: {"type": _sides(kind)},
    Widths: lambda kind: {"type": _widths(kind)},
    Seconds: lambda kind: {"type": _seconds(kind)},
    LearningRate: lambda kind: {"type": _rate(kind)},
    Levels: lambda kind: {"type": _levels(kind), "metavar": "LOW:HIGH"},
    Bands: lambda kind: {"type": _bands(kind), "metavar": "R,G,B"},
    Names: lambda kind: {"type": _names(kind), "metavar": kind.metavar},
    SplitFolders: lambda kind: {"type": _split_folders(kind), "metavar": "SPLITS"},
}


def _mib(text: str) -> int:
    _check(text.isdecimal() and int(text) >= 1)
    return int(text) * MIB
