"""Which precision a machine runs faster: measured once, then remembered in the cache folder.

8 bits pay where the processor multiplies them natively (VNNI on x86, dot products on ARM); elsewhere they may
cost.
"""

import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import onnxruntime as ort

from whatsit.embedding.backbones import FeatureExtractor, Precision, feature_extractor, is_custom
from whatsit.embedding.cache import ELSEWHERE, PRECISION_FILE
from whatsit.embedding.pretrained.names import is_timm
from whatsit.embedding.session import open_session, run
from whatsit.errors import EmbeddingError, WhatsitError
from whatsit.files import write_atomically

PAYS = 1.2  # 8 bits must be this many times as fast: beyond noise, and worth the rounding
IMAGES = 4
ROUNDS = 3


def _seconds(extractor: FeatureExtractor) -> float:
    """The best of a few runs on one thread: the least disturbed by whatever else runs."""
    session = open_session(extractor.graph)
    seen = extractor.preprocessing
    image = np.zeros((IMAGES, seen.height, seen.width, 3), np.uint8)
    run(session, ["embedding"], image)
    return min(_timed(lambda: run(session, ["embedding"], image)) for _ in range(ROUNDS))


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def settle_precision(wanted: Precision | Literal["auto"], backbone: str, device: str, folder: Path) -> Precision:
    """What was asked for; by "auto" the faster one where that can be measured: a backbone of the table, on a CPU.

    Raises EmbeddingError where the cache folder cannot be written.
    """
    if wanted != "auto":
        return wanted
    return faster_precision(backbone, folder) if device == "cpu" else "float32"


def faster_precision(backbone: str, folder: Path) -> Precision:
    """Gives "int8" where it pays on this machine, else "float32"; the answer is kept in `folder`.

    A backbone of timm's or the user's own has no 8-bit form. Raises EmbeddingError where the folder cannot be written.
    """
    if is_custom(backbone) or is_timm(backbone):
        return "float32"
    path = folder / PRECISION_FILE
    machine = f"{backbone}, onnxruntime {ort.__version__}, {platform.machine()} {_processor()}"
    known = _remembered(path)
    if known.get(machine) not in get_args(Precision):
        known[machine] = _measured(backbone)
        _remember(path, known)
    return known[machine]


def _remember(path: Path, known: dict[str, Precision]) -> None:
    try:
        write_atomically(path, json.dumps(known, indent=1).encode())
    except WhatsitError as error:
        raise EmbeddingError(f"embedding cache: {error}. {ELSEWHERE}") from error


def _measured(backbone: str) -> Precision:
    slow, fast = (_seconds(feature_extractor(backbone, name, "squash")) for name in ("float32", "int8"))
    return "int8" if slow / fast >= PAYS else "float32"


def _remembered(path: Path) -> dict[str, Precision]:
    """Machine → precision; nothing, so that it is measured anew, where the file is missing or damaged."""
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _processor() -> str:
    """The model's name, for a cache folder may be shared by unlike machines; Python knows none on Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
