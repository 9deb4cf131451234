"""Embeddings for TensorBoard's projector: points to turn in space, with their photos and what is known of them.

Four files in the run's folder, and no event: the projector reads them as they are.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from whatsit.files import write_atomically
from whatsit.images.small import as_jpeg
from whatsit.text import printable

MOST = 1000  # points: t-SNE in a browser takes a minute for so many, and their photos fit into one picture
SIDE = 64  # pixels of a photo in that picture: 32 × 32 of them are 2,048 wide, which every graphics card takes
FOLDER = "projector"
CONFIG = "projector_config.pbtxt"  # where TensorBoard looks for it: in the run's folder
BLANK = (224, 224, 224)  # where a photo has gone


@dataclass(frozen=True)
class Points:
    """Parallel sequences of length n."""

    vectors: NDArray[np.float32]  # (n, dim)
    columns: dict[str, Sequence[str]]  # name → what is known of each; at least one
    photos: Sequence[Image.Image | None]  # RGB


def write_projector(run: Path, points: Points) -> None:
    """Raises WhatsitError where the folder cannot be written."""
    config = ProjectorConfig()
    embedding = config.embeddings.add()
    embedding.tensor_name = "embeddings"
    embedding.tensor_path = f"{FOLDER}/tensors.tsv"
    embedding.tensor_shape.extend(points.vectors.shape)
    embedding.metadata_path = f"{FOLDER}/metadata.tsv"
    embedding.sprite.image_path = f"{FOLDER}/sprite.jpg"
    embedding.sprite.single_image_dim.extend([SIDE, SIDE])
    write_atomically(run / embedding.tensor_path, _tensors(points.vectors))
    write_atomically(run / embedding.metadata_path, _metadata(points.columns))
    write_atomically(run / embedding.sprite.image_path, as_jpeg(sprite(points.photos)))
    write_atomically(run / CONFIG, str(config).encode())


def _tensors(vectors: NDArray[np.float32]) -> bytes:
    """Five digits: what is drawn has fewer."""
    return "".join("\t".join(f"{one:.5g}" for one in row) + "\n" for row in vectors.tolist()).encode()


def _metadata(columns: dict[str, Sequence[str]]) -> bytes:
    """The first line names the columns, but a single one has none: so TensorBoard reads it."""
    lines = ["\t".join(printable(cell) or "-" for cell in row) for row in zip(*columns.values(), strict=True)]
    head = ["\t".join(columns)] if len(columns) > 1 else []
    return ("\n".join([*head, *lines]) + "\n").encode()


def sprite(photos: Sequence[Image.Image | None]) -> Image.Image:
    """All photos in one square picture, row by row, each whole in a square of its own."""
    columns = max(1, math.ceil(math.sqrt(len(photos))))
    picture = Image.new("RGB", (columns * SIDE, columns * SIDE), "white")
    for i, photo in enumerate(photos):
        left, top = i % columns * SIDE, i // columns * SIDE
        if photo is None:
            picture.paste(BLANK, (left, top, left + SIDE, top + SIDE))
            continue
        small = photo.copy()
        small.thumbnail((SIDE, SIDE))
        picture.paste(small, (left + (SIDE - small.width) // 2, top + (SIDE - small.height) // 2))
    return picture
