"""Drawn pictures for measurements in which what is on them does not matter."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

_START = 2  # bytes of a JPEG before its first segment


def picture(seed: int, width: int, height: int, tint: int = 0) -> Image.Image:
    """Smooth patches of colour: it compresses and decodes about as a photo does. tint: what a class differs by."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (8, 8, 3), np.uint8)
    coarse[..., tint % 3] //= 4
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def jpeg(seed: int, width: int, height: int, tint: int = 0) -> bytes:
    file = io.BytesIO()
    picture(seed, width, height, tint).save(file, "JPEG", quality=90)
    return file.getvalue()


def with_comment(data: bytes, text: str) -> bytes:
    """The same JPEG with a comment: other bytes, so another digest, and the same pixels."""
    comment = text.encode()
    return data[:_START] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + data[_START:]


def draw_classes(folder: Path, classes: int, each: int, width: int, height: int) -> None:
    """`folder/<class>/<number>.jpg`, classes told apart by their tint."""
    for k in range(classes):
        (folder / f"class {k}").mkdir(parents=True)
        for i in range(each):
            (folder / f"class {k}" / f"{i:05}.jpg").write_bytes(jpeg(k * each + i, width, height, k))
