"""Names of timm's networks as backbones: `timm:resnet50`, `timm:resnet50.a1_in1k`. It knows nothing of timm itself.

Where the networks of timm lie in the cache folder, once exported: found again without timm or PyTorch.

A name stands for the network, its weights and the way of exporting. The hub's and the packages' weights are told by
the network's name, the user's by their content.
"""

import hashlib
import re
from pathlib import Path

from whatsit.errors import BackboneError

TIMM = "timm:"
_NAME = re.compile(r"\w+(?:\.\w+)?", re.ASCII)  # an architecture and, after the dot, which of its weights


def is_timm(name: str) -> bool:
    """Whether this asks for a network of timm, be there one of that name or not."""
    return name.startswith(TIMM)


def timm_name(name: str) -> str:
    """The name that timm knows, such as `resnet50.a1_in1k`."""
    return name.removeprefix(TIMM)


def is_well_formed(name: str) -> bool:
    """Whether timm could have such a name, and a file could be called so."""
    return is_timm(name) and _NAME.fullmatch(timm_name(name)) is not None


EXPORT_FORMAT = 1  # counts up when the same network and weights would be exported otherwise
_FILE = r"timm-[\w.]+-[0-9a-f]{16}\.(?:onnx|json)"
NETWORK = re.compile(r"(?P<backbone>timm-[\w.]+)-[0-9a-f]{16}\.onnx")
EXPORTED = re.compile(rf"{_FILE}|\.{_FILE}\.\w+")  # with the description, and what a kill may leave of an atomic write


def exported_file(folder: Path, name: str, weights: Path | None, size: tuple[int, int] | None = None) -> Path:
    """The ONNX file of the network, be it there or not; its description lies beside it, as JSON.

    Raises BackboneError where `weights` cannot be read.
    """
    of = digest_of(weights) if weights else ""
    at = f" {size[0]}x{size[1]}" if size else ""
    mark = hashlib.sha256(f"{EXPORT_FORMAT} {name} {of}{at}".encode()).hexdigest()[:16]
    readable = timm_name(name) if is_well_formed(name) else "unknown"
    return folder / f"timm-{readable}-{mark}.onnx"


def digest_of(weights: Path) -> str:
    """sha256 of the file's content, hexadecimal. Raises BackboneError where it cannot be read."""
    try:
        with weights.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        advice = "Name a file of weights: --weights FILE"
        raise BackboneError(f"{weights}: cannot be read ({error.strerror}). {advice}") from error
