"""A network of timm is exported once, and from then on a backbone like the others, without PyTorch."""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import timm
import torch
from onnx import TensorProto, helper
from patience import PATIENCE
from safetensors.torch import save_file
from torch import Tensor, nn

from whatsit.api import embed
from whatsit.config import TrainOptions
from whatsit.embedding.backbones import export as pretrained_export
from whatsit.embedding.backbones.export import by_torch, export
from whatsit.embedding.backbones.extractor import FeatureExtractor
from whatsit.embedding.backbones.names import exported_file
from whatsit.embedding.backbones.registry import feature_extractor
from whatsit.embedding.backbones.timm import Pretrained, load_pretrained
from whatsit.embedding.embedder import Embedder
from whatsit.embedding.location import cache_contents, clear_cache
from whatsit.embedding.precision import settle_precision
from whatsit.embedding.session import open_session, run
from whatsit.embedding.source import ParquetSource, PhotoSource
from whatsit.errors import BackboneError, MissingExtraError
from whatsit.images.preprocessing import Preprocessing

from .samples import drawing, finish, save_drawings, start_python

pytestmark = pytest.mark.slow

NAMES = ("timm:test_resnet", "timm:test_vit")  # one whose embedding is the mean of a map, one whose is not
IMAGES = np.stack([drawing(seed, 160) for seed in range(3)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of each, and a cache into which each has been exported."""
    folder: Path = tmp_path_factory.mktemp("timm")
    for name in NAMES:
        torch.manual_seed(0)
        save_file(timm.create_model(name.removeprefix("timm:")).state_dict(), _weights(folder, name))
        feature_extractor(name, "int8", "crop", _weights(folder, name), folder / "cache")
    return folder


def _weights(folder: Path, name: str) -> Path:
    return folder / f"{name.removeprefix('timm:')}.safetensors"


def _extractor(folder: Path, name: str) -> FeatureExtractor:
    return feature_extractor(name, "float32", "crop", str(_weights(folder, name)), str(folder / "cache"))


@pytest.mark.parametrize("name", NAMES)
def test_it_gives_what_pytorch_gives_for_any_number_of_images(folder: Path, name: str) -> None:
    extractor, pretrained = _extractor(folder, name), load_pretrained(name, _weights(folder, name))
    expected = by_torch(pretrained, IMAGES)
    session = open_session(extractor.graph)
    for n in (1, 2, 3):
        embedding = run(session, ["embedding"], IMAGES[:n])[0]
        assert embedding.shape == (n, extractor.dim)
        assert np.allclose(embedding, expected[:n], rtol=1e-4, atol=1e-5)
    assert expected.std(axis=0).max() > 1e-4  # else it would not matter what goes in


def test_what_the_extractor_says_of_itself(folder: Path) -> None:
    one, other = (_extractor(folder, name) for name in NAMES)
    assert (one.name, one.precision, one.dim, one.has_features) == ("timm:test_resnet", "float32", 96, True)
    assert (other.name, other.precision, other.dim, other.has_features) == ("timm:test_vit", "float32", 64, False)
    assert one.preprocessing == Preprocessing(160, "crop", "bilinear")
    assert other.preprocessing == Preprocessing(160, "crop", "bicubic")
    assert "test_resnet.safetensors" in one.source
    assert settle_precision("auto", one.name, "cpu").precision == "float32"


def test_the_map_is_named_for_explanations(folder: Path) -> None:
    model = onnx.load_from_string(_extractor(folder, NAMES[0]).graph)
    model.graph.output.append(helper.make_tensor_value_info("features", TensorProto.FLOAT, None))
    features, embedding = run(open_session(model.SerializeToString()), ["features", "embedding"], IMAGES)
    assert features.shape == (3, 96, 5, 5)
    assert np.allclose(features.mean(axis=(2, 3)), embedding, atol=1e-5)


def test_the_file_stands_on_its_own(folder: Path) -> None:
    for path in (folder / "cache").glob("*.onnx"):
        content = path.read_bytes()
        assert b"site-packages" not in content
        assert str(Path.cwd()).encode() not in content
        model = onnx.load_from_string(content)
        onnx.checker.check_model(model, full_check=True)
        assert [(one.domain, one.version >= 17) for one in model.opset_import] == [("", True)]
    assert not list((folder / "cache").glob(".*"))


def test_later_uses_need_no_pytorch(folder: Path) -> None:
    code = """
import sys
from whatsit.embedding.backbones.registry import feature_extractor
print(feature_extractor(sys.argv[1], "float32", "crop", sys.argv[2], sys.argv[3]).fingerprint)
print({"torch", "timm", "safetensors", "huggingface_hub"} & set(sys.modules))
"""
    arguments = NAMES[0], str(_weights(folder, NAMES[0])), str(folder / "cache")
    assert finish(start_python(code, *arguments)).split() == [_extractor(folder, NAMES[0]).fingerprint, "set()"]


def test_exporting_is_quiet(folder: Path, tmp_path: Path) -> None:
    code = """
import sys
from whatsit.embedding.backbones.registry import feature_extractor
feature_extractor(sys.argv[1], "float32", "crop", sys.argv[2], sys.argv[3])
"""
    process = start_python(code, NAMES[1], str(_weights(folder, NAMES[1])), str(tmp_path))
    assert process.communicate(timeout=PATIENCE) == ("", "")
    assert len(list(tmp_path.iterdir())) == 2


def _copied(folder: Path, to: Path) -> Path:
    """The exports in another cache; gives the first one's file there."""
    to.mkdir(exist_ok=True)
    for path in (folder / "cache").glob("timm-*"):
        shutil.copy(path, to)
    return exported_file(to, NAMES[0], _weights(folder, NAMES[0]))


@pytest.mark.parametrize("damage", ["cut", "no description"])
def test_a_damaged_export_is_made_anew(folder: Path, tmp_path: Path, damage: str) -> None:
    copy = _copied(folder, tmp_path)
    content = copy.read_bytes()
    if damage == "cut":
        copy.write_bytes(content[:-999])
    else:
        copy.with_suffix(".json").unlink()
    again = feature_extractor(NAMES[0], "float32", "crop", _weights(folder, NAMES[0]), tmp_path)
    assert copy.read_bytes() == content
    assert again.fingerprint == _extractor(folder, NAMES[0]).fingerprint


def test_other_weights_are_another_file(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other.safetensors").write_bytes(b"other weights")
    weights = _weights(folder, NAMES[0])
    moved = Path(shutil.copy(weights, tmp_path / "moved.safetensors"))
    given = (weights, tmp_path / "other.safetensors", None, moved)
    usual, other, none, same = (exported_file(folder / "cache", NAMES[0], path) for path in given)
    assert usual.exists()
    assert len({usual, other, none}) == 3
    assert same == usual


def test_another_size_is_another_file(folder: Path) -> None:
    """Exported for it, and held against PyTorch."""
    weights = _weights(folder, NAMES[0])
    wide = feature_extractor(NAMES[0], "float32", "squash", weights, folder / "other", (64, 96))
    assert wide.preprocessing.size == (64, 96)
    assert wide.fingerprint != _extractor(folder, NAMES[0]).fingerprint
    with pytest.raises(BackboneError, match="cannot take images of 33 × 35 pixels"):
        feature_extractor(NAMES[1], "float32", "squash", _weights(folder, NAMES[1]), folder / "other", (33, 35))


class _Linear(nn.Module):
    """The mean of each channel, weighed."""

    def forward_features(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3)) * torch.tensor([1.0, 2.0, 3.0])

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_features(x)


class _Swayed(_Linear):
    def forward(self, x: Tensor) -> Tensor:
        return self.forward_features(x) * (2 if torch.compiler.is_exporting() else 1)


class _Branching(_Linear):
    def forward(self, x: Tensor) -> Tensor:
        return self.forward_features(x) * (2 if bool(x.mean() > 0) else 1)


def _pretrained(module: nn.Module) -> Pretrained:
    third = (0.5, 0.4, 0.3)
    return Pretrained("timm:drawn", module.eval(), 3, (24, 40), third, third, "bilinear", "none", "drawn", maps=False)


def test_a_network_that_takes_no_square(tmp_path: Path) -> None:
    export(_pretrained(_Linear()), tmp_path / "drawn.onnx")
    extractor = feature_extractor(str(tmp_path / "drawn.onnx"), "float32", "squash")
    assert extractor.preprocessing.size == (24, 40)
    images = IMAGES[:, :24, :40]
    expected = by_torch(_pretrained(_Linear()), images)
    assert np.allclose(run(open_session(extractor.graph), ["embedding"], images)[0], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_Swayed, "timm:drawn: as ONNX it gives other numbers than in PyTorch: "),
        (_Branching, "timm:drawn: PyTorch cannot export it to ONNX ("),
    ],
)
def test_what_cannot_be_relied_on_is_not_written(tmp_path: Path, make: Callable[[], nn.Module], reason: str) -> None:
    with pytest.raises(BackboneError) as caught:
        export(_pretrained(make()), tmp_path / "drawn.onnx")
    assert str(caught.value).startswith(reason)
    assert str(caught.value).isprintable()  # one line, without the colours of PyTorch's own
    assert "This is step" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_network_larger_than_a_file_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained_export, "LARGEST", 10)
    module = nn.Linear(2, 2)
    with pytest.raises(BackboneError, match=r"timm:drawn: has 0\.0 GB of weights, and one ONNX file holds 2\. Name"):
        export(_pretrained(module), tmp_path / "drawn.onnx")


def test_without_the_extra_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "whatsit.embedding.backbones.timm")
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'whatsit\[networks\]'"):
        feature_extractor("timm:resnet18", "float32", "crop", None, tmp_path)


@pytest.mark.parametrize("name", ["efficientnet-lite0", "my.onnx", "resnet18"])
def test_weights_go_with_timm_alone(name: str) -> None:
    with pytest.raises(BackboneError, match=f"--weights goes with --backbone timm:NAME, got '{name}'"):
        feature_extractor(name, "float32", "crop", "weights.safetensors")


def test_the_cache_lists_and_clears_it(folder: Path, tmp_path: Path) -> None:
    _copied(folder, tmp_path).with_name("precision.json").write_text("{}")
    for path in tmp_path.glob("timm-test_vit-*"):
        path.unlink()
    with Embedder(_extractor(folder, NAMES[0]), tmp_path) as embedder:
        embedder.fill(save_drawings(tmp_path / "photos", 2))
    network, vectors = sorted(cache_contents(tmp_path), key=lambda entry: not entry.is_network)
    assert (network.backbone, network.vectors) == ("timm-test_resnet", None)
    assert (vectors.vectors, vectors.is_network) == (2, False)
    assert network.bytes == sum(path.stat().st_size for path in tmp_path.glob("timm-test_resnet-*.*n*"))
    for name in ("timm-mine.onnx", "timm-test_resnet-0123456789abcdef.onnx.bak"):
        (tmp_path / name).write_text("keep me")
    (tmp_path / f".{network.file.name}.x1_y2z3w").write_text("what a kill left")
    clear_cache(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"photos", "timm-mine.onnx", "timm-test_resnet-0123456789abcdef.onnx.bak"}


def test_a_file_of_embeddings_finds_its_network_again(folder: Path, tmp_path: Path, cache: Path) -> None:
    save_drawings(tmp_path / "photos", 3)
    _copied(folder, cache)
    weights = str(_weights(folder, NAMES[0]))
    options = replace(TrainOptions(), backbone=NAMES[0], weights=weights, resize_mode="crop")
    written = embed(tmp_path / "photos", tmp_path / "vectors.parquet", options, cache=cache)
    assert (written.rows, written.failed) == (3, 0)
    source = ParquetSource(tmp_path / "vectors.parquet", TrainOptions().backbone, weights)
    assert source.extractor("crop").fingerprint == PhotoSource(options, cache).extractor("crop").fingerprint


def test_the_first_use_is_watched(folder: Path) -> None:
    steps: list[str] = []

    def progress(step: str, total: int | None) -> object:
        from whatsit.progress import no_progress

        steps.append(step)
        return no_progress(step, total)

    options = replace(TrainOptions(), backbone=NAMES[1], weights=str(_weights(folder, NAMES[1])))
    PhotoSource(options, folder / "cache", progress).extractor("crop")  # type: ignore[arg-type]
    assert steps == ["preparing timm:test_vit"]


def test_the_description_is_one_that_a_user_could_write(folder: Path) -> None:
    (path,) = (folder / "cache").glob("timm-test_vit-*.json")
    described = json.loads(path.read_text())
    assert described["size"] == [160, 160]
    assert (described["layout"], described["scale"], described["output"]) == ("nchw", 1, "embedding")
    assert "features" not in described
