"""Embeddings in a Parquet file, one row a record: for another day, another machine or another tool.

    uri, label, split, group, sha256, error    text
    embedding                                  float32[dim], null where there is an error
    thumbnail                                  the 32 × 32 greys, 1024 bytes, likewise

The file's metadata say what made the vectors (`Provenance`); whether those suit, the reader decides. A writer holds one
row group at a time, a reader the vectors and one row group. Nothing is computed here.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from whatsit.config import Precision, Split
from whatsit.data.dataset import Record
from whatsit.embedding.backbones.extractor import FeatureExtractor
from whatsit.embedding.embedder import Embedded, Embedder
from whatsit.embedding.session import batched, usable, why_unusable
from whatsit.embedding.store import THUMBNAIL_SIDE
from whatsit.errors import EmbeddingError, MissingExtraError
from whatsit.files import written_atomically
from whatsit.images.limits import Limits, Page
from whatsit.images.preprocessing import STORED, ResizeMode, ValueRange, is_size, is_value_range

AT_ONCE = 1024  # rows read from the cache, and written, at a time: 6 MB for 1,280 numbers each


@dataclass(frozen=True)
class Provenance:
    """What made the vectors. Equal fingerprints: the same image has the same vector."""

    backbone: str
    precision: Precision
    resize_mode: ResizeMode
    fingerprint: str
    dim: int
    image_size: tuple[int, int] | None = None  # (height, width) in pixels, where it was asked for
    value_range: ValueRange | None = None  # (black, white) of deep photos, where there were any
    bands: tuple[int, ...] | None = None  # and page: what of the files was read (`Limits`), where it was asked for
    page: Page = "first"

    @classmethod
    def of(cls, extractor: FeatureExtractor, image_size: tuple[int, int] | None = None) -> "Provenance":
        preprocessing = extractor.preprocessing
        made = extractor.name, extractor.precision, preprocessing.resize_mode, extractor.fingerprint, extractor.dim
        return cls(*made, image_size, preprocessing.value_range, preprocessing.bands, preprocessing.page)


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


FORMAT = 1
KEY = b"whatsit"
LATER = {"value_range": None, "bands": None, "page": "first"}  # what files of before lack, and its value then
TEXTS = ("uri", "label", "split", "group", "sha256", "error")
THUMBNAIL_BYTES = THUMBNAIL_SIDE * THUMBNAIL_SIDE


def write_parquet(path: Path, rows: Iterable[Row], provenance: Provenance) -> int:
    """Writes the rows, and gives their number. What stood at `path` stays until the new file is whole.

    Raises MissingExtraError without pyarrow, EmbeddingError for a row that does not fit, and WhatsitError
    where the file cannot be written.
    """
    parquet = pyarrow().parquet
    schema, count = _schema(provenance), 0
    with written_atomically(path) as fresh:
        form: dict[str, Any] = {"compression": "zstd", "use_dictionary": ["label", "split", "group", "error"]}
        with parquet.ParquetWriter(fresh, schema, write_statistics=list(TEXTS), **form) as writer:
            for some in batched(rows, AT_ONCE):
                writer.write_batch(_record_batch(some, schema, provenance.dim))
                count += len(some)
    return count


def read_parquet(path: Path) -> StoredEmbeddings:
    """A vector of numbers that are not finite is an error of its row, whatever wrote it.

    Raises MissingExtraError without pyarrow, and EmbeddingError for a file that whatsit did not write.
    """
    pa = pyarrow()
    try:
        with pa.parquet.ParquetFile(path) as file:
            return _read(file)
    except FileNotFoundError:
        raise EmbeddingError(f"{path}: no such file. Make one: whatsit embed PHOTOS -o {path}") from None
    except EmbeddingError as error:
        raise EmbeddingError(f"{path}: {error}. Make it anew: whatsit embed PHOTOS -o {path}") from error
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).partition("\n")[0]
        raise EmbeddingError(f"{path}: cannot be read as Parquet ({reason})") from error


def pyarrow() -> ModuleType:
    """With `parquet`. Raises MissingExtraError."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "parquet") from None
    module: ModuleType = pyarrow
    return module


def _schema(provenance: Provenance) -> Any:
    pa = pyarrow()
    values = {STORED.get(name, name): value for name, value in asdict(provenance).items()}
    made = {key: value for key, value in values.items() if key not in LATER or value != LATER[key]}
    described = json.dumps({"format": FORMAT, **made})
    columns = [(name, pa.string()) for name in TEXTS]
    columns.append(("embedding", pa.list_(pa.float32(), provenance.dim)))
    columns.append(("thumbnail", pa.binary(THUMBNAIL_BYTES)))
    return pa.schema(columns, metadata={KEY: described.encode()})


def _record_batch(rows: Sequence[Row], schema: Any, dim: int) -> Any:
    pa = pyarrow()
    vectors = np.zeros((len(rows), dim), np.float32)
    for i, row in enumerate(rows):
        _check_row(row, dim)
        if row.embedding is not None:
            vectors[i] = row.embedding
    absent = pa.array([row.embedding is None for row in rows])
    greys = [None if row.thumbnail is None else row.thumbnail.tobytes() for row in rows]
    arrays = [pa.array([getattr(row, name) for row in rows], pa.string()) for name in TEXTS]
    arrays.append(pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), dim, mask=absent))
    arrays.append(pa.array(greys, pa.binary(THUMBNAIL_BYTES)))
    return pa.record_batch(arrays, schema=schema)


def _check_row(row: Row, dim: int) -> None:
    shapes = tuple(None if a is None else a.shape for a in (row.embedding, row.thumbnail))
    expected = (None, None) if row.error is not None else ((dim,), (THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    if shapes != expected:
        raise EmbeddingError(f"{row.uri}: embedding and thumbnail are {shapes}, expected {expected}")
    try:
        row.uri.encode()
    except UnicodeEncodeError:
        raise EmbeddingError(f"{row.uri!a}: not UTF-8, as Parquet needs. Rename the file") from None


def _read(file: Any) -> StoredEmbeddings:
    provenance = _provenance(file.schema_arrow)
    texts = file.read(columns=list(TEXTS)).to_pydict()
    errors = {i: error for i, error in enumerate(texts["error"]) if error is not None}
    readable = len(texts["error"]) - len(errors)
    vectors = np.empty((readable, provenance.dim), np.float32)
    thumbnails = np.empty((readable, THUMBNAIL_BYTES), np.uint8)
    start = 0
    for batch in file.iter_batches(AT_ONCE, columns=["error", "embedding", "thumbnail"]):
        end = start + batch.column(0).null_count
        vectors[start:end], thumbnails[start:end] = _readable(*batch.columns)
        start = end
    _check_content(texts)
    good = usable(vectors)
    places = [i for i in range(len(texts["error"])) if i not in errors]
    errors |= {places[i]: why_unusable(vectors[i]) or "" for i in np.flatnonzero(~good)}
    if not good.all():
        vectors, thumbnails = vectors[good], thumbnails[good]
    return StoredEmbeddings(
        provenance,
        uris=tuple(texts["uri"]),
        labels=tuple(texts["label"]),
        splits=tuple(texts["split"]),
        groups=tuple(texts["group"]),
        digests=tuple(texts["sha256"]),
        errors=errors,
        vectors=vectors,
        thumbnails=thumbnails.reshape(-1, THUMBNAIL_SIDE, THUMBNAIL_SIDE),
    )


def _readable(errors: Any, lists: Any, greys: Any) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """(readable, dim) and (readable, 1024) of one batch of rows."""
    expected = errors.is_null()
    if not (expected.equals(lists.is_valid()) and expected.equals(greys.is_valid())):
        raise EmbeddingError("a row must have either an error, or an embedding and a thumbnail")
    vectors: NDArray[np.float32] = lists.drop_null().flatten().to_numpy()
    joined = np.frombuffer(b"".join(greys.drop_null().to_pylist()), np.uint8)
    return vectors.reshape(-1, lists.type.list_size), joined.reshape(-1, THUMBNAIL_BYTES)


def _provenance(schema: Any) -> Provenance:
    """Checks that the file is whatsit's, and that its columns are as described on top."""
    described = (schema.metadata or {}).get(KEY)
    if described is None:
        raise EmbeddingError(f"its metadata have no key {KEY.decode()!r}, so what made its vectors is unknown")
    try:
        values = json.loads(described)
        version = values.pop("format")
        bands, page = values.get("bands"), values.get("page", "first")
        Limits(bands=tuple(bands) if bands is not None else None, page=page)  # ValueError for wrong ones
        pairs = {
            "bands": bands and tuple(bands),
            "image_size": _size(values.get("image_size")),
            "value_range": _range(values.get("value_range")),
        }
        values["resize_mode"] = values.pop(STORED["resize_mode"])
        provenance = Provenance(**values | pairs)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise EmbeddingError(f"its metadata are damaged ({error})") from error
    if type(provenance.dim) is not int or provenance.dim < 1:
        raise EmbeddingError(f"its metadata are damaged (dim {provenance.dim!r})")
    if version != FORMAT:
        raise EmbeddingError(f"has format {version}, and this version of whatsit reads {FORMAT}")
    for expected in _schema(provenance):
        got = schema.field(expected.name).type if expected.name in schema.names else "missing"
        if got != expected.type:
            raise EmbeddingError(f"its column {expected.name!r} is {got}, expected {expected.type}")
    return provenance


def _size(value: object) -> tuple[int, int] | None:
    if value is None:
        return None
    if not (isinstance(value, list) and is_size(value)):
        raise ValueError(f"image_size {value!r}")
    height, width = value
    return height, width


def _range(value: object) -> ValueRange | None:
    if value is None:
        return None
    if not (isinstance(value, list) and is_value_range(value)):
        raise ValueError(f"value_range {value!r}")
    black, white = value
    return black, white


def _check_content(texts: dict[str, list[str | None]]) -> None:
    if strange := set(texts["split"]) - {None, *get_args(Split)}:
        raise EmbeddingError(f"has a split {strange.pop()!r}, expected train, valid or test")
    if None in texts["uri"]:
        raise EmbeddingError("has a row without a uri")
    pairs = zip(texts["sha256"], texts["error"], strict=True)
    if any(digest is None and error is None for digest, error in pairs):
        raise EmbeddingError("has an embedding without a sha256")
