"""Where a training's embeddings come from: photos, embedded now and cached, or a Parquet file of stored embeddings.

`EmbeddingSource` is all that training knows of them. It does not know classes, splits or what learns from the vectors.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from whatsit.config import DEFAULT_BACKBONE, TrainOptions
from whatsit.data.dataset import Dataset, Record
from whatsit.data.read import dataset_of
from whatsit.embedding.backbones.extractor import FeatureExtractor
from whatsit.embedding.backbones.lite import LITES
from whatsit.embedding.backbones.registry import feature_extractor, find_source, source_of
from whatsit.embedding.embedder import Embedder
from whatsit.embedding.parquet import StoredEmbeddings, read_parquet
from whatsit.embedding.precision import settle_precision
from whatsit.embedding.session import graph_device
from whatsit.errors import EmbeddingError
from whatsit.images.limits import Limits
from whatsit.images.preprocessing import ResizeMode
from whatsit.notices import EMBEDDED, kept_if_interrupted
from whatsit.progress import Advance, ProgressReporter, no_progress
from whatsit.text import printable


@dataclass(frozen=True)
class Embeddings:
    """What became of each record, in the data set's order; vectors only of those that can be read."""

    digests: tuple[str | None, ...]  # (n,) sha256 of the bytes, hexadecimal; None where they cannot be read
    errors: dict[int, str]  # place → reason
    vectors: NDArray[np.float32]  # (readable, dim)
    thumbnails: NDArray[np.uint8]  # (readable, 32, 32)

    @property
    def readable(self) -> NDArray[np.int64]:
        """(readable,) places."""
        places = [i for i, digest in enumerate(self.digests) if digest is not None and i not in self.errors]
        return np.array(places, np.int64)


class EmbeddingSource(Protocol):
    """A data set → its embeddings, whether they are computed or read."""

    def first_resize_mode(self, dataset: Dataset, guess: ResizeMode, matters: bool) -> tuple[ResizeMode, bool]:
        """The resize mode to begin with, and whether another may be tried."""
        ...

    def input_size(self) -> tuple[int, int]:
        """(height, width), in pixels or in proportion."""
        ...

    def extractor(self, resize_mode: ResizeMode) -> FeatureExtractor: ...

    def embed(self, dataset: Dataset, resize_mode: ResizeMode, step: str) -> Embeddings: ...


def embeddings_of(embedder: Embedder, dataset: Dataset, advance: Advance) -> Embeddings:
    """Of every record, through the embedder's cache."""
    embedded = embedder.fill([record.uri for record in dataset.records], advance)
    wanted = [digest for i in embedded.readable if (digest := embedded.digests[i])]
    return Embeddings(
        digests=tuple(digest.hex() if digest else None for digest in embedded.digests),
        errors=embedded.errors,
        vectors=embedder.vectors(wanted),
        thumbnails=embedder.thumbnails(wanted),
    )


def embeddings_once(
    extractor: FeatureExtractor, dataset: Dataset, options: TrainOptions, progress: ProgressReporter, step: str
) -> Embeddings:
    """Of a network that was trained just now: no other training has use for them, so they are kept nowhere."""
    with (
        TemporaryDirectory(prefix="whatsit-") as folder,
        Embedder(extractor, Path(folder), device=graph_device(options.device), limits=options.limits) as embedder,
        progress(step, len(dataset.records)) as advance,
    ):
        return embeddings_of(embedder, dataset, advance)


@dataclass(frozen=True)
class PhotoSource:
    """Embeds the photos; computes what is not in the cache."""

    options: TrainOptions
    cache: Path
    progress: ProgressReporter = no_progress
    _made: dict[ResizeMode, FeatureExtractor] = field(
        default_factory=dict, repr=False, compare=False
    )  # half a second each

    def first_resize_mode(self, dataset: Dataset, guess: ResizeMode, matters: bool) -> tuple[ResizeMode, bool]:
        return (guess, matters) if self.options.resize_mode == "auto" else (self.options.resize_mode, False)

    def input_size(self) -> tuple[int, int]:
        """The table's are square; others have to be looked at."""
        if self.options.image_size:
            return self.options.image_size
        if self.options.backbone in LITES or self.options.resize_mode != "auto":
            return 1, 1
        preprocessing = self.extractor("squash").preprocessing
        return preprocessing.height, preprocessing.width

    def extractor(self, resize_mode: ResizeMode) -> FeatureExtractor:
        if resize_mode not in self._made:
            options = self.options
            settled = settle_precision(options.precision, options.backbone, options.device)
            with self._preparing():
                made = feature_extractor(
                    options.backbone, settled.precision, resize_mode, options.weights, self.cache, options.image_size
                )
            made = replace(made, precision_reason=settled.reason)
            self._made[resize_mode] = made.with_range(options.value_range).reading(options.limits)
        return self._made[resize_mode]

    def _preparing(self) -> AbstractContextManager[object]:
        """The first use of such a backbone takes seconds, or a download."""
        name = self.options.backbone
        return self.progress(f"preparing {name}", None) if source_of(name).is_slow else nullcontext()

    def embedder(self, resize_mode: ResizeMode) -> Embedder:
        options = self.options
        return Embedder(self.extractor(resize_mode), self.cache, device=options.device, limits=options.limits)

    def embed(self, dataset: Dataset, resize_mode: ResizeMode, step: str) -> Embeddings:
        with (
            kept_if_interrupted(lambda: EMBEDDED),
            self.embedder(resize_mode) as embedder,
            self.progress(step, len(dataset.records)) as advance,
        ):
            return embeddings_of(embedder, dataset, advance)


def default_source(options: TrainOptions, cache: Path, progress: ProgressReporter) -> PhotoSource:
    """The default backbone's embeddings, so that copies are found and photos split alike for all methods."""
    device = graph_device(options.device)
    return PhotoSource(
        replace(options, device=device, backbone=DEFAULT_BACKBONE, precision="auto", weights=None, image_size=None),
        cache,
        progress,
    )


class ParquetSource:
    """Reads the embeddings from a Parquet file of `whatsit embed`; its resize mode is settled.

    backbone: looked at where the file was made with a network of the user's own, which it does not hold; weights: where
    it was made with the user's weights in a network of timm.
    """

    def __init__(self, path: Path, backbone: str, weights: str | None = None) -> None:
        self._path = path
        self._stored: StoredEmbeddings = read_parquet(path)
        made = self._stored.provenance
        known, named = find_source(made.backbone), find_source(backbone)
        if known is not None and known.is_file:
            known = None
        if known is None and not (named and named.is_file):
            raise EmbeddingError(
                f"{path}: made with {made.backbone}, a network of your own. Name it: --backbone my.onnx"
            )
        name = made.backbone if known is not None else backbone
        plain = feature_extractor(name, made.precision, made.resize_mode, weights, size=made.image_size)
        plain = plain.with_range(made.value_range).reading(Limits(bands=made.bands, page=made.page))
        self._extractor = replace(plain, precision_reason=f"as embedded in {printable(path.name)}")
        if self._extractor.fingerprint != made.fingerprint:
            raise EmbeddingError(
                f"{path}: made by another version of {made.backbone} ({made.fingerprint}, here "
                f"{self._extractor.fingerprint}). Make it anew: whatsit embed PHOTOS -o {path}"
            )

    def dataset(self, label_dict: Path | None = None) -> Dataset:
        """The records of the file. Raises EmbeddingError where it has no labels."""
        s = self._stored
        rows = zip(s.uris, s.labels, s.splits, s.groups, strict=True)
        records = []
        for uri, label, split, group in rows:
            if label is None:
                raise EmbeddingError(f"{self._path}: {uri} has no label. Embed labelled photos to train on them")
            records.append(Record(uri, label, split, group))
        return dataset_of(records, self._path.stem, label_dict)

    def first_resize_mode(self, dataset: Dataset, guess: ResizeMode, matters: bool) -> tuple[ResizeMode, bool]:
        return self._extractor.preprocessing.resize_mode, False

    def input_size(self) -> tuple[int, int]:
        preprocessing = self._extractor.preprocessing
        return preprocessing.height, preprocessing.width

    def extractor(self, resize_mode: ResizeMode) -> FeatureExtractor:
        return self._extractor

    def embed(self, dataset: Dataset, resize_mode: ResizeMode, step: str) -> Embeddings:
        s = self._stored
        return Embeddings(s.digests, s.errors, s.vectors, s.thumbnails)
