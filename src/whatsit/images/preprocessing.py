"""The choice of a network's square input, as a model folder and a cache remember it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

Fit = Literal["squash", "crop", "letterbox"]
Interpolation = Literal["bilinear", "bicubic"]


@dataclass(frozen=True)
class Preprocessing:
    """How an image becomes the network's input, `uint8 (size, size, 3)`; all further steps are in the graph.

    Raises `ValueError` for a size below 1 or an unknown choice.
    """

    size: int = 224  # pixels; what most ImageNet networks were trained with
    fit: Fit = "squash"  # loses nothing of the picture, at the price of its proportions
    interpolation: Interpolation = "bilinear"  # Pillow's, antialiased; in 0.6 of the time of bicubic

    def __post_init__(self) -> None:
        if type(self.size) is not int or self.size < 1:
            raise ValueError(f"size must be a whole number of pixels from 1, got {self.size!r}")
        if self.fit not in get_args(Fit):
            raise ValueError(f"fit must be one of {get_args(Fit)}, got {self.fit!r}")
        if self.interpolation not in get_args(Interpolation):
            raise ValueError(f"interpolation must be one of {get_args(Interpolation)}, got {self.interpolation!r}")

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON; `from_dict` reads it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Preprocessing":
        """The inverse of `as_dict`. Raises `ValueError` for a missing or unknown key, or a wrong value."""
        if values.keys() != cls().as_dict().keys():
            raise ValueError(f"preprocessing has size, fit and interpolation, got {sorted(values)}")
        return cls(**values)
