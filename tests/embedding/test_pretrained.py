"""A network of timm gets exactly the weights of a file, or says in one line why not; random weights serve as well."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from whatsit.embedding.backbones import timm as pretrained
from whatsit.embedding.backbones.export import by_torch
from whatsit.embedding.backbones.names import is_timm, is_well_formed
from whatsit.embedding.backbones.registry import feature_extractor
from whatsit.embedding.backbones.timm import load_pretrained
from whatsit.embedding.backbones.weights import read_weights
from whatsit.embedding.session import open_session, run
from whatsit.errors import BackboneError

from .samples import drawing

pytestmark = pytest.mark.slow

TINY = "test_resnet"  # timm's own for tests: 0.5 million weights, 160 x 160 pixels
State = dict[str, Tensor]


def _drawn(name: str) -> nn.Module:
    """The whole network with random weights; those of batch norms, too, as if it had been trained."""
    torch.manual_seed(0)
    module: nn.Module = timm.create_model(name).eval()
    with torch.no_grad():
        for key, tensor in module.state_dict().items():
            if key.endswith(("running_mean", "running_var")):
                tensor.uniform_(0.5, 1.5)
    return module


def _saved(folder: Path, state: State) -> Path:
    path = folder / "weights.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    return path


@pytest.fixture(scope="module")
def tiny() -> State:
    return dict(_drawn(TINY).state_dict())


@pytest.mark.parametrize(
    ("name", "dim", "side", "maps"),
    [
        ("resnet18", 512, 224, True),
        ("mobilenetv3_small_050", 1024, 224, False),
        ("vit_tiny_patch16_224", 192, 224, False),
        ("convnext_atto", 320, 224, False),
        ("inception_v3", 2048, 299, True),
        ("vgg11", 4096, 224, False),
        ("test_efficientnet", 256, 160, True),
        ("levit_128s", 384, 224, False),
    ],
)
def test_the_embedding_is_what_the_classifier_sees(tmp_path: Path, name: str, dim: int, side: int, maps: bool) -> None:
    whole = _drawn(name)
    loaded = load_pretrained(f"timm:{name}", _saved(tmp_path, dict(whole.state_dict())))
    assert (loaded.name, loaded.dim, loaded.size, loaded.maps) == (f"timm:{name}", dim, (side, side), maps)
    assert not loaded.module.training
    pixels = torch.randn((1, 3, side, side), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = whole.forward_head(whole.forward_features(pixels), pre_logits=True)  # type: ignore[operator]
        assert torch.allclose(loaded.module(pixels), expected.flatten(1), rtol=1e-4, atol=1e-5)


def test_what_timm_says_of_a_network(tmp_path: Path) -> None:
    loaded = load_pretrained("timm:test_vit", _saved(tmp_path, dict(_drawn("test_vit").state_dict())))
    assert (loaded.mean, loaded.std, loaded.interpolation) == ((0.5,) * 3, (0.5,) * 3, "bicubic")
    assert "weights.safetensors" in loaded.source
    assert loaded.licence == "unknown (of timm's own test_vit.r160_in1k: apache-2.0)"


def test_loading_leaves_the_random_state_alone(tmp_path: Path, tiny: State) -> None:
    path = _saved(tmp_path, tiny)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    load_pretrained(f"timm:{TINY}", path)
    assert torch.equal(torch.get_rng_state(), before)


def test_an_old_pytorch_file_and_safetensors_are_the_same(tmp_path: Path, tiny: State) -> None:
    old = tmp_path / "old.pth"
    torch.save(tiny, old, _use_new_zipfile_serialization=False)
    one, other = (load_pretrained(f"timm:{TINY}", path).module for path in (old, _saved(tmp_path, tiny)))
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_half_precision_is_widened(tmp_path: Path, tiny: State) -> None:
    path = _saved(tmp_path, {name: tensor.bfloat16() for name, tensor in tiny.items()})
    assert {p.dtype for p in load_pretrained(f"timm:{TINY}", path).module.parameters()} == {torch.float32}


def test_names_of_the_authors_are_translated(tmp_path: Path) -> None:
    """ConvNeXt's, as Facebook published them."""
    whole = _drawn("test_convnext")
    to_theirs = {
        r"^stem\.": "downsample_layers.0.",
        r"^stages\.(\d)\.downsample\.": r"downsample_layers.\1.",
        r"^stages\.(\d)\.blocks\.": r"stages.\1.",
        r"\.conv_dw\.": ".dwconv.",
        r"\.mlp\.fc(\d)\.": r".pwconv\1.",
        r"^head\.norm\.": "norm.",
        r"^head\.fc\.": "head.",
    }
    theirs: State = {}
    for name, tensor in whole.state_dict().items():
        for pattern, replacement in to_theirs.items():
            name = re.sub(pattern, replacement, name)
        theirs[name] = tensor
    loaded = load_pretrained("timm:test_convnext", _saved(tmp_path, theirs)).module.state_dict()
    assert len(loaded) > 20
    assert all(torch.equal(tensor, whole.state_dict()[name]) for name, tensor in loaded.items())


FAULTS: dict[str, tuple[Callable[[State], State], str]] = {
    "missing": (
        lambda s: {name: t for name, t in s.items() if not name.startswith("conv1.")},
        "11 missing (conv1.0.weight, conv1.1.weight, conv1.1.bias, …). Give those",
    ),
    "unexpected": (lambda s: s | {"layer9.weight": torch.ones(1)}, "1 unexpected (layer9.weight). Give those"),
    "of another shape": (
        lambda s: s | {"conv1.0.weight": torch.ones(2, 3)},
        "1 of another shape (conv1.0.weight is (2, 3), expected (",
    ),
    "of another network": (
        lambda s: dict(timm.create_model("test_vit").state_dict()),
        " missing (conv1.0.weight, conv1.1.weight, conv1.1.bias, …); ",
    ),
    "empty": (lambda s: {}, " missing ("),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_weights_that_do_not_fit_are_one_line(tmp_path: Path, tiny: State, fault: str) -> None:
    change, reason = FAULTS[fault]
    path = _saved(tmp_path, change(tiny))
    with pytest.raises(BackboneError) as caught:
        load_pretrained(f"timm:{TINY}", path)
    assert str(caught.value).startswith(f"timm:{TINY}: {path}: not the weights of this network: ")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("classes", [0, 1000, 7])
def test_the_classifier_is_left_out_whatever_it_tells_apart(tmp_path: Path, tiny: State, classes: int) -> None:
    body = {name: tensor for name, tensor in tiny.items() if not name.startswith("fc.")}
    head = {"fc.weight": torch.ones(classes, 96), "fc.bias": torch.ones(classes)} if classes else {}
    assert load_pretrained(f"timm:{TINY}", _saved(tmp_path, body | head)).dim == 96


def test_a_zip_of_pickles_is_refused_with_the_way_out(
    tmp_path: Path, tiny: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "new.pth"
    torch.save(tiny, path)
    with pytest.raises(
        BackboneError, match=r"a PyTorch file, which can run code\. Make it safetensors: python -c "
    ) as caught:
        load_pretrained(f"timm:{TINY}", path)
    (code,) = re.findall(r'-c "(.*)"$', str(caught.value))
    monkeypatch.chdir(tmp_path)
    exec(code)  # the advice holds
    assert load_pretrained(f"timm:{TINY}", tmp_path / "new.safetensors").dim == 96


@pytest.mark.parametrize("name", ["cut.safetensors", "cut.pth"])
def test_a_file_cut_short(tmp_path: Path, tiny: State, name: str) -> None:
    path = _saved(tmp_path, tiny)
    if name == "cut.pth":
        torch.save(tiny, path, _use_new_zipfile_serialization=False)
    for length in (0, 5, 100, path.stat().st_size - 1):
        (tmp_path / name).write_bytes(path.read_bytes()[:length])
        with pytest.raises(BackboneError, match=rf"{re.escape(name)}: (not safetensors|cannot be read|truncated)"):
            read_weights(tmp_path / name)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone.safetensors"):
        with pytest.raises(BackboneError, match=r"cannot be read \(.*\)\. Name a file of weights: --weights FILE"):
            load_pretrained(f"timm:{TINY}", path)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("timm:resnet5O", "timm has no network 'resnet5O'. The closest are: timm:resnet50, "),
        ("timm:resnet50.foo", "timm has no network 'resnet50.foo'. The closest are: timm:resnet50"),
        ("timm:", "timm has no network ''. Look: timm.list_models()"),
        ("timm:../secret", "timm has no network '../secret'."),
        ("timm:hf-hub:timm/resnet50", "timm has no network 'hf-hub:timm/resnet50'."),
        (
            "timm:coatnet_0_224",
            "timm:coatnet_0_224: timm has no pretrained weights of it. Give your own, --weights FILE",
        ),
        ("timm:gcvit_tiny", "timm:gcvit_tiny: its weights are not on the hub. Fetch https://"),
    ],
)
def test_names_that_lead_nowhere(name: str, advice: str) -> None:
    with pytest.raises(BackboneError) as caught:
        load_pretrained(name, None)
    assert str(caught.value).startswith(advice)
    assert "\n" not in str(caught.value)


def test_names() -> None:
    assert is_timm("timm:resnet50")
    assert not is_timm("timm.onnx")
    assert is_well_formed("timm:resnet50.a1_in1k")
    assert not any(map(is_well_formed, ("timm:", "timm:a/b", "timm:..", "timm:a\n", "timm:a.b.c", "resnet50")))


@pytest.mark.parametrize("number", range(3))
def test_a_lite_is_the_same_network_as_whatsits(number: int) -> None:
    """Of whose embedding the first part is the means of the last map."""
    loaded = load_pretrained(f"timm:tf_efficientnet_lite{number}", None)
    own = feature_extractor(f"efficientnet-lite{number}", "float32", "squash")
    pictures = np.stack([drawing(seed, loaded.size[0]) for seed in range(2)])
    expected = run(open_session(own.graph), ["embedding"], pictures)[0][:, : loaded.dim]
    assert loaded.size == (own.preprocessing.height, own.preprocessing.width)
    assert (loaded.licence, loaded.source) == (own.licence, own.source)
    assert np.abs(by_torch(loaded, pictures) - expected).max() <= 1e-3
    assert np.abs(expected).max() > 1


def test_weights_of_the_hub_are_loaded_by_timm(tmp_path: Path, tiny: State, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _saved(tmp_path, tiny)
    asked: list[tuple[str, str]] = []

    def hub_file(repository: str, file: str) -> Path:
        asked.append((repository, file))
        return path

    monkeypatch.setattr(pretrained, "hub_file", hub_file)
    loaded = load_pretrained(f"timm:{TINY}", None)
    assert asked == [("timm/test_resnet.r160_in1k", "model.safetensors")]
    assert all(torch.equal(tensor, tiny[name]) for name, tensor in loaded.module.state_dict().items())
    assert (loaded.licence, loaded.source) == (
        "apache-2.0",
        "test_resnet.r160_in1k of timm; weights of huggingface.co/timm/test_resnet.r160_in1k",
    )
    path.write_bytes(path.read_bytes()[:999])
    with pytest.raises(BackboneError, match=r"weights\.safetensors: its weights are damaged \(.*\)\. Remove that file"):
        load_pretrained(f"timm:{TINY}", None)
