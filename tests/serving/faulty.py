"""A model whose network fails on one kind of picture, by ONNX Runtime's own error: no mock."""

import io
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from whatsit.model.folder import read_model, write_core


def faulty_model(folder: Path, target: Path) -> tuple[Path, bytes]:
    """A model folder that answers as `folder` does, but for pure white pictures, on which a lookup runs off its table;
    and such a picture."""
    facts, graph = read_model(folder)
    model = onnx.load_from_string(graph)
    taken = facts.preprocessing
    model.graph.initializer.extend(
        [
            numpy_helper.from_array(np.array([255.0], np.float32), "fault.white"),
            numpy_helper.from_array(np.zeros(1, np.float32), "fault.table"),
        ]
    )
    for node in model.graph.node:
        node.output[:] = ["sound" if name == "similarity" else name for name in node.output]
    model.graph.node.extend(
        [
            helper.make_node("Cast", ["image"], ["fault.float"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMin", ["fault.float"], ["fault.darkest"], axes=[1, 2, 3], keepdims=0),
            helper.make_node("Equal", ["fault.darkest", "fault.white"], ["fault.is_white"]),
            helper.make_node("Cast", ["fault.is_white"], ["fault.index"], to=TensorProto.INT64),
            helper.make_node("Gather", ["fault.table", "fault.index"], ["fault.nothing"]),  # 1 is out of its bounds
            helper.make_node("Add", ["sound", "fault.nothing"], ["similarity"]),
        ]
    )
    target.mkdir()
    write_core(target, facts, model.SerializeToString())
    white = io.BytesIO()
    Image.new("RGB", (taken.width, taken.height), "white").save(white, "PNG")
    return target, white.getvalue()
