"""A network of timm learns like the others: the right parts, at the right rates, at other image sizes, and as ONNX."""

from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
from drawn import drawn_photo
from safetensors.torch import save_file

from whatsit.api import train
from whatsit.config import NetworkOptions, TrainOptions
from whatsit.embedding.backbones.timm import load_pretrained
from whatsit.errors import BackboneError, WhatsitError
from whatsit.images.preprocessing import Preprocessing
from whatsit.model.classifier import Classifier
from whatsit.training.network.build import build
from whatsit.training.network.export import Origin, feature_extractor_of
from whatsit.training.network.modules import Network
from whatsit.training.network.optimizer import Course, optimizer_of, parameter_groups, unfreeze
from whatsit.training.network.timm import MOST_STAGES, build_timm, build_timm_scratch, stage_names

pytestmark = pytest.mark.slow

TINY = ["test_resnet", "test_vit", "test_convnext", "test_efficientnet"]  # timm's own for tests
SMALL = ["resnet18", "mobilenetv3_small_050", "vit_tiny_patch16_224", "convnext_atto"]
COURSE = Course("sgd", 0.1, 0.0, 0.75, steps=10, warm_up=0, cosine=False)


def weights_of(name: str, folder: Path) -> Path:
    """A file of random weights; those of batch norms, too, as if it had been trained."""
    torch.manual_seed(0)
    module = timm.create_model(name)
    with torch.no_grad():
        for key, tensor in module.state_dict().items():
            if key.endswith(("running_mean", "running_var")):
                tensor.uniform_(0.5, 1.5)
    path = folder / f"{name}.safetensors"
    save_file({key: tensor.contiguous() for key, tensor in module.state_dict().items()}, path)
    return path


def scratch(name: str, size: tuple[int, int] | None = None, classes: int = 3) -> Network:
    torch.manual_seed(0)
    return build_timm_scratch(f"timm:{name}", classes, size)


def pixels_for(network: Network, n: int = 2) -> torch.Tensor:
    return torch.rand((n, 3, *network.size), generator=torch.Generator().manual_seed(1)) * 255


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weights_of("test_resnet", tmp_path_factory.mktemp("weights"))


@pytest.mark.parametrize("name", [*TINY, "mobilenetv3_small_050"])  # the last has layers behind what it pools
def test_the_embedding_is_timms_with_its_pixels(name: str, tmp_path: Path) -> None:
    pretrained = load_pretrained(f"timm:{name}", weights_of(name, tmp_path))
    network = build_timm(pretrained, 3).eval()
    assert network.size == pretrained.size
    pixels = pixels_for(network)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (pretrained.mean, pretrained.std))
    with torch.no_grad():
        expected = pretrained.module((pixels / 255 - mean) / std)
        assert torch.allclose(network.embed(pixels), expected, rtol=1e-3, atol=1e-4)
    assert expected.shape == (2, network.dim)
    assert network.averages_maps == pretrained.maps


@pytest.mark.parametrize("name", [*TINY, *SMALL, "poolformer_s12"])  # the last has no groups of timm's
def test_every_parameter_is_of_one_stage(name: str) -> None:
    module = timm.create_model(name, num_classes=0)
    stages = stage_names(module)
    listed = [one for stage in stages for one in stage]
    assert sorted(listed) == sorted(key for key, _ in module.named_parameters())
    assert 4 <= len(stages) <= MOST_STAGES
    first = next(iter(module.named_parameters()))[0]
    assert first in stages[0]


def test_blocks_of_deep_networks_share_a_stage() -> None:
    stages = stage_names(timm.create_model("resnet50", num_classes=0))
    assert len(stages) == MOST_STAGES
    assert {name.partition(".")[0] for name in stages[0]} == {"conv1", "bn1", "layer1"}


@pytest.mark.parametrize("name", TINY)
def test_rates_rise_towards_the_head(name: str) -> None:
    network = scratch(name)
    rate_of = {id(p): group["lr"] for group in parameter_groups(network, COURSE) for p in group["params"]}  # type: ignore[union-attr]
    rates = [{rate_of[id(p)] for p in stage} for stage in network.stages()]
    assert all(len(one) == 1 for one in rates)
    rising = [one.pop() for one in rates]
    assert rising == sorted(set(rising))
    assert rate_of[id(network.head.weight)] == pytest.approx(0.1)
    assert rising[-1] == pytest.approx(0.1 * 0.75)


def learn(network: Network) -> set[str]:
    """Two steps, as timm lets residual branches begin with zeros; gives the names of what they changed."""
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    optimizer = optimizer_of(network, COURSE)
    network.train()
    torch.manual_seed(0)
    for _ in range(2):
        loss = torch.nn.functional.cross_entropy(network(pixels_for(network, 4)), torch.tensor([0, 1, 2, 0]))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}


@pytest.mark.parametrize("name", [*TINY, "mobilenetv3_small_050"])
def test_two_steps_change_all_but_frozen_norms(name: str) -> None:
    network = scratch(name)
    network.frozen_norms = True
    changed = learn(network)
    parameters = {key for key, _ in network.named_parameters()}
    assert changed <= parameters  # and no statistics
    assert {"head.weight", "head.bias"} <= changed
    assert len(changed) > 0.9 * len(parameters)  # some have next to no gradient, such as a key's bias


def test_norms_learn_their_statistics_from_scratch() -> None:
    changed = learn(scratch("test_efficientnet"))
    assert any(name.endswith("running_mean") for name in changed)


def test_the_last_blocks_alone() -> None:
    network = scratch("test_vit")
    unfreeze(network, "last-blocks")
    network.frozen_norms = True
    changed = learn(network)
    stages = network.stages()
    last = {id(p) for stage in stages[-3:] for p in stage}
    allowed = {name for name, p in network.named_parameters() if id(p) in last} | {"head.weight", "head.bias"}
    assert len(stages) == 7
    assert changed <= allowed
    assert len(changed) > 5


@pytest.mark.parametrize(
    ("name", "size"), [("test_resnet", (96, 130)), ("test_vit", (96, 128)), ("test_convnext", (96, 128))]
)
def test_other_sizes_export_as_pytorch_computes_them(name: str, size: tuple[int, int], tmp_path: Path) -> None:
    network = build_timm(load_pretrained(f"timm:{name}", weights_of(name, tmp_path), size), 3)
    assert network.size == size
    origin = Origin(f"timm:{name}", "unknown", "drawn")
    extractor = feature_extractor_of(network, origin, Preprocessing(size))  # raises where they are 1e-3 apart
    assert (extractor.dim, extractor.has_features) == (network.dim, name == "test_resnet")


def test_position_embeddings_are_resampled_not_drawn(tmp_path: Path) -> None:
    weights = weights_of("test_vit", tmp_path)
    before, small = (
        load_pretrained("timm:test_vit", weights, size).module.state_dict()["pos_embed"] for size in (None, (80, 80))
    )
    assert before.shape[1] > small.shape[1]
    assert torch.allclose(before[:, 1:].mean((0, 1)), small[:, 1:].mean((0, 1)), atol=5e-3)


MISTAKES: dict[str, tuple[Callable[[], object], str]] = {
    "a size between patches": (
        lambda: scratch("test_vit", (100, 100)),
        "timm:test_vit: cannot take images of 100 × 100 pixels (",
    ),
    "a size that is built in": (
        lambda: scratch("levit_128s", (128, 128)),
        "Give another --image-size, or none for 224 × 224",
    ),
    "a slip of the pen": (lambda: scratch("resnot18"), "The closest are: timm:resnet18, "),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_one_line(mistake: str) -> None:
    make, message = MISTAKES[mistake]
    with pytest.raises(WhatsitError) as caught:
        make()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_encoder_that_classifies_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As timm's mobilenetv5_300m_enc, which is too large for a test."""
    monkeypatch.setattr(timm.models.resnet.ResNet, "forward_head", lambda self, x: x)
    with pytest.raises(WhatsitError, match=r"^timm:test_resnet: timm has it as an encoder, .* Name another network$"):
        scratch("test_resnet")


REFUSED: dict[str, tuple[TrainOptions, str]] = {
    "--layers": (
        TrainOptions(method="scratch", network=NetworkOptions(architecture="timm:test_vit", layers=(8,))),
        "--layers has no effect on timm:test_vit",
    ),
    "--dense none": (
        TrainOptions(method="scratch", network=NetworkOptions(architecture="timm:test_vit", dense=())),
        "--dense has no effect on timm:test_vit",
    ),
    "an ONNX file": (
        TrainOptions(method="finetune", backbone="my.onnx"),
        "my.onnx cannot be fine-tuned: an ONNX file has no layers to learn. Those that can: efficientnet-lite0, ",
    ),
    "an unknown backbone": (TrainOptions(method="finetune", backbone="resnet"), "resnet cannot be fine-tuned: there "),
    "weights of a Lite": (TrainOptions(method="finetune", weights="w.pth"), "--weights goes with --backbone timm:NAME"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_effect_is_refused(case: str) -> None:
    options, message = REFUSED[case]
    with pytest.raises(WhatsitError, match="^" + message.replace(".", r"\.")):
        build(options, 3, "squash")


def test_what_is_built_says_where_it_came_from(tmp_path: Path) -> None:
    weights = str(weights_of("test_vit", tmp_path))
    built = build(TrainOptions(method="finetune", backbone="timm:test_vit", weights=weights), 3, "crop")
    assert (built.name, built.preprocessing) == ("timm:test_vit", Preprocessing(160, "crop", "bicubic"))
    assert "test_vit.safetensors" in built.source
    own = build(TrainOptions(method="scratch", network=NetworkOptions(architecture="timm:test_resnet")), 3, "crop")
    assert (own.name, own.licence, own.preprocessing.size) == ("timm:test_resnet", "yours", 160)


def test_what_cannot_be_exported_is_told_before_it_learns(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> bytes:
        raise BackboneError("PyTorch cannot export it to ONNX")

    monkeypatch.setattr("whatsit.training.network.export.to_onnx", refused)
    monkeypatch.setattr("whatsit.training.network.trainer.fit", None)
    options = TrainOptions(method="scratch", network=NetworkOptions(architecture="timm:test_resnet"))
    with pytest.raises(BackboneError, match="cannot export"):
        train(photos, tmp_path / "model", options)


def test_from_photos_to_a_model_that_explains(photos: Path, weights: Path, tmp_path: Path) -> None:
    options = TrainOptions(
        method="finetune",
        backbone="timm:test_resnet",
        weights=str(weights),
        image_size=(64, 64),
        network=NetworkOptions(epochs=1),
    )
    said: list[str] = []
    trained = train(photos, tmp_path / "model", options, show_network=said.append)
    assert said[0].startswith("timm:test_resnet\nlayer ")
    assert said[0].endswith("for an image of 64 × 64 pixels")
    classifier = Classifier.load(trained.folder)
    photo = drawn_photo("leaves", 90)
    prediction = classifier.predict(photo)
    assert prediction.label in classifier.classes_
    assert classifier.facts.backbone["name"] == "timm:test_resnet"
    assert classifier.explain(photo) is not None


def test_a_lite_of_timm_comes_with_its_weights() -> None:
    options = TrainOptions(method="finetune", backbone="timm:tf_efficientnet_lite0")
    built = build(options, 3, "squash")
    assert (built.network.dim, built.network.averages_maps) == (1280, True)
    assert built.licence == "Apache-2.0"
    assert len(built.network.stages()) == MOST_STAGES
