"""The table of layers: shapes and counts as they were published, and a network that stays as it was."""

import pytest
import torch

from whatsit.embedding.backbones.lite import LITES
from whatsit.training.network.architectures import ARCHITECTURES, architecture
from whatsit.training.network.cnn import build_cnn, build_lite
from whatsit.training.network.modules import Network
from whatsit.training.network.summary import MOST, layers, short, summarise, summary_of, table
from whatsit.training.network.timm import build_timm_scratch

pytestmark = pytest.mark.slow

PUBLISHED = {  # million parameters without the classifier, thousand million multiply-adds with it
    "timm:resnet18": (11.18, 1.81),  # He et al. 2016: 1.8
    "timm:vit_tiny_patch16_224": (5.52, 1.25),  # Touvron et al. 2021: 1.3
    "timm:mobilenetv3_small_050": (0.57, 0.023),
    "timm:convnext_atto": (3.37, 0.547),  # timm's own table: 0.55
}


def built(name: str) -> Network:
    if name in ARCHITECTURES:
        return build_cnn(architecture(name), 3)
    if name in LITES:
        return build_lite(LITES[name], 3)
    return build_timm_scratch(name, 3)


def test_layers_of_a_classic() -> None:
    rows = layers(build_cnn(architecture("cnn-boats"), 16))
    assert [(row.kind, row.output, row.parameters) for row in rows if row.parameters] == [
        ("Conv2d 5×5", (30, 26, 96), 2_280),
        ("Conv2d 3×3", (15, 11, 46), 4_065),
        ("Linear", (128,), 220_928),
        ("Linear", (50,), 6_450),
        ("Linear", (16,), 816),
    ]
    assert rows[0].multiply_adds == 30 * 26 * 96 * 3 * 5 * 5
    assert rows[-1].multiply_adds == 50 * 16


@pytest.mark.parametrize("name", PUBLISHED)
def test_totals_as_published(name: str) -> None:
    millions, billions = PUBLISHED[name]
    summary = summary_of(name)
    assert summary.parameters / 1e6 == pytest.approx(millions, abs=0.01)
    assert summary.multiply_adds / 1e9 == pytest.approx(billions, rel=0.01)


@pytest.mark.parametrize("name", ["small-resnet", "efficientnet-lite0", "timm:test_convnext", "timm:test_vit2"])
def test_rows_add_up(name: str) -> None:
    network = built(name)
    summary = summarise(network)
    assert len(summary.rows) <= MOST
    assert sum(row.parameters for row in summary.rows) == summary.parameters
    assert summary.parameters == sum(p.numel() for p in network.parameters())
    assert sum(row.multiply_adds for row in summary.rows) == summary.multiply_adds
    assert len({row.name for row in summary.rows}) == len(summary.rows)


def test_blocks_of_a_lite_have_its_authors_names() -> None:
    rows = {row.name: row for row in layers(built("efficientnet-lite0"))}
    assert list(rows)[:3] == ["conv_stem", "blocks.0", "blocks.1"]
    assert rows["blocks.15"].output == (320, 7, 7)


def test_fewer_rows_where_few_are_wanted() -> None:
    rows = layers(built("timm:test_resnet"), most=12)
    assert [row.name for row in rows if row.name.startswith("layer")] == ["layer1", "layer2", "layer3", "layer4"]


def test_the_network_stays_as_it_was() -> None:
    network = built("timm:test_efficientnet").train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state = torch.get_rng_state()
    layers(network)
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


@pytest.mark.parametrize("name", ["cnn-cats-dogs", "timm:swin_tiny_patch4_window7_224", "efficientnet-lite0"])
def test_the_table_fits_a_terminal(name: str) -> None:
    lines = table(summary_of(name)).splitlines()
    assert max(map(len, lines)) <= 80
    assert "parameters" in lines[0]
    assert "multiply-adds for an image of" in lines[-1]


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (999, "999"), (1000, "1 k"), (999_999, "1 M"), (1_813_561_856, "1.81 G")]
)
def test_short_numbers(number: int, text: str) -> None:
    assert short(number) == text
