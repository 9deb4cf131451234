"""Nodes before and after a user's graph, so that it takes and gives what every backbone does.

`image` uint8 (n, height, width, 3) becomes what the network was trained on; its output becomes `embedding`
float32 (n, dim), a 4-D one by its mean over the places. The graph's own names get a prefix, so that none
meets one of whatsit's. Nothing is run here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from whatsit.embedding.description import Description
from whatsit.embedding.graph import IR_VERSION
from whatsit.images.preprocessing import sides

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
    before, after = _Nodes(), _Nodes()
    _normalise(before, description, PREFIX + ends.input)
    after.add("Cast", [PREFIX + ends.output], "raw", to=TensorProto.FLOAT)
    if rank is not None:
        _embed(after, description, ends, rank)
    nodes = [*before.nodes, *wrapped.graph.node, *after.nodes]
    del wrapped.graph.node[:], wrapped.graph.input[:], wrapped.graph.output[:]
    wrapped.graph.node.extend(nodes)
    wrapped.graph.initializer.extend(before.constants)
    wrapped.graph.input.append(_value("image", TensorProto.UINT8, ["n", *sides(description.size), 3]))
    shapes: dict[str, list[int | str] | None] = {"embedding": None if dim is None else ["n", dim]}
    wrapped.graph.output.extend(_value(name, TensorProto.FLOAT, shapes.get(name)) for name in outputs)
    wrapped.ir_version = max(wrapped.ir_version, IR_VERSION)
    return wrapped


class _Nodes:
    """Nodes in order, each named after its output, and their constants."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, values: Sequence[float]) -> str:
        self.constants.append(numpy_helper.from_array(np.array(values, np.float32), name))
        return name

    def add(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **attributes))
        return output


def _normalise(nodes: _Nodes, description: Description, output: str) -> None:
    """(x · scale / 255 − mean) / std = (x − mean · 255 / scale) / (std · 255 / scale), channels last."""
    white = 255 / description.scale
    mean = nodes.constant("pixel_mean", [white * value for value in description.mean])
    std = nodes.constant("pixel_std", [white * value for value in description.std])
    pixels = nodes.add("Cast", ["image"], "pixels", to=TensorProto.FLOAT)
    centred = nodes.add("Sub", [pixels, mean], "centred")
    if description.layout == "nhwc":
        nodes.add("Div", [centred, std], output)
    else:
        nodes.add("Transpose", [nodes.add("Div", [centred, std], "normalised")], output, perm=TO_NCHW)


def _embed(nodes: _Nodes, description: Description, ends: Ends, rank: int) -> None:
    vector = "raw"
    if rank == 4:
        vector = nodes.add("GlobalAveragePool", [_channels_first(nodes, description, "raw", "map")], "pooled")
    nodes.add("Flatten", [vector], "embedding")
    if ends.features:
        given = nodes.add("Cast", [PREFIX + ends.features], "given_features", to=TensorProto.FLOAT)
        _channels_first(nodes, description, given, "features")


def _channels_first(nodes: _Nodes, description: Description, source: str, output: str) -> str:
    if description.layout == "nhwc":
        return nodes.add("Transpose", [source], output, perm=TO_NCHW)
    return nodes.add("Identity", [source], output)


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


def _value(name: str, kind: int, shape: Sequence[int | str] | None) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)
