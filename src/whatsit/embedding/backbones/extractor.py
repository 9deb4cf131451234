"""What every backbone becomes: an ONNX graph from pixels to an embedding, and how its images are prepared."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

from whatsit.config import Precision
from whatsit.images.limits import Limits
from whatsit.images.preprocessing import Preprocessing, ValueRange

VECTOR_FORMAT = 5  # counts up when the same graph and image would give another vector or thumbnail


@dataclass(frozen=True)
class FeatureExtractor:
    """A backbone made ready: the graph that an image goes through, and all that a model folder says of it."""

    name: str
    precision: Precision
    preprocessing: Preprocessing
    dim: int
    licence: str
    source: str
    graph: bytes  # ONNX: `image` uint8 (n, height, width, 3) → `embedding` float32 (n, dim)
    has_features: bool  # whether the embedding is the mean of a tensor `features` (n, dim, h, w)
    precision_reason: str = "it has no 8-bit form"  # why it runs in this precision

    def with_range(self, value_range: ValueRange | None) -> "FeatureExtractor":
        """The same for deep images of such values."""
        return replace(self, preprocessing=replace(self.preprocessing, value_range=value_range))

    def reading(self, limits: Limits) -> "FeatureExtractor":
        """The same for files of which that is read."""
        chosen = self.preprocessing.read_by(limits)
        return self if chosen == self.preprocessing else replace(self, preprocessing=chosen)

    @cached_property
    def fingerprint(self) -> str:
        """Hex digits that change with anything that changes a vector: weights, precision, preprocessing."""
        digest = hashlib.sha256(self.graph)
        digest.update(f"{VECTOR_FORMAT} {sorted(self.preprocessing.as_dict().items())}".encode())
        return digest.hexdigest()[:16]
