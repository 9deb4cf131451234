"""A network of timm as a feature extractor: exported to ONNX into the cache folder once, then read from there.

Only the export needs timm and PyTorch, which come with an extra; they are imported when it comes to that.
"""

from dataclasses import replace
from pathlib import Path

from whatsit.embedding.custom import custom_extractor
from whatsit.embedding.extractor import FeatureExtractor
from whatsit.embedding.location import cache_folder
from whatsit.embedding.pretrained.files import exported_file
from whatsit.errors import BackboneError, MissingExtraError
from whatsit.images.preprocessing import Fit


def timm_extractor(
    name: str, fit: Fit, weights: str | Path | None, cache: str | Path | None, size: tuple[int, int] | None
) -> FeatureExtractor:
    """name: timm:resnet50; weights: the user's file instead of timm's; cache: the folder, else the usual one; size:
    (height, width) of its images in pixels, else its own.

    Raises BackboneError for a name that timm has not, and where its weights cannot be had or fitted; MissingExtraError
    where it is to be exported without timm; WhatsitError where the folder cannot be written.
    """
    file = Path(weights) if weights else None
    path = exported_file(cache_folder(cache), name, file, size)
    extractor = _known(path, fit)
    if extractor is None:
        _export(name, file, size, path)
        extractor = custom_extractor(path, fit)
    return replace(extractor, name=name)


def _known(path: Path, fit: Fit) -> FeatureExtractor | None:
    """None where it is yet to be exported, or the file is damaged."""
    if not path.exists():
        return None
    try:
        return custom_extractor(path, fit)
    except BackboneError:
        return None


def _export(name: str, weights: Path | None, size: tuple[int, int] | None, path: Path) -> None:
    try:
        from whatsit.embedding.pretrained.export import export
        from whatsit.embedding.pretrained.network import load_pretrained
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("whatsit"):
            raise
        raise MissingExtraError(f"timm, which {name} is of,", "networks") from error
    export(load_pretrained(name, weights, size), path)
