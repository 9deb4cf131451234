"""Options that several commands have, and how they print.

The size of a network's input, as it is typed: `150`, or `30x100` for height × width.

The range of values of deep photos, as it is typed: `0:4095` for black and white.

Options of the commands that embed or learn; apart from `shared.py`, as `predict` starts without them.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

from whatsit.cli.choices import Registered
from whatsit.config import GROUP_BY_NAME, MOST_SEED, NEAR_COPIES, TrainOptions
from whatsit.embedding.engines.registry import ENGINES, TRAINS
from whatsit.images.limits import DEFAULT_LIMITS, Limits, Page, is_bands
from whatsit.images.preprocessing import is_value_range
from whatsit.text import PLAIN_CELLS

F = TypeVar("F", bound=Callable[..., Any])


Options = TypeVar("Options")  # a dataclass


if TYPE_CHECKING:
    from click import ParamType as ParamType
else:

    class ParamType(click.ParamType):
        """Click's, which names the type that it gives; before click 8.3 that could not be written."""

        def __class_getitem__(cls, given: object) -> type:
            return cls


class FiniteRange(click.FloatRange):
    """Click's range, which lets NaN through (it is neither below nor above a bound), and infinity where one is open."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        converted = super().convert(value, param, ctx)
        if not isfinite(converted):
            self.fail(f"{converted} is not in the range {self._describe_range()}.", param, ctx)
        return converted


def in_order(options: Sequence[Callable[[F], F]], command: F) -> F:
    """The command with a table's options, which its help lists in the table's order."""
    for option in reversed(options):
        command = option(command)
    return command


def taken(values: dict[str, Any], kind: type[Options]) -> Options:
    """The dataclass made of those of a command's values that are its fields, taken out; None is its default."""
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    own = {name: values.pop(name) for name in names if name in values}
    return kind(**{name: value for name, value in own.items() if value is not None})


cache_option = click.option(
    "--cache", metavar="DIR", help="Embedding cache (default: WHATSIT_CACHE, or the user's cache folder)."
)


def _device_option(more: Sequence[str] = ()) -> Callable[[F], F]:
    kind = Registered(ENGINES, more)
    return click.option("--device", type=kind, default="cpu", show_default=True, help="Where the network runs.")


device_option = _device_option()


training_device_option = _device_option(TRAINS)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def _told(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    """Kept for `limits`, so that commands need no parameter for it."""
    ctx.meta[f"whatsit.{option.name}"] = value


def _bands(ctx: click.Context, option: click.Parameter, value: str | None) -> None:
    bands = None if value is None else tuple(int(one) if one.isdecimal() else 0 for one in value.split(","))
    if bands is not None and not is_bands(bands):
        raise click.BadParameter(f"{value!r}: expected one number from 1, or three for red, green, blue, as 4,3,2")
    _told(ctx, option, bands)


def limit_options(command: F) -> F:
    """`--max-bytes` and `--max-pixels`; `--bands` and `--page`."""
    command = click.option(
        "--page",
        type=click.Choice(get_args(Page)),
        default=DEFAULT_LIMITS.page,
        show_default=True,
        expose_value=False,
        callback=_told,
        help="Of a file with several: the first; all, a photo each; or grey ones as channels of one photo.",
    )(command)
    command = click.option(
        "--bands",
        metavar="R,G,B",
        expose_value=False,
        callback=_bands,
        help="Bands of a TIFF that are red, green, blue, as 4,3,2; or one that is grey.",
    )(command)
    command = click.option(
        "--max-bytes", type=click.IntRange(1), default=DEFAULT_LIMITS.max_bytes, help="Refuse larger files."
    )(command)
    return click.option(
        "--max-pixels",
        type=click.IntRange(1),
        default=DEFAULT_LIMITS.max_pixels,
        help="Refuse larger images.",
    )(command)


def _leave_cells(ctx: click.Context, _: click.Parameter, wanted: bool) -> bool:
    if wanted:
        ctx.with_resource(_plain_cells())
    return wanted


@contextmanager
def _plain_cells() -> Iterator[None]:
    """In the environment, so that processes that this one starts do so, too; until the command ends."""
    before = os.environ.get(PLAIN_CELLS)
    os.environ[PLAIN_CELLS] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[PLAIN_CELLS]
        else:
            os.environ[PLAIN_CELLS] = before


def plain_cells_option(command: F, *, expose_value: bool = False) -> F:
    """`--plain-cells`, of every command that writes CSV."""
    return click.option(
        "--plain-cells",
        is_flag=True,
        expose_value=expose_value,
        callback=_leave_cells,
        help="In CSV, no apostrophe before what a spreadsheet would take for a formula.",
    )(command)


def json_line(value: Any) -> str:
    """One line of JSON that stdout can hold: escaped where its encoding, or a name, is not UTF-8."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(value)
    return text


def limits(max_bytes: int, max_pixels: int) -> Limits:
    """With what the running command was told of bands and pages."""
    told = click.get_current_context().meta
    bands, page = told.get("whatsit.bands"), told.get("whatsit.page", DEFAULT_LIMITS.page)
    return Limits(max_bytes=max_bytes, max_pixels=max_pixels, bands=bands, page=page)


LEAST, MOST = 8, 2048  # pixels a side: below, nothing can be told apart; above, no network here has the memory


class ImageSize(ParamType[tuple[int, int]]):
    """Gives (height, width) in pixels."""

    name = "size"

    def convert(
        self, value: str | tuple[int, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Takes a pair as it is, such as a default."""
        if isinstance(value, tuple):
            return value
        typed = re.fullmatch(r"([0-9]{1,5})(?:[x×]([0-9]{1,5}))?", value.strip().lower())
        height, width = (int(typed[1]), int(typed[2] or typed[1])) if typed else (0, 0)
        if not (LEAST <= height <= MOST and LEAST <= width <= MOST):
            self.fail(
                f"{value!r} is no image size. Expected pixels from {LEAST} to {MOST}, as 150 or 30x100 "
                "(height × width)",
                param,
                ctx,
            )
        return height, width


IMAGE_SIZE = ImageSize()


class ValueRange(ParamType[tuple[float, float]]):
    """Gives (black, white)."""

    name = "range"

    def convert(
        self, value: str | tuple[float, float], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        """Takes a pair as it is, such as a default."""
        if isinstance(value, tuple):
            return value
        low, _, high = value.partition(":")
        try:
            pair = float(low), float(high)
        except ValueError:
            pair = 0.0, 0.0
        if not is_value_range(pair):
            self.fail(f"{value!r} is no range of values. Expected LOW:HIGH, black first, as 0:4095", param, ctx)
        return pair


value_range_option = click.option(
    "--value-range",
    type=ValueRange(),
    metavar="LOW:HIGH",
    help="Black and white in deep photos (more than 8 bits), as 0:4095 (default: as measured).",
)


DEFAULTS = TrainOptions()


balance_option = click.option(
    "--balance", is_flag=True, help="Every class weighs the same, however many photos it has."
)


precision_option = click.option(
    "--target-precision",
    type=FiniteRange(0, 1),
    default=DEFAULTS.target_precision,
    show_default=True,
    help="Wanted share of right answers; below it the answer is 'unsure'.",
)


seed_option = click.option(
    "--seed",
    type=click.IntRange(0, MOST_SEED),
    default=DEFAULTS.seed,
    show_default=True,
    help="Another seed draws other splits.",
)


def group_options(command: F) -> F:
    """`--near-copies` and `--group-by-name`."""
    command = click.option(
        "--group-by-name",
        type=click.Choice(GROUP_BY_NAME),
        default=DEFAULTS.group_by_name,
        show_default=True,
        help="Keep photos of one source by their names together: where they look alike, wherever proposed, or never.",
    )(command)
    return click.option(
        "--near-copies",
        type=click.Choice(NEAR_COPIES),
        default=DEFAULTS.near_copies,
        show_default=True,
        help="Keep near-copies on one side of every split, or ignore that they look alike.",
    )(command)


def backbone_option(command: F) -> F:
    """`--backbone` and `--weights`."""
    command = click.option(
        "--weights", metavar="FILE", help="Weights of timm:NAME, as safetensors (default: timm's own, fetched once)."
    )(command)
    return click.option(
        "--backbone",
        default=DEFAULTS.backbone,
        show_default=True,
        help="A name, timm:NAME for a pretrained network of timm, or my.onnx of your own.",
    )(command)


image_size_option = click.option(
    "--image-size",
    type=IMAGE_SIZE,
    help="Of what the network sees: 150, or 30x100 for height × width (default: the network's own).",
)


bits_option = click.option(
    "--precision",
    type=click.Choice(["auto", "int8", "float32"]),
    default=DEFAULTS.precision,
    show_default=True,
    help="Precision of the backbone; auto is int8 where the processor multiplies 8-bit numbers natively.",
)
