"""What `my.json` says of the network `my.onnx` beside it, read strictly: every mistake has its own line."""

import json
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from whatsit.errors import BackboneError
from whatsit.images.preprocessing import Interpolation, Size, is_size

Layout = Literal["nchw", "nhwc"]

MAX_SIDE = 4096  # pixels; beyond, a size is a slip of the pen
_NAME_SIGNS = frozenset("._-+ ")
EXAMPLE = '{"size": 224, "layout": "nchw", "scale": 1, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}'


@dataclass(frozen=True)
class Description:
    """The network takes (pixel × scale / 255 − mean) / std, as float32 in its layout."""

    size: Size  # pixels
    layout: Layout  # of the input, and of an output that is a feature map
    mean: tuple[float, float, float]  # red, green, blue
    std: tuple[float, float, float]
    scale: float  # the pixel value of white that mean and std refer to: 1 or 255
    input: str | None = None  # needed by none but a graph of several inputs
    output: str | None = None  # needed where there are several
    features: str | None = None  # the feature map (n, dim, h, w) whose mean is the output
    interpolation: Interpolation = "bilinear"
    name: str | None = None  # else the file's
    licence: str = "unknown"
    source: str = "your own ONNX file"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e6


def _is_colour(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(map(_is_number, value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.strip() != "" and value.isprintable()


def _is_name(value: Any) -> bool:
    return _is_text(value) and all(sign.isalnum() or sign in _NAME_SIGNS for sign in value)


_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "size": (lambda v: is_size(v, MAX_SIDE), f"a whole number of pixels, 1 to {MAX_SIDE}, or [height, width]"),
    "layout": (lambda v: v in get_args(Layout), '"nchw" or "nhwc"'),
    "mean": (_is_colour, "three numbers: red, green, blue"),
    "std": (lambda v: _is_colour(v) and min(v) > 0, "three numbers above 0: red, green, blue"),
    "scale": (lambda v: _is_number(v) and v in (1, 255), "1 or 255, what white is before mean and std"),
    "input": (_is_text, "the name of a tensor"),
    "output": (_is_text, "the name of a tensor"),
    "features": (_is_text, "the name of a tensor"),
    "interpolation": (lambda v: v in get_args(Interpolation), '"bilinear" or "bicubic"'),
    "name": (_is_name, "letters, digits, spaces and . _ - +"),
    "licence": (_is_text, "a line of text"),
    "source": (_is_text, "a line of text"),
}
_REQUIRED = tuple(field.name for field in fields(Description) if field.default is MISSING)


def read_description(path: Path) -> Description:
    """Raises BackboneError where the file is missing, no JSON, or has a missing, unknown or wrong key."""
    values = _read_json(path)
    if unknown := [key for key in values if key not in _RULES]:
        raise BackboneError(f"{path.name}: unknown key {unknown[0]!r}. There are: {', '.join(_RULES)}")
    if missing := [key for key in _REQUIRED if key not in values]:
        raise BackboneError(f"{path.name}: {missing[0]!r} is missing. An example: {EXAMPLE}")
    for key, value in values.items():
        right, expected = _RULES[key]
        if not right(value):
            raise BackboneError(f"{path.name}: {key!r} is {json.dumps(value)}, expected {expected}")
    arguments: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
    return Description(**arguments)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BackboneError(f"{path.name}: no such file. It describes the ONNX file; write: {EXAMPLE}") from None
    except OSError as error:
        raise BackboneError(f"{path.name}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise BackboneError(f"{path.name}: not JSON ({error}). An example: {EXAMPLE}") from error
    if not isinstance(values, dict):
        raise BackboneError(f"{path.name}: expected an object in braces. An example: {EXAMPLE}")
    return values
