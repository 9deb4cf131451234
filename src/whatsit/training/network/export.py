"""A trained network → what a model folder is made of: a feature extractor in ONNX, and the linear head on top.

What leaves here knows nothing of PyTorch, and was held against the network on two pictures.

A network of the table of architectures is written layer by layer. PyTorch's exporter gives the same nodes and the same
numbers, but traces and rewrites the network for that: 2 to 4 seconds of a processor's time for what is written here in
milliseconds (docs/log.md). It is asked for timm's networks, whose layers are theirs.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from whatsit.embedding.backbones.custom import made_ready
from whatsit.embedding.backbones.extractor import FeatureExtractor
from whatsit.embedding.backbones.lite import LITES
from whatsit.embedding.backbones.to_onnx import check_same, pictures_of, to_onnx
from whatsit.embedding.backbones.wrap import Description
from whatsit.embedding.graph import float32_graph
from whatsit.embedding.nodes import NodeWriter, value_info
from whatsit.images.preprocessing import Preprocessing
from whatsit.model.heads import LinearHead
from whatsit.training.network.cnn import LiteMaps, ResidualBlock, learned_convolutions
from whatsit.training.network.modules import Network

WHITE = 255


class Origin(NamedTuple):
    """What a model folder says of a network's beginnings."""

    name: str
    licence: str
    source: str


def linear_head(network: Network) -> LinearHead:
    """The network's head; of one logit that of the second class, beside a constant 0."""
    weight = network.head.weight.detach().float().numpy().T  # (dim, outputs)
    bias = network.head.bias.detach().float().numpy()
    if network.classes == 2:
        weight = np.concatenate([np.zeros_like(weight), weight], axis=1)
        bias = np.concatenate([np.zeros_like(bias), bias])
    return LinearHead(np.ascontiguousarray(weight, np.float32), np.ascontiguousarray(bias, np.float32))


def feature_extractor_of(network: Network, origin: Origin, preprocessing: Preprocessing) -> FeatureExtractor:
    """All before the head. Raises BackboneError where the graph does not compute what the network does."""
    network = network.cpu().float().eval()
    height, width = preprocessing.height, preprocessing.width
    if isinstance(network.maps, LiteMaps):
        convs = learned_convolutions(LITES[origin.name], network.maps)
        graph = float32_graph(convs, (height, width)).SerializeToString(deterministic=True)
    else:
        graph = _exported(network, preprocessing)
    extractor = FeatureExtractor(
        name=origin.name,
        precision="float32",
        preprocessing=preprocessing,
        dim=network.dim,
        licence=origin.licence,
        source=origin.source,
        graph=graph,
        has_features=network.averages_maps,
    )
    pictures = pictures_of(height, width)
    with torch.inference_mode():
        expected = network.embed(torch.from_numpy(pictures).permute(0, 3, 1, 2).float()).numpy()
    check_same(graph, pictures, expected)
    return extractor


class _Exported(nn.Module):
    """Normalised pixels (n, 3, h, w) → the maps, where the embedding is their mean, and the embedding."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor | list[Tensor], ...]:
        maps, embedding = self.network.parts(x)
        return (maps, embedding) if self.network.averages_maps else (embedding,)


def _exported(network: Network, preprocessing: Preprocessing) -> bytes:
    names = ["features", "embedding"] if network.averages_maps else ["embedding"]
    height_width = (preprocessing.height, preprocessing.width)
    if isinstance(network.maps, nn.Sequential):
        model = cnn_graph(network)
    else:
        model = onnx.load_from_string(to_onnx(_Exported(network), height_width, names))
    mean, std = ((t.flatten() / WHITE).tolist() for t in (network.mean, network.std))
    description = Description(
        size=preprocessing.size,
        layout="nchw",
        mean=(mean[0], mean[1], mean[2]),
        std=(std[0], std[1], std[2]),
        scale=1,
        output="embedding",
        features="features" if network.averages_maps else None,
    )
    return made_ready(model, description)[0]


INPUT = "pixels"


def cnn_graph(network: Network) -> onnx.ModelProto:
    """Normalised `pixels` float32 (n, 3, h, w) → `features`, where the embedding is their mean, and `embedding`.

    network: as `build_cnn` makes them, in eval mode; its batch norms become part of the convolutions before them.
    """
    writer = _LayerWriter()
    maps = writer.layer(network.maps, INPUT, "maps")
    outputs = ["embedding"]
    if network.averages_maps:
        maps = writer.node("Identity", [maps], "features")
        outputs.insert(0, "features")
    writer.node("Identity", [writer.layer(network.pool, maps, "pool")], "embedding")
    return writer.whole_model("cnn", [value_info(INPUT, ["n", 3, *network.size])], [*map(value_info, outputs)])


class _LayerWriter(NodeWriter):
    def layer(self, module: nn.Module, x: str, name: str) -> str:
        """The nodes of a module, each named after the module's place. Gives the name of its output."""
        match module:
            case nn.Sequential():
                return self._sequence(module, x, name)
            case ResidualBlock():
                inner = self.layer(module.inner, x, f"{name}.inner")
                further = self.layer(module.further, inner, f"{name}.further")
                return self.node("Relu", [self.node("Add", [inner, further], f"{name}.sum")], name)
            case nn.ReLU():
                return self.node("Relu", [x], name)
            case nn.MaxPool2d():
                return self.node("MaxPool", [x], name, kernel_shape=[2, 2], strides=[2, 2])
            case nn.AdaptiveAvgPool2d():
                return self.node("ReduceMean", [x], name, axes=[2, 3])
            case nn.Flatten():
                return self.node("Flatten", [x], name)
            case nn.Linear():
                constants = self._constants(name, _array(module.weight), _array(module.bias))
                return self.node("Gemm", [x, *constants], name, transB=1)
            case nn.Dropout():
                return x
        raise TypeError(f"no node for a layer of type {type(module).__name__}")

    def _sequence(self, modules: nn.Sequential, x: str, name: str) -> str:
        for number, (module, after) in enumerate(pairwise([*modules, None])):
            place = f"{name}.{number}"
            if isinstance(module, nn.Conv2d):
                x = self._convolution(module, after if isinstance(after, nn.BatchNorm2d) else None, x, place)
            elif module is not None and not isinstance(module, nn.BatchNorm2d):
                x = self.layer(module, x, place)
        return x

    def _convolution(self, conv: nn.Conv2d, norm: nn.BatchNorm2d | None, x: str, name: str) -> str:
        weight = _array(conv.weight)
        bias = np.zeros(len(weight), np.float32) if conv.bias is None else _array(conv.bias)
        if norm is not None:
            assert norm.running_mean is not None
            assert norm.running_var is not None
            scale = _array(norm.weight) / np.sqrt(_array(norm.running_var) + np.float32(norm.eps))
            weight = weight * scale[:, None, None, None]
            bias = (bias - _array(norm.running_mean)) * scale + _array(norm.bias)
        inputs = [x, *self._constants(name, weight, bias)]
        padding = [int(side) for side in conv.padding]
        shape = {"kernel_shape": list(conv.kernel_size), "strides": list(conv.stride)}
        return self.node("Conv", inputs, name, **shape, pads=padding * 2)

    def _constants(self, name: str, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> list[str]:
        return [self.constant(f"{name}.weight", weight), self.constant(f"{name}.bias", bias)]


def _array(tensor: torch.Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.detach().numpy()
    return array
