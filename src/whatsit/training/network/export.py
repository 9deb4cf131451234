"""A trained network → what a model folder is made of: a feature extractor in ONNX, and the linear head on top.

What leaves here knows nothing of PyTorch, and was held against the network on two pictures.
"""

from typing import NamedTuple

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from whatsit.embedding.backbones.custom import made_ready
from whatsit.embedding.backbones.extractor import FeatureExtractor
from whatsit.embedding.backbones.lite import LITES
from whatsit.embedding.backbones.to_onnx import check_same, pictures_of, to_onnx
from whatsit.embedding.backbones.wrap import Description
from whatsit.embedding.graph import float32_graph
from whatsit.images.preprocessing import Preprocessing
from whatsit.model.heads import LinearHead
from whatsit.training.network.cnn import LiteMaps, learned_convolutions
from whatsit.training.network.cnn_graph import cnn_graph
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
