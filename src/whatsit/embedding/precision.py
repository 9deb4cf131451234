"""Which precision a machine runs faster: measured once, then remembered in the cache folder.

8 bits pay where the processor multiplies them natively (VNNI on x86, dot products on ARM); elsewhere they may cost.
"""

import json
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime as ort

from whatsit.embedding.backbones import FeatureExtractor, Precision, feature_extractor
from whatsit.embedding.session import open_session, run
from whatsit.files import write_atomically

PAYS = 1.2  # 8 bits must be this many times as fast: beyond noise, and worth the rounding
IMAGES = 4
ROUNDS = 3


def _seconds(extractor: FeatureExtractor) -> float:
    """The best of a few runs on one thread: the least disturbed by whatever else runs."""
    session = open_session(extractor.graph)
    size = extractor.preprocessing.size
    image = np.zeros((IMAGES, size, size, 3), np.uint8)
    run(session, ["embedding"], image)
    return min(_timed(lambda: run(session, ["embedding"], image)) for _ in range(ROUNDS))


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def faster_precision(backbone: str, folder: Path) -> Precision:
    """"int8" where it pays on this machine, else "float32"; the answer is kept in `folder`."""
    machine = f"{backbone}, onnxruntime {ort.__version__}, {platform.machine()} {platform.processor()}"
    path = folder / "precision.json"
    known: dict[str, Precision] = {}
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        pass  # measured anew
    if known.get(machine) not in ("int8", "float32"):
        ratio = _seconds(feature_extractor(backbone, "float32", "squash")) / _seconds(
            feature_extractor(backbone, "int8", "squash")
        )
        known[machine] = "int8" if ratio >= PAYS else "float32"
        write_atomically(path, json.dumps(known, indent=1).encode())
    return known[machine]
