"""The kinds of value that an option takes: in Python, and as they are typed.

Each knows whether it takes a value, what to call the values in a message, and how one is typed for a shell. How typed
text is read, `cli/typed.py` knows. Every command starts with this module, so what dataclasses make beside a
constructor is left out where nothing uses it: 12 ms were 5.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, ClassVar, Protocol

from whatsit.text import shell_quoted

MOST_BANDS = 1000


class Kind(Protocol):
    """The values that an option takes, in Python and as they are typed."""

    @property
    def expected(self) -> str:
        """In words, for a message."""

    def takes(self, value: Any) -> bool: ...

    def typed(self, value: Any) -> str:
        """As the command line takes it, for a shell."""


class _Plain:
    def typed(self, value: Any) -> str:
        return shell_quoted(str(value))


@dataclass(frozen=True, eq=False, repr=False)
class Choice(_Plain):
    """One of a few words."""

    values: tuple[str, ...]

    @property
    def expected(self) -> str:
        return f"one of {', '.join(self.values)}"

    def takes(self, value: Any) -> bool:
        return value in self.values


@dataclass(frozen=True, eq=False, repr=False)
class Integer(_Plain):
    """A whole number from `low` to `high`; None: without that bound."""

    low: int
    high: int | None = None

    @property
    def expected(self) -> str:
        return f"a whole number {_range(self.low, self.high)}"

    def takes(self, value: Any) -> bool:
        return type(value) is int and value >= self.low and (self.high is None or value <= self.high)


@dataclass(frozen=True, eq=False, repr=False)
class Real(_Plain):
    """A finite number from `low` to `high`, without the ends that are `open`."""

    low: float
    high: float | None = None
    low_open: bool = False
    high_open: bool = False

    @property
    def expected(self) -> str:
        ends = [
            f"without {end:g}" for end, is_open in ((self.low, self.low_open), (self.high, self.high_open)) if is_open
        ]
        return ", ".join([f"a number {_range(self.low, self.high)}", *ends])

    def takes(self, value: Any) -> bool:
        if type(value) not in (int, float) or not isfinite(value):
            return False
        above = value > self.low if self.low_open else value >= self.low
        return above and (self.high is None or (value < self.high if self.high_open else value <= self.high))


def _range(low: float, high: float | None) -> str:
    return f"of at least {low:.10g}" if high is None else f"from {low:.10g} to {high:.10g}"


class Switch(_Plain):
    """On or off."""

    expected: ClassVar[str] = "True or False"

    def takes(self, value: Any) -> bool:
        return isinstance(value, bool)


@dataclass(frozen=True, eq=False, repr=False)
class Text(_Plain):
    """Any text. metavar: what stands for it in the help."""

    metavar: str = "TEXT"
    expected: ClassVar[str] = "text"

    def takes(self, value: Any) -> bool:
        return isinstance(value, str)


@dataclass(frozen=True, eq=False, repr=False)
class Place(_Plain):
    """The path of a file or folder. metavar: FILE or DIR; as_path: it is a `Path`, else a string."""

    metavar: str
    as_path: bool = False
    expected: ClassVar[str] = "a path"

    def takes(self, value: Any) -> bool:
        return isinstance(value, str) or hasattr(value, "__fspath__")


@dataclass(frozen=True, eq=False, repr=False)
class Device(_Plain):
    """A processor, by the name that the tables of devices have for it. training: also those that only train."""

    training: bool = False
    expected: ClassVar[str] = "the name of a device"

    def takes(self, value: Any) -> bool:
        return isinstance(value, str)


class MethodName(_Plain):
    """A way to train, by its name in the registry of methods; `training/methods.py` refuses an unknown one."""

    expected: ClassVar[str] = "the name of a method"

    def takes(self, value: Any) -> bool:
        return isinstance(value, str)


@dataclass(frozen=True, eq=False, repr=False)
class Sides:
    """(height, width) in pixels, typed as `150` or `30x100`."""

    low: int = 8  # below, nothing can be told apart
    high: int = 2048  # above, no network here has the memory

    @property
    def expected(self) -> str:
        return f"(height, width) in pixels, each from {self.low} to {self.high}"

    def takes(self, value: Any) -> bool:
        pair = value if isinstance(value, tuple) else ()
        return len(pair) == 2 and all(type(side) is int and self.low <= side <= self.high for side in pair)

    def typed(self, value: tuple[int, int]) -> str:
        return "x".join(map(str, value))


@dataclass(frozen=True, eq=False, repr=False)
class Widths:
    """Widths of layers, typed as `32,64,64`; may_be_none: `none` is a network without such layers."""

    may_be_none: bool = False
    expected: ClassVar[str] = "a tuple of whole numbers of at least 1"

    def takes(self, value: Any) -> bool:
        return isinstance(value, tuple) and all(type(width) is int and width >= 1 for width in value)

    def typed(self, value: tuple[int, ...]) -> str:
        return ",".join(map(str, value)) or "none"


class Seconds(_Plain):
    """A time above 0 seconds, typed as `90s`, `10m` or `1.5h`."""

    expected: ClassVar[str] = "seconds, above 0"

    def takes(self, value: Any) -> bool:
        return type(value) in (int, float) and value > 0


class LearningRate(_Plain):
    """A number above 0, or the word `find`."""

    expected: ClassVar[str] = "a number above 0, or 'find'"

    def takes(self, value: Any) -> bool:
        return value == "find" or (type(value) in (int, float) and value > 0)


class Levels:
    """(black, white) of deep photos, typed as `0:4095`."""

    expected: ClassVar[str] = "(black, white), black below white"

    def takes(self, value: Any) -> bool:
        pair = value if isinstance(value, tuple | list) else ()
        return len(pair) == 2 and all(type(v) in (int, float) and isfinite(v) for v in pair) and pair[0] < pair[1]

    def typed(self, value: tuple[float, float]) -> str:
        return "{:.10g}:{:.10g}".format(*value)


class Bands:
    """One band, or those of red, green and blue, typed as `4,3,2`."""

    expected: ClassVar[str] = "one band or three, each a whole number from 1"

    def takes(self, value: Any) -> bool:
        numbers = value if isinstance(value, list | tuple) else ()
        return len(numbers) in (1, 3) and all(type(one) is int and 1 <= one <= MOST_BANDS for one in numbers)

    def typed(self, value: tuple[int, ...]) -> str:
        return ",".join(map(str, value))


@dataclass(frozen=True, eq=False, repr=False)
class Names:
    """Several names, typed with commas. among: those that there are; () for any."""

    among: tuple[str, ...] = ()
    metavar: str = "NAMES"

    @property
    def expected(self) -> str:
        return f"names, of {', '.join(self.among)}" if self.among else "names"

    def takes(self, value: Any) -> bool:
        return isinstance(value, tuple | frozenset) and (not self.among or set(value) <= set(self.among))

    def typed(self, value: tuple[str, ...] | frozenset[str]) -> str:
        return shell_quoted(",".join(sorted(value) if isinstance(value, frozenset) else value))


@dataclass(frozen=True, eq=False, repr=False)
class Repeated(_Plain):
    """Texts, each typed with an option of its own."""

    metavar: str
    expected: ClassVar[str] = "a tuple of texts"

    def takes(self, value: Any) -> bool:
        return isinstance(value, tuple) and all(isinstance(one, str) for one in value)


class Mebibytes:
    """Bytes, typed as a whole number of 1024² bytes."""

    expected: ClassVar[str] = "a whole number of bytes, at least 1"

    def takes(self, value: Any) -> bool:
        return type(value) is int and value >= 1

    def typed(self, value: int) -> str:
        return str(value // 1024**2)


class SplitFolders:
    """Folder → its split, typed as `train=FOLDER,test=FOLDER`."""

    expected: ClassVar[str] = "a mapping of folders to train, valid or test"

    def takes(self, value: Any) -> bool:
        return isinstance(value, Mapping)

    def typed(self, value: Mapping[str, str]) -> str:
        return shell_quoted(",".join(f"{split}={folder}" for folder, split in value.items()))
