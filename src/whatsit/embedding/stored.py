"""What a file of embeddings holds, whatever its format: one row a record, and what made the vectors."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whatsit.dataset import Record
from whatsit.dataset.choices import Split
from whatsit.embedding.embedder import Embedded, Embedder
from whatsit.embedding.extractor import FeatureExtractor
from whatsit.images.limits import Page
from whatsit.images.preprocessing import Fit, ValueRange
from whatsit.options import Precision

AT_ONCE = 1024  # rows read from the cache, and written, at a time: 6 MB for 1,280 numbers each


@dataclass(frozen=True)
class Provenance:
    """What made the vectors. Equal fingerprints: the same image has the same vector."""

    backbone: str
    precision: Precision
    fit: Fit
    fingerprint: str
    dim: int
    image_size: tuple[int, int] | None = None  # (height, width) in pixels, where it was asked for
    value_range: ValueRange | None = None  # (black, white) of deep photos, where there were any
    bands: tuple[int, ...] | None = None  # and page: what of the files was read (`Limits`), where it was asked for
    page: Page = "first"

    @classmethod
    def of(cls, extractor: FeatureExtractor, image_size: tuple[int, int] | None = None) -> "Provenance":
        seen = extractor.preprocessing
        made = extractor.name, extractor.precision, seen.fit, extractor.fingerprint, extractor.dim
        return cls(*made, image_size, seen.value_range, seen.bands, seen.page)


@dataclass(frozen=True, slots=True)
class Row:
    """One record: either a vector with its thumbnail, or an error."""

    uri: str
    label: str | None
    split: Split | None
    group: str | None
    sha256: str | None  # hexadecimal; None where the bytes cannot be read
    error: str | None
    embedding: NDArray[np.float32] | None  # (dim,)
    thumbnail: NDArray[np.uint8] | None  # (32, 32) grey


@dataclass(frozen=True)
class StoredEmbeddings:
    """A file's content, in its order. Tuples have an element a row; arrays a row for each readable image."""

    provenance: Provenance
    uris: tuple[str, ...]
    labels: tuple[str | None, ...]
    splits: tuple[Split | None, ...]
    groups: tuple[str | None, ...]
    digests: tuple[str | None, ...]  # sha256, hexadecimal
    errors: dict[int, str]  # place → reason
    vectors: NDArray[np.float32]  # (readable, dim)
    thumbnails: NDArray[np.uint8]  # (readable, 32, 32)

    @property
    def readable(self) -> list[int]:
        """Places of the rows that have a vector."""
        return [i for i in range(len(self.uris)) if i not in self.errors]


def stored_rows(records: Sequence[Record], embedded: Embedded, embedder: Embedder) -> Iterator[Row]:
    """The rows of a filled embedder, for a writer to take one by one: few are in memory at a time.

    `embedded` is what `embedder.fill` said of the records' URIs, in the records' order.
    """
    for start in range(0, len(records), AT_ONCE):
        places = range(start, min(start + AT_ONCE, len(records)))
        wanted = [d for i in places if i not in embedded.errors and (d := embedded.digests[i])]
        vectors, thumbnails = iter(embedder.vectors(wanted)), iter(embedder.thumbnails(wanted))
        for i in places:
            one, digest, error = records[i], embedded.digests[i], embedded.errors.get(i)
            sha256 = digest.hex() if digest else None
            found = (None, None) if error else (next(vectors), next(thumbnails))
            yield Row(one.uri, one.label or None, one.split, one.group, sha256, error, *found)
