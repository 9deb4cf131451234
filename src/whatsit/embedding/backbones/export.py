"""A PyTorch network as an ONNX graph, and whether the graph computes what the network does.

PyTorch's exporter writes where in which source, and in which folder of this machine, each node comes from; that is
left out. It needs PyTorch, so only what needs PyTorch as well imports it.

A pretrained network of timm as an ONNX file with its description, like one of the user's own (`custom.py`).

What comes out is held against PyTorch on two pictures before anything relies on it.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from whatsit.embedding.backbones.custom import custom_extractor
from whatsit.embedding.backbones.hub import quiet
from whatsit.embedding.backbones.timm import Pretrained, feature_map
from whatsit.embedding.backbones.wrap import Description
from whatsit.embedding.session import open_session, run
from whatsit.errors import BackboneError
from whatsit.files import write_atomically

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


LARGEST = 2_000_000_000  # bytes of weights: one ONNX file (a protobuf message) holds 2 GiB


Float32 = NDArray[np.float32]


def export(pretrained: Pretrained, path: Path) -> None:
    """Writes `path`, an ONNX file, and its description beside it, so that the ONNX file comes last.

    Raises BackboneError where the network cannot be exported, or the file gives other numbers than PyTorch;
    WhatsitError where it cannot be written.
    """
    try:
        _check_bytes(pretrained.module)
        graph = _graph(pretrained)
        description = _described(pretrained, path.stem)
        _check(pretrained, graph, description)
    except BackboneError as error:
        raise BackboneError(f"{pretrained.name}: {error}") from error
    write_atomically(path.with_suffix(".json"), description)
    write_atomically(path, graph)


class _MapAndMean(nn.Module):
    """A network whose embedding is the mean of a map, with both for outputs."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        features = feature_map(self.module, pixels)
        return features.mean(dim=(2, 3)), features


def _check_bytes(module: nn.Module) -> None:
    size = sum(tensor.numel() * 4 for tensor in module.state_dict().values())
    if size > LARGEST:
        raise BackboneError(f"has {size / 1e9:.1f} GB of weights, and one ONNX file holds 2. Name a smaller network")


def _graph(pretrained: Pretrained) -> bytes:
    """The network for any number of images at a time."""
    module = _MapAndMean(pretrained.module).eval() if pretrained.maps else pretrained.module
    return to_onnx(module, pretrained.size, ["embedding", "features"][: 1 + pretrained.maps])


def _described(pretrained: Pretrained, name: str) -> bytes:
    description = Description(
        size=pretrained.size,
        layout="nchw",
        mean=pretrained.mean,
        std=pretrained.std,
        scale=1,
        output="embedding",
        features="features" if pretrained.maps else None,
        interpolation=pretrained.interpolation,
        name=name,
        licence=pretrained.licence,
        source=pretrained.source,
    )
    values = {key: value for key, value in asdict(description).items() if value is not None}
    return json.dumps(values, indent=1).encode()


def _check(pretrained: Pretrained, graph: bytes, description: bytes) -> None:
    """As it will be used, wrapped, against PyTorch."""
    pictures = pictures_of(*pretrained.size)
    check_same(_wrapped(graph, description), pictures, by_torch(pretrained, pictures))


def _wrapped(graph: bytes, description: bytes) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "exported.onnx"
        path.write_bytes(graph)
        path.with_suffix(".json").write_bytes(description)
        try:
            return custom_extractor(path, "squash").graph
        except BackboneError as error:
            reason = str(error).removeprefix(f"{path}: ")
            raise BackboneError(f"as ONNX it cannot be used: {reason}") from error


def by_torch(pretrained: Pretrained, pictures: NDArray[np.uint8]) -> Float32:
    """uint8 (n, height, width, 3) → the embeddings (n, dim) that PyTorch gives."""
    white = torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255  # (n, 3, height, width)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (pretrained.mean, pretrained.std))
    with torch.no_grad():
        embedding: Float32 = pretrained.module((white - mean) / std).numpy()
    return embedding
