"""Models whose network fails, or has no answer, for pure white pictures: by ONNX Runtime's own doing, no mock."""

import io
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper
from PIL import Image

from whatsit.model.format import read_model, write_core

Fault = Literal["fails", "nan", "inf", "seven"]


def faulty_model(folder: Path, target: Path, fault: Fault = "fails", output: str = "similarity") -> tuple[Path, bytes]:
    """A model folder that answers as `folder` does, but for pure white pictures; and such a picture.

    fault: a lookup runs off its table; or the output is not a number, infinite, or seven times what it was.
    """
    facts, graph = read_model(folder)
    taken = facts.preprocessing
    target.mkdir()
    write_core(target, facts, with_fault(graph, fault, output))
    white = io.BytesIO()
    Image.new("RGB", (taken.width, taken.height), "white").save(white, "PNG")
    return target, white.getvalue()


def with_fault(graph: bytes, fault: Fault, output: str, always: bool = False) -> bytes:
    """always: for every picture."""
    model = onnx.load_from_string(graph)
    for node in model.graph.node:
        node.output[:] = ["sound" if name == output else name for name in node.output]
        node.input[:] = ["sound" if name == output else name for name in node.input]
    tables: dict[Fault, list[float]] = {"fails": [1], "nan": [1, np.nan], "inf": [0, np.inf], "seven": [1, 7]}
    constants: dict[str, NDArray[Any]] = {
        "fault.white": np.array([0.0 if always else 255.0], np.float32),
        "fault.table": np.array(tables[fault], np.float32),
        "fault.axis": np.array([1], np.int64),
    }
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    model.graph.node.extend(_nodes(output, "Add" if fault == "inf" else "Mul"))
    whole: bytes = model.SerializeToString()
    return whole


def _nodes(output: str, operation: Literal["Add", "Mul"]) -> list[NodeProto]:
    """The output times the table's first number, or its second (of which there may be none) for a white picture.

    Infinity is added, since a probability of 0 times infinity is no number.
    """
    factor = "fault.factor" if output == "similarity" else "fault.column"  # (n,) or (n, 1)
    return [
        helper.make_node("Cast", ["image"], ["fault.float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMin", ["fault.float"], ["fault.darkest"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("GreaterOrEqual", ["fault.darkest", "fault.white"], ["fault.is_white"]),
        helper.make_node("Cast", ["fault.is_white"], ["fault.index"], to=TensorProto.INT64),
        helper.make_node("Gather", ["fault.table", "fault.index"], ["fault.factor"]),
        helper.make_node("Unsqueeze", ["fault.factor", "fault.axis"], ["fault.column"]),
        helper.make_node(operation, ["sound", factor], [output]),
    ]
