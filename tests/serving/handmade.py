"""A model folder made by hand, of which every number is known: it answers as the protocols' own documents do.

The embedding of a picture is a tenth of its mean red and its mean green. `DAISY` gets the six scores that KServe's
sample of TensorFlow prints for its photo of a flower; pictures of (10, 11, 0), (20, 21, 0) and (30, 31, 0) get the
output tensor of the example in the Open Inference Protocol.
"""

import io
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from whatsit.images.preprocessing import Preprocessing
from whatsit.model.export import export_graph
from whatsit.model.format import ModelFacts, Unsure, write_core
from whatsit.model.heads import LinearHead, OutOfDistributionScore

SIDE = 4  # pixels
LABELS = ("daisy", "dandelion", "roses", "sunflowers", "tulips", "other")
SCORES = (0.999114931, 9.20987877e-05, 0.000136786213, 0.000337257545, 0.000300532585, 1.84813616e-05)
DAISY, DANDELION = (120, 80, 40), (40, 160, 60)  # colours, red, green and blue
WEIGHT = np.array([[0.5, -0.6, 0.1, 0.2, -0.1, 0.3], [-0.4, 0.9, 0.3, -0.2, 0.1, 0.5]], np.float32)  # (2, classes)


def handmade_model(folder: Path) -> Path:
    """Writes the folder and gives it."""
    bias = np.log(SCORES) - np.array(DAISY[:2]) / 10 @ WEIGHT
    references = np.array([[1, 0], [0.6, 0.8]], np.float16)
    graph = export_graph(
        _backbone(),
        LinearHead(WEIGHT, bias.astype(np.float32)),
        1.0,
        OutOfDistributionScore(references, limit=0.5, reference_rows=np.arange(2)),
        len(LABELS),
    )
    facts = ModelFacts(
        name="photos",
        labels=LABELS,
        preprocessing=Preprocessing(SIDE),
        temperature=1.0,
        unsure=Unsure(threshold=0.9, similarity=0.5, precision=0.95),
        backbone={"name": "handmade", "precision": "float32", "dim": 2},
        head={"name": "linear"},
        training={},
        data={},
        metrics={},
        software={},
        created="2026-12-01T00:00:00+00:00",
    )
    folder.mkdir(parents=True)
    write_core(folder, facts, graph)
    return folder


def picture(colour: tuple[int, int, int]) -> bytes:
    """Two pixels a side, PNG."""
    file = io.BytesIO()
    Image.new("RGB", (2, 2), colour).save(file, "PNG")
    return file.getvalue()


def _backbone() -> bytes:
    """image uint8 (n, side, side, 3) → embedding float32 (n, 2)."""
    constants = {"own.first": [0], "own.end": [2], "own.axis": [1]}
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels"], ["colour"], axes=[1, 2], keepdims=0),
        helper.make_node("Slice", ["colour", *constants], ["red.green"]),
        helper.make_node("Mul", ["red.green", "own.tenth"], ["embedding"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", SIDE, SIDE, 3])
    embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 2])
    initializers = [numpy_helper.from_array(np.array(value, np.int64), name) for name, value in constants.items()]
    initializers.append(numpy_helper.from_array(np.array(0.1, np.float32), "own.tenth"))
    graph = helper.make_graph(nodes, "handmade", [image], [embedding], initializers)
    opsets = [helper.make_opsetid("", 17)]
    made: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    return made
