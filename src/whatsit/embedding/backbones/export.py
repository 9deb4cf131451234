"""A pretrained network of timm as an ONNX file with its description, like one of the user's own (`custom.py`).

What comes out is held against PyTorch on two pictures before anything relies on it.
"""

import json
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from whatsit.embedding.backbones.custom import custom_extractor
from whatsit.embedding.backbones.timm import Pretrained, feature_map
from whatsit.embedding.backbones.to_onnx import check_same, pictures_of, to_onnx
from whatsit.embedding.backbones.wrap import Description
from whatsit.errors import BackboneError
from whatsit.files import write_atomically

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
