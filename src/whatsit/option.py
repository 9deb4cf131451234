"""How an option is described, once: what it means, which values it takes, and where it has an effect.

Each field of a dataclass of options (`config.py`, `images/limits.py`) is described by `setting`. All else is made from
that description: the options of the command line and their help, the check of values that come from Python, the words
of a command that repeats a run, what a resumed training must have the same, what `compare` takes for a candidate, what
`tune` searches, TensorBoard's hyper-parameters, and the reference pages. This module knows no option.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal, get_args

from whatsit.errors import WhatsitError
from whatsit.kinds import Choice, Kind, Switch
from whatsit.text import as_option, meant

Method = Literal["probe", "scratch", "finetune"]
METHODS: tuple[Method, ...] = get_args(Method)
NETWORKS: tuple[Method, ...] = ("scratch", "finetune")  # the methods that train a network


@dataclass(frozen=True, eq=False, repr=False)
class Among:
    """What a search tries: one of these values, which have no order."""

    values: tuple[str | int, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Around:
    """What a search tries: the method's default / `below` to default × `above`, of which only the ratios matter."""

    below: float
    above: float


@dataclass(frozen=True, eq=False, repr=False)
class BatchSizes:
    """What a search tries: of these sizes those that leave `batches` or more a pass over the training photos."""

    values: tuple[int, ...]
    batches: int


@dataclass(frozen=True, eq=False, repr=False)
class Scales:
    """What a search tries: the network's own sides times these numbers."""

    values: tuple[float, ...]


Search = Among | Around | BatchSizes | Scales


@dataclass(frozen=True, eq=False, repr=False)
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
    words, usual = [], type(options)()
    for name, option in options_of(type(options)).items():
        value = getattr(options, name)
        if value == getattr(usual, name) or not option.commands:
            continue
        flag = flag_of(name, option)
        if isinstance(option.kind, Switch):
            words.append(flag if value else f"--no-{flag.removeprefix('--')}")
        else:
            words += [flag, option.kind.typed(value)]
    return words
