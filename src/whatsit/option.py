"""How an option is described, once: what it means, which values it takes, and where it has an effect.

Each field of a dataclass of options (`config.py`, `images/limits.py`) is described by `setting`. All else is made from
that description: the options of the command line and their help, the check of values that come from Python, the words
of a command that repeats a run, what a resumed training must have the same, what `compare` takes for a candidate, what
`tune` searches, TensorBoard's hyper-parameters, and the reference pages. This module knows no option.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from math import isfinite
from typing import Any, ClassVar, Literal, Protocol, get_args

from whatsit.errors import WhatsitError
from whatsit.text import as_option, meant, shell_quoted

Method = Literal["probe", "scratch", "finetune"]
METHODS: tuple[Method, ...] = get_args(Method)
NETWORKS: tuple[Method, ...] = ("scratch", "finetune")  # the methods that train a network


class Kind(Protocol):
    """The values that an option takes, in Python and as they are typed."""

    @property
    def expected(self) -> str:
        """In words, for a message."""

    def takes(self, value: Any) -> bool: ...

    def typed(self, value: Any) -> str:
        """As the command line takes it, for a shell."""


@dataclass(frozen=True)
class _Plain:
    def typed(self, value: Any) -> str:
        return shell_quoted(str(value))


@dataclass(frozen=True)
class Choice(_Plain):
    """One of a few words."""

    values: tuple[str, ...]

    @property
    def expected(self) -> str:
        return f"one of {', '.join(self.values)}"

    def takes(self, value: Any) -> bool:
        return value in self.values


@dataclass(frozen=True)
class Integer(_Plain):
    """A whole number from `low` to `high`; None: without that bound."""

    low: int
    high: int | None = None

    @property
    def expected(self) -> str:
        return f"a whole number {_range(self.low, self.high)}"

    def takes(self, value: Any) -> bool:
        return type(value) is int and value >= self.low and (self.high is None or value <= self.high)


@dataclass(frozen=True)
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
    return f"of at least {low:g}" if high is None else f"from {low:g} to {high:g}"


@dataclass(frozen=True)
class Switch(_Plain):
    """On or off."""

    expected: ClassVar[str] = "True or False"

    def takes(self, value: Any) -> bool:
        return isinstance(value, bool)


@dataclass(frozen=True)
class Text(_Plain):
    """Any text. metavar: what stands for it in the help."""

    metavar: str = "TEXT"
    expected: ClassVar[str] = "text"

    def takes(self, value: Any) -> bool:
        return isinstance(value, str)


@dataclass(frozen=True)
class Place(_Plain):
    """The path of a file or folder. metavar: FILE or DIR; as_path: it is a `Path`, else a string."""

    metavar: str
    as_path: bool = False
    expected: ClassVar[str] = "a path"

    def takes(self, value: Any) -> bool:
        return isinstance(value, str) or hasattr(value, "__fspath__")


@dataclass(frozen=True)
class Device(_Plain):
    """A processor, by the name that the tables of devices have for it. training: also those that only train."""

    training: bool = False
    expected: ClassVar[str] = "the name of a device"

    def takes(self, value: Any) -> bool:
        return isinstance(value, str)


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Widths:
    """Widths of layers, typed as `32,64,64`; may_be_none: `none` is a network without such layers."""

    may_be_none: bool = False
    expected: ClassVar[str] = "a tuple of whole numbers of at least 1"

    def takes(self, value: Any) -> bool:
        return isinstance(value, tuple) and all(type(width) is int and width >= 1 for width in value)

    def typed(self, value: tuple[int, ...]) -> str:
        return ",".join(map(str, value)) or "none"


@dataclass(frozen=True)
class Seconds(_Plain):
    """A time above 0 seconds, typed as `90s`, `10m` or `1.5h`."""

    expected: ClassVar[str] = "seconds, above 0"

    def takes(self, value: Any) -> bool:
        return type(value) in (int, float) and value > 0


@dataclass(frozen=True)
class LearningRate(_Plain):
    """A number above 0, or the word `find`."""

    expected: ClassVar[str] = "a number above 0 and up to 100, or 'find'"

    def takes(self, value: Any) -> bool:
        return value == "find" or (type(value) in (int, float) and 0 < value <= 100)


@dataclass(frozen=True)
class Levels:
    """(black, white) of deep photos, typed as `0:4095`."""

    expected: ClassVar[str] = "(black, white), black below white"

    def takes(self, value: Any) -> bool:
        pair = value if isinstance(value, tuple | list) else ()
        return len(pair) == 2 and all(type(v) in (int, float) and isfinite(v) for v in pair) and pair[0] < pair[1]

    def typed(self, value: tuple[float, float]) -> str:
        return "{:.10g}:{:.10g}".format(*value)


@dataclass(frozen=True)
class Bands:
    """One band, or those of red, green and blue, typed as `4,3,2`."""

    expected: ClassVar[str] = "one band or three, each a whole number from 1"

    def takes(self, value: Any) -> bool:
        return isinstance(value, tuple) and len(value) in (1, 3) and all(type(b) is int and b >= 1 for b in value)

    def typed(self, value: tuple[int, ...]) -> str:
        return ",".join(map(str, value))


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Repeated(_Plain):
    """Texts, each typed with an option of its own."""

    metavar: str
    expected: ClassVar[str] = "a tuple of texts"

    def takes(self, value: Any) -> bool:
        return isinstance(value, tuple) and all(isinstance(one, str) for one in value)


@dataclass(frozen=True)
class Mebibytes:
    """Bytes, typed as a whole number of 1024² bytes."""

    expected: ClassVar[str] = "a whole number of bytes, at least 1"

    def takes(self, value: Any) -> bool:
        return type(value) is int and value >= 1

    def typed(self, value: int) -> str:
        return str(value // 1024**2)


@dataclass(frozen=True)
class SplitFolders:
    """Folder → its split, typed as `train=FOLDER,test=FOLDER`."""

    expected: ClassVar[str] = "a mapping of folders to train, valid or test"

    def takes(self, value: Any) -> bool:
        return isinstance(value, Mapping)

    def typed(self, value: Mapping[str, str]) -> str:
        return shell_quoted(",".join(f"{split}={folder}" for folder, split in value.items()))


@dataclass(frozen=True)
class Among:
    """What a search tries: one of these values, which have no order."""

    values: tuple[str | int, ...]


@dataclass(frozen=True)
class Around:
    """What a search tries: the method's default / `below` to default × `above`, of which only the ratios matter."""

    below: float
    above: float


@dataclass(frozen=True)
class BatchSizes:
    """What a search tries: of these sizes those that leave `batches` or more a pass over the training photos."""

    values: tuple[int, ...]
    batches: int


@dataclass(frozen=True)
class Scales:
    """What a search tries: the network's own sides times these numbers."""

    values: tuple[float, ...]


Search = Among | Around | BatchSizes | Scales


@dataclass(frozen=True)
class Option:
    """One option, but for its name, type and default, which its field has.

    Attributes:
        kind: The values that it takes.
        help: What it means: a sentence for `--help`.
        unset: What None stands for, in words.
        by_method: Method → the default there, for options whose default None "depends on method".
        heading: The group of options in `--help` that it stands in.
        methods: The methods that it has an effect on.
        commands: The commands that have it.
        candidate: Whether the candidates of a comparison may differ in it.
        changes_weights: Whether a training comes to other weights by it.
        same_photos: Whether it decides which photos there are and in which split: the same for all candidates.
        needs_photos: Whether it has no effect where training starts from stored embeddings.
        search: Method → what `tune` tries.
        search_order: When a search draws its value. As long as the order stays, a seed gives the same trials.
        flag: As it is typed, where that is not its name.
        envvar: A variable of the environment that gives its value.
    """

    kind: Kind
    help: str
    unset: str = ""
    by_method: Mapping[str, Any] = field(default_factory=dict)
    heading: str = "Options"
    methods: tuple[Method, ...] = METHODS
    commands: tuple[str, ...] = ()
    candidate: bool = False
    changes_weights: bool = True
    same_photos: bool = False
    needs_photos: bool = False
    search: Mapping[Method, Search] = field(default_factory=dict)
    search_order: int = 100
    flag: str = ""
    envvar: str | None = None


def setting(default: Any, kind: Kind, help: str, **more: Any) -> Any:
    """The field of a dataclass for an option. more: further attributes of `Option`."""
    return field(default=default, metadata={"option": Option(kind, help, **more)})


def options_of(kind: type) -> Mapping[str, Option]:
    """Name → the option, in the order of the dataclass's fields, for those that are described."""
    return {one.name: one.metadata["option"] for one in fields(kind) if "option" in one.metadata}


def flag_of(name: str, option: Option) -> str:
    """As it is typed: `--max-time`."""
    return option.flag or as_option(name)


def default_in_words(option: Option, default: Any) -> str:
    """What holds where the option is not given, for `--help`."""
    if default is not MISSING and default not in (None, (), {}):
        return _in_words(option, default)
    if not option.by_method:
        return option.unset
    words = {method: _in_words(option, value) for method, value in option.by_method.items()}
    several = len(set(words.values())) > 1 or words.keys() != set(option.methods)
    each = ", ".join(f"{method} {word}" for method, word in words.items())
    main = f"depends on method: {each}" if several else next(iter(words.values()))
    return f"{main}; {option.unset}" if option.unset else main


def _in_words(option: Option, value: Any) -> str:
    if isinstance(option.kind, Switch):
        return "on" if value else "off"
    return option.kind.typed(value)


def check_values(options: Any) -> None:
    """Raises WhatsitError for the first value that its option does not take. None is taken where it is the default."""
    for one in fields(options):
        value, option = getattr(options, one.name), one.metadata.get("option")
        if option is None or (value is None and one.default is None) or option.kind.takes(value):
            continue
        known = option.kind.values if isinstance(option.kind, Choice) and isinstance(value, str) else ()
        raise WhatsitError(f"{one.name}={value!r}: expected {option.kind.expected}.{meant(str(value), known)}")


def typed_words(options: Any) -> list[str]:
    """The words of a command line for all values that are not the defaults. Those only for Python are left out."""
    words = []
    for name, option in options_of(type(options)).items():
        value = getattr(options, name)
        if value == _default(type(options), name) or not option.commands:
            continue
        flag = flag_of(name, option)
        if isinstance(option.kind, Switch):
            words.append(flag if value else f"--no-{flag.removeprefix('--')}")
        else:
            words += [flag, option.kind.typed(value)]
    return words


def _default(kind: type, name: str) -> Any:
    one = next(one for one in fields(kind) if one.name == name)
    return one.default if one.default_factory is MISSING else one.default_factory()
