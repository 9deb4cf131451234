"""Builds tiny data sets on the disk and random ones in memory."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def photo(path: Path, shade: int = 0) -> Path:
    """A real JPEG of 8 × 8 pixels, whatever the name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (shade % 256, 40, 90)).save(path, format="JPEG")
    return path


def tree(root: Path, *names: str) -> Path:
    """A folder with a photo under each of the names."""
    for shade, name in enumerate(names):
        photo(root / name, shade)
    return root


def manifest(path: Path, text: str, *photos: str) -> Path:
    """A manifest, and the photos that it lists, beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    tree(path.parent, *photos)
    return path


def digests(n: int, start: int = 0) -> list[str]:
    """`n` distinct sha256."""
    return [hashlib.sha256(str(i).encode()).hexdigest() for i in range(start, start + n)]


def no_groups(n: int) -> list[str | None]:
    return [None] * n


def each_alone(n: int) -> NDArray[np.int64]:
    """Components of one record each."""
    return np.arange(n, dtype=np.int64)


def ints(values: Sequence[int]) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)
