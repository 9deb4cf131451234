"""The choice of a network's input, mostly a square, as a model folder and a cache remember it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from math import inf
from typing import Any, Literal, get_args

from whatsit.images.limits import Limits, Page
from whatsit.kinds import Levels

ResizeMode = Literal["squash", "crop", "letterbox"]
Interpolation = Literal["bilinear", "bicubic"]
Size = int | tuple[int, int]  # pixels: of both sides, or (height, width)
ValueRange = tuple[float, float]  # (black, white), in the values of deep images


def is_size(value: object, most: float = inf) -> bool:
    """Whether this is a `Size`, as Python or JSON holds it, of sides from 1 to `most` pixels."""
    pair = value if isinstance(value, list | tuple) else (value, value)
    return len(pair) == 2 and all(type(side) is int and 1 <= side <= most for side in pair)


def is_value_range(value: object) -> bool:
    """Whether this is a `ValueRange`, as Python or JSON holds it: two finite numbers, black below white."""
    return Levels().takes(value)


def sides(size: Size) -> tuple[int, int]:
    """(height, width) in pixels."""
    return (size, size) if isinstance(size, int) else size


_LATER = {"value_range": None, "bands": None, "page": "first"}  # keys that models of before lack, and their value then
STORED = {"resize_mode": "fit"}  # field → its key in model.json and in files of embeddings, where that is another
_FIELDS = {key: name for name, key in STORED.items()}


@dataclass(frozen=True)
class Preprocessing:
    """How an image becomes the network's input, `uint8 (height, width, 3)`; all further steps are in the graph.

    A size of two equal sides is kept as one number, as a square always was. Raises `ValueError` for a side below 1 or
    an unknown choice.
    """

    size: Size = 224  # what most ImageNet networks were trained with
    resize_mode: ResizeMode = "squash"  # loses nothing of the picture, at the price of its proportions
    interpolation: Interpolation = "bilinear"  # Pillow's, antialiased; in 0.6 of the time of bicubic
    value_range: ValueRange | None = None  # of deep images; None: the model is of 8 bits, and each photo has its own

    bands: tuple[int, ...] | None = None  # as `Limits` has them; those of the photos that a model was trained on
    page: Page = "first"

    def __post_init__(self) -> None:
        if self.bands is not None:
            object.__setattr__(self, "bands", tuple(self.bands))
        Limits(bands=self.bands, page=self.page)  # ValueError for a wrong one
        if not is_size(self.size):
            raise ValueError(f"size must be a number of pixels from 1, or (height, width), got {self.size!r}")
        height, width = sides(self.size)
        object.__setattr__(self, "size", height if height == width else (height, width))
        if self.resize_mode not in get_args(ResizeMode):
            raise ValueError(f"fit must be one of {get_args(ResizeMode)}, got {self.resize_mode!r}")
        if self.interpolation not in get_args(Interpolation):
            raise ValueError(f"interpolation must be one of {get_args(Interpolation)}, got {self.interpolation!r}")
        if self.value_range is not None:
            if not is_value_range(self.value_range):
                raise ValueError(f"value_range must be two numbers, black below white, got {self.value_range!r}")
            black, white = self.value_range
            object.__setattr__(self, "value_range", (float(black), float(white)))

    @property
    def height(self) -> int:
        """In pixels."""
        return sides(self.size)[0]

    @property
    def width(self) -> int:
        """In pixels."""
        return sides(self.size)[1]

    @property
    def dimensions(self) -> str:
        """Height × width, for people: '224 × 224'."""
        return f"{self.height} × {self.width}"

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON, pairs as lists; of the later options only those that are set. `from_dict` reads it."""
        values = {name: list(one) if isinstance(one, tuple) else one for name, one in asdict(self).items()}
        kept = {name: one for name, one in values.items() if name not in _LATER or one != _LATER[name]}
        return {STORED.get(name, name): one for name, one in kept.items()}

    def reading(self, limits: Limits) -> Limits:
        """The limits, for files to be read as the model's training photos were, where it was trained on such."""
        return replace(
            limits, bands=self.bands or limits.bands, page=self.page if self.page != "first" else limits.page
        )

    def read_by(self, limits: Limits) -> "Preprocessing":
        """The same, which remembers what of a file the limits say is read."""
        return replace(self, bands=limits.bands, page=limits.page)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Preprocessing":
        """The inverse of `as_dict`. Raises `ValueError` for a missing or unknown key, or a wrong value."""
        if values.keys() - _LATER.keys() != cls().as_dict().keys():
            raise ValueError(f"preprocessing has size, fit and interpolation, got {sorted(values)}")
        return cls(**{_FIELDS.get(name, name): one for name, one in values.items()})


def range_words(value_range: ValueRange) -> str:
    return "black is {:.10g}, white is {:.10g}".format(*value_range)
