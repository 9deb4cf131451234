"""Networks of timm as backbones, `timm:NAME`: exported to ONNX into the cache folder once, then read from there.

Only the export needs timm and PyTorch, which come with an extra; they are imported when it comes to that.
"""

from dataclasses import replace
from pathlib import Path

from whatsit.embedding.backbones.custom import custom_extractor
from whatsit.embedding.backbones.extractor import FeatureExtractor
from whatsit.embedding.backbones.names import exported_file
from whatsit.embedding.backbones.registry import BackboneRequest, BackboneSource
from whatsit.embedding.location import cache_folder
from whatsit.errors import BackboneError, MissingExtraError
from whatsit.images.preprocessing import ResizeMode


def _make(request: BackboneRequest) -> FeatureExtractor:
    """Raises WhatsitError also where the cache folder cannot be written."""
    path = exported_file(cache_folder(request.cache), request.name, request.weights, request.size)
    extractor = _known(path, request.resize_mode)
    if extractor is None:
        _export(request, path)
        extractor = custom_extractor(path, request.resize_mode)
    return replace(extractor, name=request.name)


SOURCE = BackboneSource(_make, takes_weights=True, is_slow=True)


def _known(path: Path, resize_mode: ResizeMode) -> FeatureExtractor | None:
    """None where it is yet to be exported, or the file is damaged."""
    if not path.exists():
        return None
    try:
        return custom_extractor(path, resize_mode)
    except BackboneError:
        return None


def _export(request: BackboneRequest, path: Path) -> None:
    try:
        from whatsit.embedding.backbones.export import export
        from whatsit.embedding.backbones.timm import load_pretrained
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("whatsit"):
            raise
        raise MissingExtraError(f"timm, which {request.name} is of,", "networks") from error
    export(load_pretrained(request.name, request.weights, request.size), path)
