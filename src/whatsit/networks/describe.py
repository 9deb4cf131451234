"""A name → an untrained network and its table, for people. No weights are fetched."""

from whatsit.embedding.backbones import BACKBONES
from whatsit.embedding.pretrained.names import is_timm
from whatsit.errors import MissingExtraError, WhatsitError
from whatsit.networks.architectures import ARCHITECTURES, architecture
from whatsit.networks.cnn import build_cnn
from whatsit.networks.lite import build_lite
from whatsit.networks.network import Network
from whatsit.networks.summary import LayerRow, Summary, summarise
from whatsit.networks.timm_network import build_timm_scratch
from whatsit.text import meant

PUBLISHED_CLASSES = {"cnn-boats": 16}
TWO = 2  # classes, as most of the tutorials have
WIDTH = 80  # characters of a line, as of the narrowest terminals
KIND = 18  # of them; names get what the other columns leave
HEADINGS = ("layer", "kind", "output", "parameters", "mult-adds")
GAP = "  "
Widths = tuple[int, ...] | None
Line = tuple[str, str, str, str, str]


def described(
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
    if name in BACKBONES:
        return build_lite(BACKBONES[name], classes, size)
    if is_timm(name):
        return build_timm_scratch(name, classes, size)
    known = ", ".join((*ARCHITECTURES, *BACKBONES))
    hint = meant(name, (*ARCHITECTURES, *BACKBONES))
    raise WhatsitError(f"no architecture {name!r}. There are: {known}, and timm:NAME for timm's.{hint}")


def all_described() -> dict[str, Summary]:
    """All but timm's, as published; without backbones whose weights are not installed."""
    found = {}
    for name in (*ARCHITECTURES, *BACKBONES):
        try:
            found[name] = described(name)
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
