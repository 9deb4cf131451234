"""A network as a table of its layers: what comes out of each, its parameters, and its multiplications for one image.

The network runs once on a black image; PyTorch counts the operations, attention as plain products, since not all of its
kernels are counted. Deep networks are told block by block, as few levels down as it takes for the table to stay
readable.

A name → an untrained network and its table, for people. No weights are fetched.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from whatsit.embedding.backbones.lite import LITES
from whatsit.embedding.backbones.names import is_timm
from whatsit.errors import MissingExtraError, WhatsitError
from whatsit.text import meant
from whatsit.training.network.architectures import ARCHITECTURES, architecture
from whatsit.training.network.cnn import LiteMaps, build_cnn, build_lite
from whatsit.training.network.modules import Network

MOST = 32  # rows: with its head and its totals the table fits a large terminal
BLOCK = "block"  # the kind of several layers that no module of their own holds
_OURS = {"head": "output", "dropout": "output.dropout"}  # timm, too, calls a part of some networks head
KINDS = {"FoldedConv": "Conv2d", "DepthwiseConv2d": "Conv2d"}  # what they are to a reader
IDLE = ("Identity", "Dropout(0)")


@dataclass(frozen=True)
class LayerRow:
    """A layer, or a block of them."""

    name: str
    kind: str
    output: tuple[int, ...]  # of one image: (channels, height, width) of a map, (dim,) of a vector; a parameter's shape
    parameters: int
    multiply_adds: int  # for one image


@dataclass(frozen=True)
class Summary:
    """All layers in order, and the totals: multiplications outside of any layer are in the total alone."""

    size: tuple[int, int]  # (height, width) in pixels
    classes: int
    rows: tuple[LayerRow, ...]
    parameters: int
    multiply_adds: int


@dataclass
class _Call:
    """What was seen of one module."""

    module: nn.Module
    leaf: bool = True
    output: tuple[int, ...] = ()
    own: int = 0  # floating-point operations, without those of modules within


@dataclass
class _Seen:
    """Modules by name, in the order in which they were entered."""

    calls: dict[str, _Call] = field(default_factory=dict)
    entered: list[tuple[str, int, list[int]]] = field(
        default_factory=list
    )  # name, count before, counts of those within


def layers(network: Network, most: int = MOST) -> list[LayerRow]:
    """In the order of computation; blocks of them, where they are more than `most`."""
    return list(summarise(network, most).rows)


def summarise(network: Network, most: int = MOST) -> Summary:
    """The network stays as it is, on the CPU and in its mode."""
    names = _shown_names(network)
    seen, operations = _Seen(), FlopCounterMode(display=False)
    training = network.training
    network.eval()
    try:
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), operations, _watched(names, seen, operations):
            network(torch.zeros((1, 3, *network.size)))
    finally:
        network.train(training)
    depths = range(max(name.count(".") + 1 for name in seen.calls), 0, -1)
    rows = next((rows for d in depths if len(rows := _rows(network, names, seen, d)) <= most), None)
    return Summary(
        network.size,
        network.classes,
        tuple(_rows(network, names, seen, 1) if rows is None else rows),
        sum(p.numel() for p in network.parameters()),
        operations.get_total_flops() // 2,  # a multiplication and an addition
    )


def _shown_names(network: Network) -> Mapping[nn.Module, str]:
    """Modules by the names of timm, of EfficientNet's authors, or of the place in `maps`; the head is "output"."""
    names = {}
    within = set()
    for path, module in network.named_modules():
        if path not in ("", "maps") and module not in within:
            names[module] = _OURS.get(path, path.removeprefix("maps."))
            if _is_one(module):
                within |= set(module.modules()) - {module}
    if isinstance(network.maps, LiteMaps):
        for module, name in zip(network.maps.layers, network.maps.names, strict=True):
            names[module] = name.replace("._", ".").removeprefix("_")
    return names


def _is_one(module: nn.Module) -> bool:
    """Whether all its parameters are its own, as those of a batch norm with an activation are."""
    own = sum(1 for _ in module.parameters(recurse=False))
    return own > 0 and own == sum(1 for _ in module.parameters())


@contextmanager
def _watched(names: Mapping[nn.Module, str], seen: _Seen, operations: FlopCounterMode) -> Iterator[None]:
    def enter(module: nn.Module, _: object) -> None:
        if seen.entered:
            seen.calls[seen.entered[-1][0]].leaf = False
        seen.calls.setdefault(names[module], _Call(module))
        seen.entered.append((names[module], operations.get_total_flops(), []))

    def leave(module: nn.Module, _: object, output: object) -> None:
        name, before, within = seen.entered.pop()
        spent = operations.get_total_flops() - before
        call = seen.calls[name]
        call.own += spent - sum(within)
        call.output = _shape(output)
        if seen.entered:
            seen.entered[-1][2].append(spent)

    hooks = [hook for m in names for hook in (m.register_forward_pre_hook(enter), m.register_forward_hook(leave))]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _shape(output: object) -> tuple[int, ...]:
    """Of one image; of several outputs that of the first."""
    while isinstance(output, list | tuple) and output:
        output = output[0]
    return tuple(output.shape[1:]) if isinstance(output, Tensor) else ()


def _rows(network: Network, names: Mapping[nn.Module, str], seen: _Seen, depth: int) -> list[LayerRow]:
    members: dict[str, list[_Call]] = {}
    for name, call in seen.calls.items():
        if call.leaf or name.count(".") + 1 >= depth:
            members.setdefault(_cut(name, depth), []).append(call)
    parameters = dict.fromkeys(members, 0)
    alone = []
    for module, own in {nn.Module(): "", network.maps: "", **names}.items():
        for short, parameter in module.named_parameters(recurse=False):
            if (name := _cut(own, depth)) in members:
                parameters[name] += parameter.numel()
            else:
                shown = f"{own}.{short}".lstrip(".")
                alone.append(LayerRow(shown, "Parameter", tuple(parameter.shape), parameter.numel(), 0))
    rows = [_row(name, seen, calls, parameters[name]) for name, calls in members.items()]
    return alone + [row for row in rows if row.kind not in IDLE]


def _cut(name: str, depth: int) -> str:
    return ".".join(name.split(".")[:depth])


def _row(name: str, seen: _Seen, calls: list[_Call], parameters: int) -> LayerRow:
    whole = seen.calls.get(name) or (calls[0] if len(calls) == 1 else None)
    output = whole.output if whole else calls[-1].output
    kind = _kind(whole.module) if whole else BLOCK
    return LayerRow(name, kind, output, parameters, sum(call.own for call in calls) // 2)


def _kind(module: nn.Module) -> str:
    """With the kernel of a convolution, or the share that is dropped."""
    name = type(module).__name__
    if isinstance(module, nn.Dropout):
        return f"Dropout({module.p:g})"
    weight = getattr(module, "weight", None)
    kernel = f" {weight.shape[-2]}×{weight.shape[-1]}" if isinstance(weight, Tensor) and weight.ndim == 4 else ""
    return KINDS.get(name, name) + kernel


PUBLISHED_CLASSES = {"cnn-boats": 16}


TWO = 2  # classes, as most of the tutorials have
WIDTH = 80  # characters of a line, as of the narrowest terminals
KIND = 18  # of them; names get what the other columns leave
HEADINGS = ("layer", "kind", "output", "parameters", "mult-adds")
GAP = "  "
Widths = tuple[int, ...] | None
Line = tuple[str, str, str, str, str]


def summary_of(
    name: str,
    classes: int | None = None,
    size: tuple[int, int] | None = None,
    layers: Widths = None,
    dense: Widths = None,
) -> Summary:
    """name: of the table of architectures, of a fine-tuned backbone, or timm:NAME; size: (height, width) in pixels.

    Raises WhatsitError for an unknown name, a size that the network cannot take, or layers that it cannot have.
    """
    return summarise(_network(name, classes or PUBLISHED_CLASSES.get(name, TWO), size, layers, dense))


def _network(name: str, classes: int, size: tuple[int, int] | None, layers: Widths, dense: Widths) -> Network:
    if name in ARCHITECTURES:
        return build_cnn(architecture(name, layers=layers, dense=dense, size=size), classes)
    for option, value in (("--layers", layers), ("--dense", dense)):
        if value is not None:
            raise WhatsitError(f"{option} has no effect on {name}, only on: {', '.join(ARCHITECTURES)}. Leave it out")
    if name in LITES:
        return build_lite(LITES[name], classes, size)
    if is_timm(name):
        from whatsit.training.network.timm import build_timm_scratch  # timm takes seconds to import

        return build_timm_scratch(name, classes, size)
    known = ", ".join((*ARCHITECTURES, *LITES))
    hint = meant(name, (*ARCHITECTURES, *LITES))
    raise WhatsitError(f"no architecture {name!r}. There are: {known}, and timm:NAME for timm's.{hint}")


def purpose_of(name: str) -> str:
    """What an architecture is for, in words; nothing of timm's, of which timm's own pages tell."""
    if name in ARCHITECTURES:
        return ARCHITECTURES[name].purpose
    if name in LITES:
        return f"{LITES[name].purpose}; pretrained, for --method finetune and as a probe's backbone"
    return ""


def all_described() -> dict[str, Summary]:
    """All but timm's, as published; without backbones whose weights are not installed."""
    found = {}
    for name in (*ARCHITECTURES, *LITES):
        try:
            found[name] = summary_of(name)
        except MissingExtraError:
            continue
    return found


def table(summary: Summary) -> str:
    """Lines of up to 80 characters, and the totals."""
    lines: list[Line] = [HEADINGS, *(_line(row) for row in summary.rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADINGS))]
    widths[0] = min(widths[0], WIDTH - sum(len(GAP) + width for width in widths[1:]))
    told = [GAP.join(_aligned(line, widths)).rstrip() for line in lines]
    return "\n".join([*told, "", totals(summary)])


def totals(summary: Summary) -> str:
    """One line."""
    height, width = summary.size
    return (
        f"{summary.parameters:,} parameters, {short(summary.multiply_adds)} multiply-adds for an image of "
        f"{height} × {width} pixels"
    )


def _aligned(line: Line, widths: list[int]) -> list[str]:
    """Words to the left, figures to the right."""
    line = (_tail(line[0], widths[0]), *line[1:])
    return [cell.ljust(w) if i < 3 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))]


def _line(row: LayerRow) -> Line:
    output = " × ".join(map(str, row.output))
    kind = row.kind if len(row.kind) <= KIND else f"{row.kind[: KIND - 1]}…"
    return row.name, kind, output, f"{row.parameters:,}", short(row.multiply_adds)


def _tail(name: str, most: int) -> str:
    """A long name's last part tells more than its first."""
    return name if len(name) <= most else f"…{name[1 - most :]}"


def short(number: int) -> str:
    """Three digits are enough of a multiply-add count.

    >>> short(1_813_561_856)
    '1.81 G'
    >>> short(512)
    '512'
    """
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= 0.9995 * size:  # 999,999 is 1 M
            return f"{number / size:.3g} {unit}"
    return str(number)
