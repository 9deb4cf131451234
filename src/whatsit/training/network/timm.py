"""A network of timm, to fine-tune or to train from scratch.

timm's module stands as it is, without its classifier; what pools its features is a part of it. Its blocks are grouped
as timm groups them for layer-wise learning rates. Nothing is dropped within it: timm's own default, and label
smoothing and augmentation do that work here. It knows nothing of where weights come from.
"""

import inspect
import math
from collections.abc import Callable, Sequence
from typing import cast

import timm
import torch
from timm.models import group_parameters
from torch import Tensor, nn

from whatsit.embedding.backbones.hub import quiet
from whatsit.embedding.backbones.names import timm_name
from whatsit.embedding.backbones.timm import SAME, Pretrained, feature_map, fitting, known_config
from whatsit.errors import BackboneError
from whatsit.training.network.modules import RGB, Network

WHITE = 255  # timm's means and deviations are of pixels from 0 to 1
MOST_STAGES = 14  # stem, 12 blocks, norm: of the ViT-B that the default layer decay was tuned on (Bao et al. 2022)
SCRATCH_DROPOUT = 0.2  # before the head, as in the small-resnet of the table


class TimmNetwork(Network):
    """`maps` is the whole of timm's module: it is asked for its features, then to pool them."""

    def parts(self, x: Tensor) -> tuple[Tensor | list[Tensor], Tensor]:
        """Normalised pixels (n, 3, h, w) → timm's features before pooling, mostly a map, and the embedding (n, dim)."""
        features: Tensor | list[Tensor] = feature_map(self.maps, x)
        return features, _pooled(self.maps, features)


def build_timm(pretrained: Pretrained, classes: int) -> Network:
    """With its pretrained weights, and a head that is still to be set. Raises BackboneError for an encoder.

    Takes the module over: `pretrained` is not to be used again.
    """
    colours = _in_pixels(pretrained.mean), _in_pixels(pretrained.std)
    return _network(pretrained.module, classes, pretrained.size, colours)


def build_timm_scratch(name: str, classes: int, size: tuple[int, int] | None = None) -> Network:
    """timm:NAME with weights drawn anew from PyTorch's global generator; nothing is fetched.

    size: (height, width) in pixels, else that of timm's configuration. Raises BackboneError for a name that timm has
    not, for an encoder, and where the network cannot take such images.
    """
    config = known_config(name)
    own = config.input_size[1], config.input_size[2]
    with quiet():
        module = timm.create_model(timm_name(name), pretrained=False, num_classes=0)
    colours = _in_pixels(config.mean), _in_pixels(config.std)
    try:
        with fitting(module, size or own, own):
            return _network(module, classes, size or own, colours, dropout=SCRATCH_DROPOUT)
    except BackboneError as error:
        raise BackboneError(f"{name}: {error}") from error


def _network(
    module: nn.Module, classes: int, size: tuple[int, int], colours: tuple[RGB, RGB], dropout: float = 0.0
) -> Network:
    if "pre_logits" not in inspect.signature(cast(Callable[..., Tensor], module.forward_head)).parameters:
        raise BackboneError("timm has it as an encoder, which classifies nothing. Name another network")
    dim, averages_maps = _tried(module, size)
    return TimmNetwork(
        module,
        nn.Identity(),
        dim=dim,
        classes=classes,
        size=size,
        mean=colours[0],
        std=colours[1],
        averages_maps=averages_maps,
        stage_names=stage_names(module),
        head_dropout=dropout,
    )


def _tried(module: nn.Module, size: tuple[int, int]) -> tuple[int, bool]:
    """The length of the embedding, and whether it is the mean of a map (dim, h, w) over its places."""
    noise = torch.randn((1, 3, *size), generator=torch.Generator().manual_seed(0))
    module.eval()
    with torch.no_grad():
        features = feature_map(module, noise)
        embedding = _pooled(module, features)
    dim = embedding.shape[1]
    if not isinstance(features, Tensor) or features.ndim != 4 or features.shape[1] != dim:  # of several scales: a list
        return dim, False
    apart = (features.mean(dim=(2, 3)) - embedding).abs().max()
    return dim, bool(apart <= SAME * embedding.abs().max())


def _pooled(module: nn.Module, features: Tensor | list[Tensor]) -> Tensor:
    """What timm's network makes of its features, before the classifier: (n, dim)."""
    forward_head = cast(Callable[..., Tensor], module.forward_head)
    return forward_head(features, pre_logits=True).flatten(1)


def stage_names(module: nn.Module) -> list[list[str]]:
    """The names of all parameters, block by block from the input onwards; in deep networks several blocks together.

    So the first learning rates of a deep one fall no further than those of 12 blocks (Liu et al. 2022, ConvNeXt).
    """
    matcher = getattr(module, "group_matcher", None)
    if matcher is None:  # a few of timm's networks have none
        return _merged(_by_name(module), MOST_STAGES)
    grouped = group_parameters(module, matcher())
    return _merged([grouped[key] for key in sorted(grouped)], MOST_STAGES)


def _by_name(module: nn.Module) -> list[list[str]]:
    """`stages.0.blocks.1.weight` is of part `stages.0`, `stem.conv.weight` of `stem`."""
    parts: dict[str, list[str]] = {}
    for name, _ in module.named_parameters():
        first, _, rest = name.partition(".")
        second = rest.partition(".")[0]
        parts.setdefault(f"{first}.{second}" if second.isdecimal() else first, []).append(name)
    return list(parts.values())


def _merged(blocks: Sequence[list[str]], most: int) -> list[list[str]]:
    """Neighbours joined, as evenly as can be, until no more than `most` are left."""
    share = max(1.0, len(blocks) / most)
    stages: dict[int, list[str]] = {}
    for i, names in enumerate(blocks):
        stages.setdefault(math.floor(i / share), []).extend(names)
    return list(stages.values())


def _in_pixels(values: Sequence[float]) -> RGB:
    red, green, blue = (WHITE * value for value in values)
    return red, green, blue
