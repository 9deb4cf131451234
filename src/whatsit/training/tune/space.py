"""What may be searched: a table of options, each with the values that are tried and why those.

The defaults of the method are always among the values, since they are the first trial. What a network does not take,
such as an image size, is found by building it once. It does not know how good any value is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from whatsit.config import Method, TrainOptions
from whatsit.errors import WhatsitError
from whatsit.images.preprocessing import ResizeMode
from whatsit.training.network.architectures import Recipe
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


@dataclass(frozen=True)
class Defaults:
    """What the method would do by itself."""

    recipe: Recipe
    size: tuple[int, int]  # (height, width) in pixels
    batch_size: int
    photos: int  # to learn from


@dataclass(frozen=True)
class Dimension:
    """An option that may be searched. `range_of`: None where there is nothing to choose."""

    methods: tuple[Method, ...]
    default: Callable[[Defaults], Value]
    range_of: Callable[[Defaults], Range | None]


DIGITS = 3  # of a rate: more would tell nothing, and nobody could type them
BELOW, ABOVE = 30.0, 10.0  # too long a step soon shows, too short a one is merely slow: more room below
BATCHES = (16, 32, 64, 128)
LEAST_BATCHES = 4  # an epoch: fewer steps than that learn next to nothing
SIZES = (0.5, 0.75, 1.0, 1.5)  # of the default side; 1.5 takes 2.25 times as long, 2 would take 4 times
MULTIPLE = 16  # pixels: what the strides of all networks here multiply to, or half of it
LEAST_SIDE = 32  # pixels


def _rate(default: float) -> Rate | None:
    return Rate(rounded(default / BELOW), rounded(default * ABOVE)) if default else None


def _batches(defaults: Defaults) -> Choice:
    """Those that leave a few steps an epoch: larger ones cannot be told apart from a slower learning rate."""
    fit = {n for n in BATCHES if n * LEAST_BATCHES <= defaults.photos}
    return Choice(tuple(sorted(fit | {defaults.batch_size})))


def _sizes(defaults: Defaults) -> Choice:
    scaled = [(_side(defaults.size[0] * s), _side(defaults.size[1] * s)) for s in SIZES if s != 1]
    pairs = sorted({pair for pair in scaled if min(pair) >= LEAST_SIDE} | {defaults.size})
    return Choice(tuple(spelled(pair) for pair in pairs))


def _side(pixels: float) -> int:
    return round(pixels / MULTIPLE) * MULTIPLE


SPACE: dict[str, Dimension] = {
    # the option that matters most (Goodfellow et al. 2016, 11.4.1)
    "learning_rate": Dimension(
        ("scratch", "finetune"), lambda d: d.recipe.learning_rate, lambda d: _rate(d.recipe.learning_rate)
    ),
    # the noise of a step, and with it how long a step may be
    "batch_size": Dimension(("scratch", "finetune"), lambda d: d.batch_size, _batches),
    # details against time; small photos need no large input
    "image_size": Dimension(("scratch", "finetune"), lambda d: spelled(d.size), _sizes),
    # the fewer photos, the more it helps; too much hides what is to be learned
    "augment": Dimension(
        ("scratch", "finetune"), lambda d: d.recipe.augment, lambda d: Choice(("none", "light", "strong"))
    ),
    # how much of what was learned from ImageNet is kept as it is
    "unfreeze": Dimension(("finetune",), lambda d: "all", lambda d: Choice(("head", "last-blocks", "all"))),
    # from scratch the one brake besides augmentation; fine-tuning in a few epochs hardly feels it
    "weight_decay": Dimension(("scratch",), lambda d: d.recipe.weight_decay, lambda d: _rate(d.recipe.weight_decay)),
}


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
    defaults = Defaults(built.recipe, size, fixed.network.batch_size, photos)
    mine = {name: one for name, one in SPACE.items() if fixed.method in one.methods}
    if unknown := [name for name in search or () if name not in mine]:
        raise WhatsitError(f"cannot search {unknown[0]!r} for {fixed.method}. Expected some of {', '.join(mine)}")
    ranges = {}
    for name in mine if search is None else search:
        values = mine[name].range_of(defaults)
        if isinstance(values, Choice) and name == "image_size":
            values = Choice(tuple(one for one in values.values if _takes(one, size, fixed, classes, resize_mode)))
        if values is not None and values != Choice((mine[name].default(defaults),)):
            ranges[name] = values
    if not ranges:
        raise WhatsitError("nothing is left to search: all options are given. Leave one out, as --learning-rate")
    return Space(ranges, {name: mine[name].default(defaults) for name in ranges}, built.recipe.lasting(photos).epochs)


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
