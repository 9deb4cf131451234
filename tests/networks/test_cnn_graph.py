"""A network of the table as an ONNX graph: it computes what PyTorch does, whatever the layers."""

import numpy as np
import pytest
import torch
from torch import nn

from whatsit.embedding.backbones.to_onnx import pictures_of
from whatsit.embedding.session import open_session, run
from whatsit.images.preprocessing import Preprocessing
from whatsit.training.network.architectures import architecture
from whatsit.training.network.cnn import build_cnn
from whatsit.training.network.export import Origin, cnn_graph, feature_extractor_of

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("size", [(48, 48), (40, 61)])
@pytest.mark.parametrize("name", ["small-resnet", "cnn-cats-dogs", "cnn-boats"])
def test_it_computes_what_pytorch_does(name: str, size: tuple[int, int]) -> None:
    """Batch norms as if it had been trained; maps that are averaged, and maps with dense layers behind them."""
    torch.manual_seed(0)
    network = build_cnn(architecture(name, layers=(8, 12), size=size), 3)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.running_mean, module.running_var, module.weight.data, module.bias.data):
                assert tensor is not None
                tensor.uniform_(0.5, 1.5)
    extractor = feature_extractor_of(network, Origin(name, "yours", "drawn"), Preprocessing(size))
    pictures = pictures_of(*size)
    with torch.inference_mode():
        expected = network.embed(torch.from_numpy(pictures).permute(0, 3, 1, 2).float()).numpy()
    got = run(open_session(extractor.graph), ["embedding"], pictures)[0]
    np.testing.assert_allclose(got, expected, atol=1e-5 * float(np.abs(expected).max()))
    assert extractor.has_features == (name == "small-resnet")


def test_a_layer_without_a_node_is_an_error_of_ours() -> None:
    network = build_cnn(architecture("cnn-boats"), 3)
    assert isinstance(network.maps, nn.Sequential)
    network.maps.append(nn.Softplus())
    with pytest.raises(TypeError, match="no node for a layer of type Softplus"):
        cnn_graph(network)
