"""Writes ONNX graphs: nodes, constants, and the model around them. It knows no network.

Every graph that whatsit writes goes through here: backbones in float32 and 8 bits, what is wrapped around a network of
the user's own, networks from scratch, and the head of a model folder.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17  # has all that is needed here; IR version 8 goes with it, and old runtimes read both
IR_VERSION = 8


def value_info(
    name: str, shape: Sequence[int | str] | None = None, kind: int = TensorProto.FLOAT
) -> onnx.ValueInfoProto:
    """An input or output of a graph; a side may be a number or a name, such as "n"."""
    return helper.make_tensor_value_info(name, kind, shape)


class NodeWriter:
    """Collects nodes in order, and constants. A node of one output is named after it."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: NDArray[np.generic] | np.generic) -> str:
        """An initializer; gives its name."""
        self.constants.append(numpy_helper.from_array(np.array(value, order="C"), name))
        return name

    def node(self, kind: str, inputs: Sequence[str], *outputs: str, **attributes: Any) -> str:
        """Gives the name of the first output."""
        name = outputs[0] if len(outputs) == 1 else None
        self.nodes.append(helper.make_node(kind, list(inputs), list(outputs), name=name, **attributes))
        return outputs[0]

    def whole_model(
        self, name: str, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]
    ) -> onnx.ModelProto:
        """All that was collected, as a graph of this name."""
        graph = helper.make_graph(self.nodes, name, inputs, outputs, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
