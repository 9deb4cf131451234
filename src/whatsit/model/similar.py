"""The training photos most similar to an image, to be shown: "it says bee, as it has seen these".

Compared is what the graph compares: its reference photos (`OutOfDistributionScore`), by the cosine of their
embeddings. Their thumbnails lie beside it in the same order, where the model was trained to keep them. They are photos
of the training set, so they go wherever the folder goes.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatsit.data.near.neighbours import nearest
from whatsit.errors import ImageError, ModelFolderError
from whatsit.images.decode import as_jpeg, small_photo
from whatsit.images.limits import Limits
from whatsit.images.preprocessing import ValueRange
from whatsit.images.source import Source
from whatsit.machine import cores
from whatsit.model.classifier import Classifier
from whatsit.model.format import AGAIN, FILES, check
from whatsit.model.format import Check as Rule
from whatsit.model.heads import MAX_REFERENCES
from whatsit.model.records import from_base64, in_base64, read_records, records_bytes

SIDE = 128  # pixels; enough to see what it shows, at about 4 kB
BYTES_A_PHOTO = 24_000  # in the file; a JPEG of pure noise takes 19,200, the rest is for the label
REFERENCES = "references"  # the initializer of the graph (export.py)


@dataclass(frozen=True)
class SimilarPhoto:
    """A training photo beside an image."""

    label: str
    similarity: float  # cosine of their embeddings, in [-1, 1]
    thumbnail: bytes  # JPEG


@dataclass(frozen=True, eq=False)
class Similar:
    """The reference photos of a model that have a thumbnail: parallel, length m. Safe for threads."""

    references: NDArray[np.float32]  # (m, dim) of length 1
    labels: tuple[str, ...]
    thumbnails: tuple[bytes, ...]  # JPEG

    @classmethod
    def open(cls, folder: Path, classifier: Classifier) -> "Similar | None":
        """None where the model was trained without thumbnails.

        classifier: of that folder. Raises ModelFolderError where the thumbnails are damaged.
        """
        facts, parse = classifier.facts, _parser(classifier.classes_)
        records = read_records(folder, facts, FILES.thumbnails, parse, most=MAX_REFERENCES, bytes_each=BYTES_A_PHOTO)
        if records is None:
            return None
        references = references_of(classifier)
        if references is None or len(references) != len(records):
            raise ModelFolderError(
                f"{folder}: the {len(records):,} photos of {FILES.thumbnails} are not those of {FILES.graph}. {AGAIN}"
            )
        kept = [i for i, (_, jpeg) in enumerate(records) if jpeg]
        labels, thumbnails = tuple(records[i][0] for i in kept), tuple(records[i][1] for i in kept)
        return cls(references[kept], labels, thumbnails)

    def to(self, embedding: NDArray[np.float32], most: int = 6) -> tuple[SimilarPhoto, ...]:
        """The photos most similar to an image of this embedding (dim,), the most similar first."""
        places, cosines = (one[0] for one in nearest(embedding[None], self.references, most))
        order = np.lexsort((places, -cosines))
        pairs = zip(places[order].tolist(), cosines[order].tolist(), strict=True)
        return tuple(SimilarPhoto(self.labels[i], cosine, self.thumbnails[i]) for i, cosine in pairs)


def thumbnails_bytes(
    photos: Sequence[tuple[Source, str]], limits: Limits, value_range: ValueRange | None = None
) -> bytes:
    """thumbnails.json of the reference photos, each with its label, in the order of the references.

    One that cannot be read any more has null for a thumbnail, so that the others keep their places.
    """
    with ThreadPoolExecutor(cores()) as pool:
        jpegs = pool.map(lambda photo: _thumbnail(photo[0], limits, value_range), photos)
        return records_bytes({"label": label, "jpeg": jpeg} for (_, label), jpeg in zip(photos, jpegs, strict=True))


def _thumbnail(photo: Source, limits: Limits, value_range: ValueRange | None) -> str | None:
    try:
        return in_base64(as_jpeg(small_photo(photo, SIDE, limits, value_range)))
    except ImageError:
        return None


def _parser(classes: Sequence[str]) -> Callable[[dict[str, Any]], tuple[str, bytes]]:
    """A record → its label, and its JPEG or no bytes."""
    known = frozenset(classes)
    rules: dict[str, Rule] = {
        "label": (lambda v: isinstance(v, str) and v in known, "a label of this model"),
        "jpeg": (lambda v: v is None or isinstance(v, str), "a JPEG in base64, or null"),
    }

    def parse(record: dict[str, Any]) -> tuple[str, bytes]:
        check(record, rules)
        return record["label"], from_base64(record["jpeg"], "jpeg", SIDE) if record["jpeg"] is not None else b""

    return parse


def references_of(classifier: Classifier) -> NDArray[np.float32] | None:
    """(m, dim) of the model's graph, at most 1,000; None where it has no such.

    Raises a WhatsitError where the graph does not load.
    """
    classifier.open()  # what ONNX Runtime refuses, onnx must not be given
    import onnx  # 0.1 s, which a server of models without thumbnails need not wait for

    dim = classifier.facts.backbone["dim"]
    for one in onnx.load_from_string(classifier.graph).graph.initializer:
        count = one.dims[1] if len(one.dims) > 1 else 0
        wanted = (REFERENCES, onnx.TensorProto.FLOAT16, (dim, count), dim * count * 2)  # bytes
        if 0 < count <= MAX_REFERENCES and (one.name, one.data_type, tuple(one.dims), len(one.raw_data)) == wanted:
            stored = np.frombuffer(one.raw_data, "<f2").reshape(dim, count)
            return stored.T.astype(np.float32) if np.isfinite(stored).all() else None
    return None
