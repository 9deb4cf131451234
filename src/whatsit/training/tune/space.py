"""What may be searched: the options that have a `search` in `config.py`, each with the values that are tried.

The defaults of the method are always among the values, since they are the first trial. What a network does not take,
such as an image size, is found by building it once. It does not know how good any value is.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from whatsit.config import NetworkOptions, TrainOptions
from whatsit.errors import WhatsitError
from whatsit.images.preprocessing import ResizeMode
from whatsit.option import Among, Around, BatchSizes, Method, Scales, Search, options_of
from whatsit.training.network.build import build

Value = str | int | float
Values = Mapping[str, Value]


@dataclass(frozen=True)
class Choice:
    """One of a few values, without an order."""

    values: tuple[Value, ...]


@dataclass(frozen=True)
class Rate:
    """A number between two others, where only ratios matter."""

    low: float
    high: float


Range = Choice | Rate
DIGITS = 3  # of a rate: more would tell nothing, and nobody could type them
MULTIPLE = 16  # pixels: what the strides of all networks here multiply to, or half of it
LEAST_SIDE = 32  # pixels


@dataclass(frozen=True)
class Defaults:
    """What the method would do by itself."""

    values: Mapping[str, Any]  # of every option that can be searched
    size: tuple[int, int]  # (height, width) in pixels
    photos: int  # to learn from

    def of(self, name: str) -> Value:
        value = self.values[name]
        return spelled(self.size) if name == "image_size" else value


def searchable(method: Method) -> Mapping[str, Search]:
    """Name → what may be tried, of the method's options that have a search."""
    described = {**options_of(TrainOptions), **options_of(NetworkOptions)}
    in_order = sorted(described.items(), key=lambda item: item[1].search_order)
    return {name: option.search[method] for name, option in in_order if method in option.search}


def _range(name: str, search: Search, defaults: Defaults) -> Range | None:
    """None where there is nothing to choose."""
    default = defaults.of(name)
    match search:
        case Among(values):
            return Choice(values)
        case Around(below, above):
            return Rate(rounded(float(default) / below), rounded(float(default) * above)) if default else None
        case BatchSizes(values, batches):  # larger ones cannot be told apart from a slower learning rate
            few = {n for n in values if n * batches <= defaults.photos}
            return Choice(tuple(sorted(few | {int(default)})))
        case Scales(values):
            scaled = [(_side(defaults.size[0] * s), _side(defaults.size[1] * s)) for s in values if s != 1]
            pairs = sorted({pair for pair in scaled if min(pair) >= LEAST_SIDE} | {defaults.size})
            return Choice(tuple(spelled(pair) for pair in pairs))


def _side(pixels: float) -> int:
    return round(pixels / MULTIPLE) * MULTIPLE


@dataclass(frozen=True)
class Space:
    """What this search chooses from, and the values that the method would take by itself."""

    ranges: Mapping[str, Range]
    defaults: Values
    epochs: int  # at most, of a trial

    def options(self, values: Values, fixed: TrainOptions) -> TrainOptions:
        """The options of a trial. values: of every name in `ranges`."""
        typed: dict[str, Any] = {name: _typed(name, values[name]) for name in self.ranges}
        size = typed.pop("image_size", fixed.image_size)
        return replace(fixed, image_size=size, network=replace(fixed.network, **typed))


def space_of(
    search: tuple[str, ...] | None, fixed: TrainOptions, classes: int, photos: int, resize_mode: ResizeMode
) -> Space:
    """The ranges of one search; photos: to learn from.

    Raises WhatsitError where nothing is left to search, a name is unknown, or the network cannot be built.
    """
    built = build(fixed, classes, resize_mode)
    size = (built.preprocessing.height, built.preprocessing.width)
    options = asdict(fixed) | asdict(fixed.network)
    defaults = Defaults(options | asdict(built.recipe), size, photos)
    mine = searchable(fixed.method)
    if unknown := [name for name in search or () if name not in mine]:
        raise WhatsitError(f"cannot search {unknown[0]!r} for {fixed.method}. Expected some of {', '.join(mine)}")
    ranges = {}
    for name in mine if search is None else search:
        values = _range(name, mine[name], defaults)
        if isinstance(values, Choice) and name == "image_size":
            values = Choice(tuple(one for one in values.values if _takes(one, size, fixed, classes, resize_mode)))
        if values is not None and values != Choice((defaults.of(name),)):
            ranges[name] = values
    if not ranges:
        raise WhatsitError("nothing is left to search: all options are given. Leave one out, as --learning-rate")
    return Space(ranges, {name: defaults.of(name) for name in ranges}, built.recipe.lasting(photos).epochs)


def _takes(value: Value, default: tuple[int, int], fixed: TrainOptions, classes: int, resize_mode: ResizeMode) -> bool:
    """Whether the network can be built for that image size; its own it has been."""
    if value == spelled(default):
        return True
    try:
        build(replace(fixed, image_size=_size(value)), classes, resize_mode)
    except WhatsitError:
        return False
    return True


def _typed(name: str, value: Value) -> object:
    """A value of a trial as the options have it."""
    if name == "image_size":
        return _size(value)
    return rounded(value) if isinstance(value, float) else value


def _size(value: Value) -> tuple[int, int]:
    height, width = str(value).split("x")
    return int(height), int(width)


def spelled(size: tuple[int, int]) -> str:
    """As it is typed: height × width.

    >>> spelled((30, 100))
    '30x100'
    """
    return f"{size[0]}x{size[1]}"


def rounded(rate: float) -> float:
    """To as many digits as are tried.

    >>> rounded(0.00123456)
    0.00123
    """
    return float(f"{rate:.{DIGITS}g}")
