"""The table of architectures: as large as published, and errors that say what to change."""

import pytest
import torch

from whatsit.errors import WhatsitError
from whatsit.training.network.architectures import ARCHITECTURES, CNN, architecture, map_size
from whatsit.training.network.cnn import build_cnn
from whatsit.training.network.modules import Network

pytestmark = pytest.mark.slow


def parameters(network: Network) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("name", "classes", "count"),
    [
        ("cnn-cats-dogs", 2, 4_791_809),
        ("cnn-horses-300", 2, 40_165_409),
        ("cnn-horses-150", 2, 9_494_561),
        ("cnn-boats", 16, 234_539),
    ],
)
def test_the_classics_are_as_published(name: str, classes: int, count: int) -> None:
    assert parameters(build_cnn(architecture(name), classes)) == count


def test_the_modern_one_is_smaller_than_any() -> None:
    counts = {name: parameters(build_cnn(architecture(name), 2)) for name in ARCHITECTURES}
    assert min(counts, key=lambda name: counts[name]) == "small-resnet"


@pytest.mark.parametrize("size", [(32, 32), (30, 101), (97, 45)])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_other_sizes(name: str, size: tuple[int, int]) -> None:
    """The map is of the size that the first dense layer was made for."""
    cnn = architecture(name, size=size)
    network = build_cnn(cnn, 3).eval()
    maps, embedding = network.parts(torch.zeros(2, 3, *size))
    assert isinstance(maps, torch.Tensor)
    assert tuple(maps.shape[2:]) == map_size(cnn)
    assert embedding.shape == (2, network.dim)
    assert network(torch.zeros(2, 3, *size)).shape == (2, 3)
    assert network.size == size


def test_other_layers() -> None:
    cnn = architecture("cnn-boats", layers=(8, 16, 24), dense=(), size=(60, 60))
    assert (cnn.filters, cnn.kernels, cnn.dense) == ((8, 16, 24), (5,), ())
    assert build_cnn(architecture("cnn-boats", layers=(8, 16)), 4).dim == 50
    assert architecture("cnn-boats", layers=(8, 16)).kernels == (5, 3)


def test_two_classes_have_one_logit() -> None:
    assert build_cnn(architecture("small-resnet"), 2)(torch.zeros(3, 3, 128, 128)).shape == (3, 1)


def test_every_parameter_is_of_a_stage_or_the_head() -> None:
    for name in ARCHITECTURES:
        network = build_cnn(architecture(name, size=(64, 64)), 3)
        staged = {id(p) for stage in network.stages() for p in stage} | {id(p) for p in network.head.parameters()}
        assert staged == {id(p) for p in network.parameters()}


def test_what_cannot_be_built_says_what_to_change() -> None:
    with pytest.raises(WhatsitError, match=r"no architecture 'resnet'. There are: small-resnet, .*timm:NAME"):
        architecture("resnet")
    with pytest.raises(WhatsitError, match=r"no layers are left"):
        architecture("cnn-boats", layers=())
    with pytest.raises(WhatsitError, match=r"3 layers leave nothing of an image of 16 × 40 .* larger --image-size"):
        architecture("cnn-cats-dogs", size=(16, 40))
    with pytest.raises(WhatsitError, match=r"a layer of 0 units, expected 1 to 8192"):
        architecture("small-resnet", layers=(16, 0))
    with pytest.raises(WhatsitError, match=r"a layer of 9000 units"):
        architecture("small-resnet", dense=(9000,))
    with pytest.raises(ValueError, match="2 kernels for 3 blocks"):
        CNN((8, 8, 8), 32, 32, kernels=(3, 5))
