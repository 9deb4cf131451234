"""The embedded EfficientNet-Lites as PyTorch layers, against the graph that the probe runs, and the way back."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from whatsit.embedding.backbones.efficientnet import convolutions, read_state_dict
from whatsit.embedding.backbones.lite import LITES, weights_file
from whatsit.embedding.backbones.to_onnx import check_same, pictures_of
from whatsit.embedding.graph import float32_graph
from whatsit.embedding.session import open_session, run
from whatsit.images.preprocessing import Preprocessing
from whatsit.training.network.cnn import LiteMaps, build_lite, learned_convolutions
from whatsit.training.network.export import Origin, feature_extractor_of, linear_head
from whatsit.training.network.modules import Network
from whatsit.training.network.optimizer import unfreeze

pytestmark = pytest.mark.slow

LITE0 = LITES["efficientnet-lite0"]


def embedded(network: Network, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    with torch.inference_mode():
        out: NDArray[np.float32] = network.embed(torch.from_numpy(pictures).permute(0, 3, 1, 2).float()).numpy()
    return out


@pytest.mark.parametrize("size", [(224, 224), (96, 160), (65, 33)])
def test_fine_tuning_begins_where_the_probe_ends(size: tuple[int, int]) -> None:
    pictures = pictures_of(*size)
    graph = float32_graph(convolutions(read_state_dict(weights_file(LITE0))), size).SerializeToString()
    expected = run(open_session(graph), ["embedding"], pictures)[0]
    got = embedded(build_lite(LITE0, 5, size).eval(), pictures)
    np.testing.assert_allclose(got, expected, atol=1e-4 * float(np.abs(expected).max()))


def test_timms_network_has_the_same_features() -> None:
    import timm

    from whatsit.embedding.backbones.weights import timm_names_of_lite

    theirs = timm.create_model("tf_efficientnet_lite0", num_classes=0).eval()
    wanted = theirs.state_dict()
    state = {name: torch.from_numpy(np.array(t)) for name, t in read_state_dict(weights_file(LITE0)).items()}
    renamed = timm_names_of_lite(state, wanted)
    theirs.load_state_dict({name: renamed[name] if name in renamed else wanted[name] for name in wanted})
    pictures = pictures_of(224, 224)
    pixels = (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() - 127) / 128
    with torch.inference_mode():
        expected = theirs(pixels).numpy()
    ours = embedded(build_lite(LITE0, 5).eval(), pictures)[:, : expected.shape[1]]  # the last map's means come first
    np.testing.assert_allclose(ours, expected, atol=1e-3 * float(np.abs(expected).max()))


def test_what_was_learned_is_exported() -> None:
    network = build_lite(LITE0, 3, (64, 48)).train()
    pixels = torch.from_numpy(pictures_of(64, 48)).permute(0, 3, 1, 2).float()
    optimizer = torch.optim.SGD(network.parameters(), 0.01)
    torch.nn.functional.cross_entropy(network(pixels), torch.tensor([0, 2])).backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    network.eval()
    assert isinstance(network.maps, LiteMaps)
    before = convolutions(read_state_dict(weights_file(LITE0)))
    after = learned_convolutions(LITE0, network.maps)
    assert all(not np.array_equal(a.weight, b.weight) for a, b in zip(before, after, strict=True))
    pictures = pictures_of(64, 48)
    expected = embedded(network, pictures)
    check_same(float32_graph(after, (64, 48)).SerializeToString(), pictures, expected)  # to 1e-3
    extractor = feature_extractor_of(network, Origin(LITE0.name, "a", "b"), Preprocessing((64, 48)))
    vectors = run(open_session(extractor.graph), ["embedding"], pictures)[0]
    with torch.inference_mode():
        logits = network(pixels).numpy()
    np.testing.assert_allclose(linear_head(network).logits(vectors), logits, atol=1e-3 * float(np.abs(logits).max()))


def test_folding_starts_from_the_very_weights() -> None:
    network = build_lite(LITE0, 2)
    assert isinstance(network.maps, LiteMaps)
    for conv, learned in zip(
        convolutions(read_state_dict(weights_file(LITE0))), learned_convolutions(LITE0, network.maps), strict=True
    ):
        np.testing.assert_allclose(learned.weight, conv.weight, rtol=1e-6)
        assert np.array_equal(learned.bias, conv.bias)


@pytest.mark.parametrize(
    ("which", "learns"), [("none", (0, 0)), ("head", (0, 1)), ("last-blocks", (0.35, 1)), ("all", (1, 1))]
)
def test_what_learns(which: str, learns: tuple[float, float]) -> None:
    """Shares: of the stages, from the last one backwards; and the head."""
    network = build_lite(LITE0, 3, (32, 32))
    unfreeze(network, which)  # type: ignore[arg-type]
    stages = [{p.requires_grad for p in stage} for stage in network.stages()]
    assert all(len(stage) == 1 for stage in stages)
    flags = [stage.pop() for stage in stages]
    assert flags == sorted(flags)
    assert sum(flags) / len(flags) == pytest.approx(learns[0], abs=0.04)
    assert {p.requires_grad for p in network.head.parameters()} == {bool(learns[1])}
    assert {id(p) for stage in network.stages() for p in stage} == {id(p) for p in network.maps.parameters()}
