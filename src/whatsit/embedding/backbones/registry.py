"""Backbones by name: which source a name belongs to, and how it becomes a graph: uint8 images in, an embedding out.

A source makes all backbones whose names look alike. The registry's name says how: `timm:` stands for every name that
begins so, `.onnx` for every name that ends so, `efficientnet-lite0` for itself alone. A source of whatsit's own is a
module here and a row of the table; another package adds one by an entry point in the group `whatsit.backbones`.

Whichever source a backbone is of, what comes out has one form, and its fingerprint tells its vectors from all others'.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from whatsit.config import Precision
from whatsit.embedding.backbones.extractor import FeatureExtractor
from whatsit.errors import BackboneError
from whatsit.images.preprocessing import ResizeMode
from whatsit.registry import Registry
from whatsit.text import meant


@dataclass(frozen=True)
class BackboneRequest:
    """Which backbone is asked for, and how it is to be used."""

    name: str  # as it was typed
    precision: Precision
    resize_mode: ResizeMode
    weights: Path | None  # the user's file; None where the source takes none
    cache: str | Path | None  # the folder for files that are made once; None: the usual one
    size: tuple[int, int] | None  # (height, width) of the images in pixels; None: the backbone's own


@dataclass(frozen=True)
class BackboneSource:
    """What a source of backbones must be. The module that has it imports nothing heavy: `make` does.

    make: Raises BackboneError for a name that the source does not have, where weights cannot be read, and where the
    backbone cannot take such images; MissingExtraError where a package is not installed.
    """

    make: Callable[[BackboneRequest], FeatureExtractor]
    has_int8: bool = False  # else `precision` is always float32
    takes_weights: bool = False  # a file of the user's, by --weights
    is_file: bool = False  # the name is a path, so the same name may be another network tomorrow
    is_slow: bool = False  # the first use of a backbone takes seconds, or a download


BACKBONES = Registry[BackboneSource](
    "whatsit.backbones",
    "backbone",
    {
        **{f"efficientnet-lite{n}": "whatsit.embedding.backbones.lite:SOURCE" for n in range(3)},
        "timm:": "whatsit.embedding.backbones.exported:SOURCE",
        ".onnx": "whatsit.embedding.backbones.custom:SOURCE",
    },
    expected="a BackboneSource (whatsit.embedding.backbones.registry)",
    accepts=lambda value: isinstance(value, BackboneSource),
    error=BackboneError,
)


def find_source(name: str) -> BackboneSource | None:
    """The source that a backbone's name belongs to; None where it belongs to none.

    Raises BackboneError where the source's package cannot be imported.
    """
    prefix, colon, _ = name.partition(":")
    keys = [*([prefix + colon] if colon else []), *([name[name.rfind(".") :]] if "." in name else []), name]
    return next((BACKBONES.get(key) for key in keys if key in BACKBONES), None)


def source_of(name: str) -> BackboneSource:
    """Raises BackboneError for a name of no source."""
    source = find_source(name)
    if source is None:
        raise _unknown(name)
    return source


def _unknown(name: str) -> BackboneError:
    keys = list(BACKBONES)
    endings = [f"my{key}" for key in keys if key.startswith(".")]
    names = [key for key in keys if not key.startswith(".") and not key.endswith(":")]
    shown = ", ".join([*names, *(f"{key}NAME" for key in keys if key.endswith(":"))])
    hint = meant(name, names)
    return BackboneError(f"no backbone {name!r}. There are: {shown}, and any {' or '.join(endings)} of your own.{hint}")


def feature_extractor(
    name: str,
    precision: Precision,
    resize_mode: ResizeMode,
    weights: str | Path | None = None,
    cache: str | Path | None = None,
    size: tuple[int, int] | None = None,
) -> FeatureExtractor:
    """Makes a backbone ready.

    weights: a file instead of timm's pretrained weights; cache: the folder that keeps networks of timm, else the usual
    one; size: (height, width) in pixels of its images, else its own. Networks of timm and the user's own are float32,
    whatever the precision. Raises BackboneError for any other name, where its weights cannot be read, and where it
    cannot take such images; MissingExtraError where weights, or timm, are not installed.
    """
    source = find_source(name)
    if weights is not None and not (source and source.takes_weights):
        raise BackboneError(f"--weights goes with --backbone timm:NAME, got {name!r}. Leave one of them out")
    if source is None:
        raise _unknown(name)
    settled: Precision = precision if source.has_int8 else "float32"
    return source.make(BackboneRequest(name, settled, resize_mode, Path(weights) if weights else None, cache, size))
