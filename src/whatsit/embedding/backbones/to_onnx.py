"""A PyTorch network as an ONNX graph, and whether the graph computes what the network does.

PyTorch's exporter writes where in which source, and in which folder of this machine, each node comes from; that is
left out. It needs PyTorch, so only what needs PyTorch as well imports it.
"""

import re
from collections.abc import Sequence

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from whatsit.embedding.backbones.hub import quiet
from whatsit.embedding.session import open_session, run
from whatsit.errors import BackboneError

OPSET = 18  # the exporter's own: an older one is converted to, and may fail
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
TOLERANCE = 1e-3  # of the embedding's largest number: admits float32 in another order, not another network


def to_onnx(module: nn.Module, size: tuple[int, int], outputs: Sequence[str]) -> bytes:
    """`pixels` float32 (n, 3, height, width), for any n → the outputs. Raises BackboneError where PyTorch cannot."""
    example = torch.zeros((2, 3, *size))  # two: of a single one the exporter would make a constant
    try:
        with quiet():
            program = torch.onnx.export(
                module,
                (example,),
                dynamo=True,
                dynamic_shapes=({0: torch.export.Dim("n")},),
                opset_version=OPSET,
                input_names=["pixels"],
                output_names=list(outputs),
                external_data=False,
                verbose=False,
            )
    except Exception as error:  # of any type: each architecture has its own ways to be beyond the exporter
        raise BackboneError(f"PyTorch cannot export it to ONNX ({_root(error)}). Name another network") from error
    assert program is not None
    graph: bytes = _bare(program.model_proto).SerializeToString(deterministic=True)
    return graph


def _root(error: BaseException) -> str:
    """The first line of what caused it: the exporter's own message is a page of advice, in colours."""
    while error.__cause__ is not None:
        error = error.__cause__
    first = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {_COLOUR.sub('', first)}".removesuffix(": ")


def _bare(model: onnx.ModelProto) -> onnx.ModelProto:
    """Without what the exporter notes of the source."""
    graph = model.graph
    for noted in (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        del noted.metadata_props[:]
        noted.ClearField("doc_string")
    del graph.value_info[:]
    return model


def pictures_of(height: int, width: int) -> NDArray[np.uint8]:
    """uint8 (2, height, width, 3): noise, and one like a photo, of soft shapes with an edge and grain."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (height, width, 3), np.uint8)
    coarse = Image.fromarray(rng.integers(30, 226, (7, 7, 3), np.uint8))
    photo = np.array(coarse.resize((width, height), Image.Resampling.BICUBIC), np.int64)
    photo[height // 3 :, width // 2 :] //= 2
    photo += rng.integers(-8, 9, photo.shape)
    return np.stack([noise, photo.clip(0, 255).astype(np.uint8)])


def check_same(graph: bytes, pictures: NDArray[np.uint8], expected: NDArray[np.float32]) -> None:
    """Whether a ready graph gives these embeddings (n, dim) of the pictures. Raises BackboneError."""
    got = run(open_session(graph), ["embedding"], pictures)[0]
    apart, largest = float(np.abs(got - expected).max()), float(np.abs(expected).max())
    if not apart <= TOLERANCE * max(largest, 1e-6):
        raise BackboneError(
            f"as ONNX it gives other numbers than in PyTorch: {apart:.1e} apart, where the largest is {largest:.1e}. "
            "Name another network"
        )
