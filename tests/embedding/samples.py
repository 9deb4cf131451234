"""Small drawn photos, a tiny network of hand-made convolutions, and Python in a process of its own."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from patience import PATIENCE
from PIL import Image

from whatsit.config import Precision
from whatsit.embedding.backbones.efficientnet import Conv
from whatsit.embedding.backbones.extractor import FeatureExtractor
from whatsit.embedding.graph import WriteGraph, float32_graph, int8_graph
from whatsit.images.preprocessing import Preprocessing, ResizeMode

TESTS = Path(__file__).parents[1]
TINY_SIZE, TINY_DIM = 24, 12 + 16  # the head's and the tapped depthwise convolution's means


def drawing(seed: int, side: int = 224) -> NDArray[np.uint8]:
    """(side, side, 3): gradients, soft waves and three blobs, so photo-like; the same on every machine.

    Integers up to the table of waves: no library's sine may round otherwise.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] * 255 // side
    image = np.empty((side, side, 3), np.int64)
    for channel in range(3):
        a, b, c = (int(n) for n in rng.integers(-3, 4, 3))
        wave = np.abs((a * x + b * y + c * x * y // 255) % 256 - 128)
        image[..., channel] = 40 + wave + int(rng.integers(0, 60))
    for _ in range(3):
        top, left, radius = (int(n) for n in rng.integers(30, 200, 3))
        inside = (y - top) ** 2 + (x - left) ** 2 < (radius // 3) ** 2
        image[inside] = (image[inside] + rng.integers(0, 256, 3)) // 2
    image += rng.integers(-6, 7, image.shape)
    return image.clip(0, 255).astype(np.uint8)


def save_drawings(folder: Path, count: int, side: int = 32) -> list[str]:
    """Distinct PNGs; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{seed:03}.png" for seed in range(count)]
    for seed, path in enumerate(paths):
        Image.fromarray(drawing(seed, side)).save(path)
    return [str(path) for path in paths]


def tiny_convolutions() -> list[Conv]:
    """Stem, a block (widen, depthwise, project) with a residual sum, head: all kinds that there are."""
    rng = np.random.default_rng(7)

    def conv(name: str, out: int, entering: int, **rest: Any) -> Conv:
        kernel, groups = rest.pop("kernel", 1), rest.get("groups", 1)
        spread = 1 / np.sqrt(entering * kernel**2 / groups)
        weight = rng.normal(0, spread, (out, entering // groups, kernel, kernel)).astype(np.float32)
        bias = rng.normal(0, 0.3, out).astype(np.float32)
        mean, std = np.full(out, 0.1, np.float32), np.ones(out, np.float32)
        options = {"stride": 1, "groups": 1, "relu6": True, **rest}
        return Conv(name, weight, bias, mean=mean, std=std, **options)

    return [
        conv("stem", 8, 3, kernel=3, stride=2),
        conv("stem_project", 6, 8, relu6=False),
        conv("expand", 16, 6),
        conv("depthwise", 16, 16, kernel=5, groups=16, tapped=True),
        conv("project", 6, 16, relu6=False, adds="stem_project"),
        conv("head", 12, 6, stride=2, tapped=True),
    ]


@cache
def tiny_extractor(resize_mode: ResizeMode = "squash", precision: Precision = "float32") -> FeatureExtractor:
    """A whole extractor that takes microseconds an image."""
    writers: dict[Precision, WriteGraph] = {"float32": float32_graph, "int8": int8_graph}
    graph: bytes = writers[precision](tiny_convolutions(), TINY_SIZE).SerializeToString(deterministic=True)
    preprocessing = Preprocessing(TINY_SIZE, resize_mode)
    return FeatureExtractor("tiny", precision, preprocessing, TINY_DIM, "none", "drawn", graph, has_features=True)


def start_python(code: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """A process of its own, which can import `embedding.samples`; its output is piped."""
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    """Its output, once it has ended well."""
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    return out
