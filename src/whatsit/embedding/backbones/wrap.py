"""Makes a user's own ONNX graph take and give what every backbone does, as the JSON file beside it describes.

`read_description` reads the JSON strictly: every mistake has a message of its own. `wrap` adds nodes before and after
the graph: `image` uint8 (n, height, width, 3) becomes what the network was trained on; its output becomes `embedding`
float32 (n, dim), a 4-D one by its mean over the places. The graph's own names get a prefix, so that none equals one of
whatsit's. Nothing is run here.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import onnx
from onnx import TensorProto

from whatsit.embedding.nodes import IR_VERSION, NodeWriter, value_info
from whatsit.errors import BackboneError
from whatsit.images.preprocessing import Interpolation, Size, is_size, sides

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


PREFIX = "own."
TO_NCHW = (0, 3, 1, 2)


@dataclass(frozen=True)
class Ends:
    """Names of tensors in the user's graph."""

    input: str
    output: str
    features: str | None


def wrap(
    model: onnx.ModelProto,
    description: Description,
    ends: Ends,
    rank: int | None,
    outputs: Sequence[str],
    dim: int | None = None,
) -> onnx.ModelProto:
    """A copy that gives the outputs named: `raw` of any shape, or, where its rank is told, `embedding`
    (n, dim) and `features` (n, dim, h, w).
    """
    wrapped = onnx.ModelProto()
    wrapped.CopyFrom(model)
    _prefix_names(wrapped.graph)
    before, after = NodeWriter(), NodeWriter()
    _normalise(before, description, PREFIX + ends.input)
    after.node("Cast", [PREFIX + ends.output], "raw", to=TensorProto.FLOAT)
    if rank is not None:
        _embed(after, description, ends, rank)
    nodes = [*before.nodes, *wrapped.graph.node, *after.nodes]
    del wrapped.graph.node[:], wrapped.graph.input[:], wrapped.graph.output[:]
    wrapped.graph.node.extend(nodes)
    wrapped.graph.initializer.extend(before.constants)
    wrapped.graph.input.append(value_info("image", ["n", *sides(description.size), 3], TensorProto.UINT8))
    shapes: dict[str, list[int | str] | None] = {"embedding": None if dim is None else ["n", dim]}
    wrapped.graph.output.extend(value_info(name, shapes.get(name)) for name in outputs)
    wrapped.ir_version = max(wrapped.ir_version, IR_VERSION)
    return wrapped


def _normalise(nodes: NodeWriter, description: Description, output: str) -> None:
    """(x · scale / 255 − mean) / std = (x − mean · 255 / scale) / (std · 255 / scale), channels last."""
    white = 255 / description.scale
    mean = nodes.constant("pixel_mean", np.array([white * value for value in description.mean], np.float32))
    std = nodes.constant("pixel_std", np.array([white * value for value in description.std], np.float32))
    pixels = nodes.node("Cast", ["image"], "pixels", to=TensorProto.FLOAT)
    centred = nodes.node("Sub", [pixels, mean], "centred")
    if description.layout == "nhwc":
        nodes.node("Div", [centred, std], output)
    else:
        nodes.node("Transpose", [nodes.node("Div", [centred, std], "normalised")], output, perm=TO_NCHW)


def _embed(nodes: NodeWriter, description: Description, ends: Ends, rank: int) -> None:
    vector = "raw"
    if rank == 4:
        vector = nodes.node("GlobalAveragePool", [_channels_first(nodes, description, "raw", "map")], "pooled")
    nodes.node("Flatten", [vector], "embedding")
    if ends.features:
        given = nodes.node("Cast", [PREFIX + ends.features], "given_features", to=TensorProto.FLOAT)
        _channels_first(nodes, description, given, "features")


def _channels_first(nodes: NodeWriter, description: Description, source: str, output: str) -> str:
    if description.layout == "nhwc":
        return nodes.node("Transpose", [source], output, perm=TO_NCHW)
    return nodes.node("Identity", [source], output)


def _prefix_names(graph: onnx.GraphProto) -> None:
    """In graphs within graphs, too. What is told of shapes in between goes: a fixed batch may stand in it."""
    for node in graph.node:
        node.name = _prefixed(node.name)
        for names in (node.input, node.output):
            names[:] = map(_prefixed, names)
        for attribute in node.attribute:
            for inner in [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]:
                _prefix_names(inner)
    sparse = [tensor.values for tensor in graph.sparse_initializer]
    for named in (*graph.initializer, *sparse, *graph.input, *graph.output):
        named.name = PREFIX + named.name
    del graph.value_info[:], graph.quantization_annotation[:]


def _prefixed(name: str) -> str:
    """An empty name stays so: it stands for an input left out, or a node without a name."""
    return PREFIX + name if name else ""
