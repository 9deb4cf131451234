"""Options that several commands have, and how they print."""

import json
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from whatsit.embedding.devices import DEVICES
from whatsit.images.limits import DEFAULT_LIMITS, Limits

F = TypeVar("F", bound=Callable[..., Any])

cache_option = click.option(
    "--cache", metavar="DIR", help="Embedding cache (default: WHATSIT_CACHE, or the user's cache folder)."
)
device_option = click.option(
    "--device", type=click.Choice(list(DEVICES)), default="cpu", show_default=True, help="Where the network runs."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def limit_options(command: F) -> F:
    """`--max-bytes` and `--max-pixels`."""
    command = click.option(
        "--max-bytes", type=click.IntRange(1), default=DEFAULT_LIMITS.max_bytes, help="Refuse larger files."
    )(command)
    return click.option(
        "--max-pixels",
        type=click.IntRange(1),
        default=DEFAULT_LIMITS.max_pixels,
        help="Refuse larger images.",
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
    return Limits(max_bytes=max_bytes, max_pixels=max_pixels)
