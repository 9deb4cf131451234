"""Embeddings come back from a Parquet file as they went in; any other file is refused in one line."""

import itertools
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whatsit.data.dataset import Record
from whatsit.embedding.embedder import Embedder
from whatsit.embedding.parquet import AT_ONCE, LATER, Provenance, Row, read_parquet, stored_rows, write_parquet
from whatsit.errors import EmbeddingError, MissingExtraError, WhatsitError

from .samples import TINY_DIM, save_drawings, tiny_extractor

PROVENANCE = Provenance("tiny", "float32", "squash", "0123456789abcdef", 3)
TEXT = st.none() | st.text()


def _row(number: int, **changes: Any) -> Row:
    vector, thumbnail = np.full(3, number, np.float32), np.full((32, 32), number % 256, np.uint8)
    return replace(Row(f"{number}.png", "cat", "train", None, "ab" * 32, None, vector, thumbnail), **changes)


def _failed(number: int) -> Row:
    return _row(number, sha256=None, error="no such file", embedding=None, thumbnail=None)


@st.composite
def _rows(draw: st.DrawFn) -> Row:
    texts: dict[str, Any] = {
        "label": draw(TEXT),
        "group": draw(TEXT),
        "split": draw(st.sampled_from([None, "train", "valid", "test"])),
    }
    row = replace(_row(draw(st.integers(0, 255))), uri=draw(st.text()), **texts)
    if draw(st.booleans()):
        return replace(row, error=draw(st.text()), embedding=None, thumbnail=None, sha256=draw(TEXT))
    numbers = draw(st.lists(st.floats(-(2.0**60), 2.0**60, width=32), min_size=3, max_size=3))
    return replace(row, embedding=np.array(numbers, np.float32))


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(_rows(), max_size=20))
def test_any_rows_come_back_bit_for_bit(tmp_path: Path, rows: list[Row]) -> None:
    path = tmp_path / "vectors.parquet"
    assert write_parquet(path, rows, PROVENANCE) == len(rows)
    stored = read_parquet(path)
    assert stored.provenance == PROVENANCE
    for column, name in (
        ("uris", "uri"),
        ("labels", "label"),
        ("splits", "split"),
        ("groups", "group"),
        ("digests", "sha256"),
    ):
        assert getattr(stored, column) == tuple(getattr(row, name) for row in rows)
    assert stored.errors == {i: row.error for i, row in enumerate(rows) if row.error is not None}
    assert stored.readable == [i for i, row in enumerate(rows) if row.error is None]
    vectors = [row.embedding for row in rows if row.embedding is not None]
    thumbnails = [row.thumbnail for row in rows if row.thumbnail is not None]
    assert stored.vectors.tobytes() == b"".join(vector.tobytes() for vector in vectors)
    assert stored.thumbnails.tobytes() == b"".join(thumbnail.tobytes() for thumbnail in thumbnails)
    assert stored.vectors.shape == (len(vectors), 3)
    assert stored.thumbnails.shape == (len(vectors), 32, 32)


def test_from_photos_to_the_file_and_back(tmp_path: Path) -> None:
    photos = save_drawings(tmp_path / "photos", 8)
    Path(photos[2]).write_bytes(b"no image")
    records = [Record(uri, "abc"[i % 3], "test" if i else None, f"g{i}") for i, uri in enumerate([*photos, "gone.png"])]
    extractor = tiny_extractor()
    with Embedder(extractor, tmp_path / "cache") as embedder:
        embedded = embedder.fill([record.uri for record in records])
        rows = stored_rows(records, embedded, embedder)
        write_parquet(tmp_path / "vectors.parquet", rows, Provenance.of(extractor))
        wanted = [digest for i in embedded.readable if (digest := embedded.digests[i])]
        vectors, thumbnails = embedder.vectors(wanted), embedder.thumbnails(wanted)
    stored = read_parquet(tmp_path / "vectors.parquet")
    assert stored.provenance == Provenance("tiny", "float32", "squash", extractor.fingerprint, TINY_DIM)
    fields = zip(stored.uris, stored.labels, stored.splits, stored.groups, strict=True)
    assert list(fields) == [(one.uri, one.label, one.split, one.group) for one in records]
    assert stored.errors == embedded.errors
    assert set(stored.errors) == {2, 8}
    assert stored.digests == tuple(digest.hex() if digest else None for digest in embedded.digests)
    assert np.array_equal(stored.vectors, vectors)
    assert np.array_equal(stored.thumbnails, thumbnails)


def test_rows_are_taken_and_written_a_group_at_a_time(tmp_path: Path) -> None:
    """The file grows with every row group, so that no more than one of them ever waits in memory."""
    path, count = tmp_path / "vectors.parquet", 6 * AT_ONCE + 10
    sizes: list[int] = []

    def rows() -> Iterator[Row]:
        for number in range(count):
            if number % AT_ONCE == 0:
                sizes.append(sum(file.stat().st_size for file in tmp_path.iterdir()))
            yield _failed(number) if number % 97 == 0 else _row(number)

    assert write_parquet(path, rows(), PROVENANCE) == count
    assert all(a < b for a, b in itertools.pairwise(sizes[1:]))
    metadata = pq.read_metadata(path)
    groups = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    assert groups == [AT_ONCE] * 6 + [10]
    stored = read_parquet(path)
    assert stored.vectors[:, 0].tolist() == [n for n in range(count) if n % 97]
    assert len(stored.errors) == -(-count // 97)


def test_other_tools_can_read_it(tmp_path: Path) -> None:
    write_parquet(tmp_path / "v.parquet", [_row(1), _failed(2)], PROVENANCE)
    table = pq.read_table(tmp_path / "v.parquet")
    assert table.column_names == [
        "uri",
        "label",
        "split",
        "group",
        "sha256",
        "error",
        "embedding",
        "thumbnail",
    ]
    assert table["embedding"].to_pylist() == [[1, 1, 1], None]
    assert table["thumbnail"].to_pylist() == [b"\1" * 1024, None]
    values = asdict(PROVENANCE)
    said = {"fit": values.pop("resize_mode")} | {key: value for key, value in values.items() if key not in LATER}
    assert json.loads(table.schema.metadata[b"whatsit"]) == {"format": 1, **said}  # nothing of a range where none is


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "vectors.parquet"
    write_parquet(path, [_row(1)], PROVENANCE)
    before = path.read_bytes()

    def rows() -> Iterator[Row]:
        yield from map(_row, range(2 * AT_ONCE))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_parquet(path, rows(), PROVENANCE)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["vectors.parquet"]


BAD_ROWS = {
    "of the wrong length": _row(0, embedding=np.zeros(4, np.float32)),
    "without a thumbnail": _row(0, thumbnail=None),
    "with error and vector": _row(0, error="no such file"),
    "with neither": _row(0, embedding=None, thumbnail=None),
}


@pytest.mark.parametrize("row", BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_row_that_does_not_fit_is_named(tmp_path: Path, row: Row) -> None:
    with pytest.raises(EmbeddingError, match=r"0\.png: embedding and thumbnail are .*, expected "):
        write_parquet(tmp_path / "v.parquet", [row], PROVENANCE)
    assert not list(tmp_path.iterdir())


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    row = _row(0, uri=os.fsdecode(b"\xff.png"))
    with pytest.raises(EmbeddingError, match=r"^'\\udcff\.png': not UTF-8"):
        write_parquet(tmp_path / "v.parquet", [row], PROVENANCE)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WhatsitError, match=r"cannot write .*file"):
        write_parquet(tmp_path / "file" / "v.parquet", [_row(0)], PROVENANCE)
    (tmp_path / "folder").mkdir()
    with pytest.raises(WhatsitError, match=r"folder: is a folder\. Name a file in it"):
        write_parquet(tmp_path / "folder", [_row(0)], PROVENANCE)


def _refused(path: Path, reason: str) -> None:
    with pytest.raises(EmbeddingError) as caught:
        read_parquet(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_of_others_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "v.parquet"
    _refused(path, "no such file. Make one: whatsit embed PHOTOS -o ")
    path.write_bytes(b"no Parquet")
    _refused(path, "cannot be read as Parquet")
    pq.write_table(pa.table({"uri": ["a"]}), path)
    _refused(path, "its metadata have no key 'whatsit', so what made its vectors is unknown. Make it anew: ")


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ("{", "metadata are damaged"),
        ("[]", "metadata are damaged"),
        ('{"format": 1}', "metadata are damaged"),
        ('{"dim": "3"}', "metadata are damaged (dim '3')"),
        ('{"image_size": [30, 0]}', "metadata are damaged (image_size [30, 0])"),
        ('{"image_size": "30x100"}', "metadata are damaged (image_size '30x100')"),
        (
            '{"dim": 4}',
            "its column 'embedding' is fixed_size_list<element: float>[3], expected fixed_size_list<",
        ),
        ('{"format": 2}', "has format 2, and this version of whatsit reads 1"),
    ],
)
def test_damaged_metadata(tmp_path: Path, metadata: str, reason: str) -> None:
    path = tmp_path / "v.parquet"
    write_parquet(path, [_row(1)], PROVENANCE)
    table = pq.read_table(path)
    whole = json.loads(table.schema.metadata[b"whatsit"])
    if metadata.endswith("}") and metadata != '{"format": 1}':
        metadata = json.dumps(whole | json.loads(metadata))
    pq.write_table(table.replace_schema_metadata({"whatsit": metadata}), path)
    _refused(path, reason)


def test_a_size_comes_back_as_it_went_in(tmp_path: Path) -> None:
    provenance = replace(PROVENANCE, image_size=(30, 100))
    write_parquet(tmp_path / "v.parquet", [_row(1)], provenance)
    assert read_parquet(tmp_path / "v.parquet").provenance == provenance


def _changed(path: Path, column: str, values: Any) -> None:
    table = pq.read_table(path)
    place = table.column_names.index(column)
    pq.write_table(table.set_column(place, column, pa.array(values, table.schema.field(column).type)), path)


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("error", ["oh", "no such file"], "a row must have either an error, or an embedding and a thumbnail"),
        ("embedding", [None, [1, 2, 3]], "a row must have either"),
        ("thumbnail", [None, None], "a row must have either"),
        ("split", ["dev", None], "has a split 'dev', expected train, valid or test"),
        ("uri", [None, "b"], "has a row without a uri"),
        ("sha256", [None, None], "has an embedding without a sha256"),
    ],
)
def test_content_that_contradicts_itself(tmp_path: Path, column: str, values: Any, reason: str) -> None:
    path = tmp_path / "v.parquet"
    write_parquet(path, [_row(1), _failed(2)], PROVENANCE)
    _changed(path, column, values)
    _refused(path, reason)


def test_a_missing_column(tmp_path: Path) -> None:
    path = tmp_path / "v.parquet"
    write_parquet(path, [_row(1)], PROVENANCE)
    pq.write_table(pq.read_table(path).drop_columns(["sha256"]), path)
    _refused(path, "its column 'sha256' is missing, expected string")


def test_cut_off_anywhere(tmp_path: Path) -> None:
    path = tmp_path / "v.parquet"
    write_parquet(path, map(_row, range(5)), PROVENANCE)
    whole = path.read_bytes()
    for end in range(0, len(whole), 37):
        path.write_bytes(whole[:end])
        _refused(path, "cannot be read as Parquet")


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for act in (lambda: read_parquet(tmp_path / "v"), lambda: write_parquet(tmp_path / "v", [], PROVENANCE)):
        with pytest.raises(MissingExtraError, match=r"pyarrow is not installed.*whatsit\[parquet\]"):
            act()
