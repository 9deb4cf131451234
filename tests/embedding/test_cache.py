"""The cache keeps what it was given, by content, and says in one line when it cannot."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from whatsit.embedding.session import Item
from whatsit.embedding.store import FILES, Cache, Stamp, plain_errors, stamp
from whatsit.errors import EmbeddingError

DIM = 3


def _item(digest: bytes, row: NDArray[np.float32] | None = None, source: str = "a.png") -> Item[str]:
    row = np.zeros(DIM, np.float32) if row is None else row
    return Item(source, digest, row, np.full((32, 32), digest[0], np.uint8), None)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.dictionaries(
        st.binary(min_size=32, max_size=32),
        hnp.arrays(np.float32, DIM, elements=st.floats(-(2.0**60), 2.0**60, width=32)),
        min_size=1,
        max_size=20,
    )
)
def test_any_numbers_come_back_bit_for_bit(tmp_path: Path, rows: dict[bytes, NDArray[np.float32]]) -> None:
    name = f"x{len(list(tmp_path.iterdir()))}"
    with Cache(tmp_path, name, DIM) as cache:
        cache.add([_item(digest, row) for digest, row in rows.items()], {})
    asked = [*rows, *reversed(rows)]
    with Cache(tmp_path, name, DIM) as cache:
        assert cache.present(asked) == set(rows)
        assert cache.vectors(asked).tobytes() == b"".join(rows[digest].tobytes() for digest in asked)
        assert cache.thumbnails(asked)[:, 5, 7].tolist() == [digest[0] for digest in asked]


def test_more_than_one_query_holds(tmp_path: Path) -> None:
    digests = [i.to_bytes(32, "big") for i in range(1203)]
    with Cache(tmp_path, "x", DIM) as cache:
        cache.add([_item(d, np.full(DIM, i, np.float32)) for i, d in enumerate(digests)], {})
        assert cache.vectors(digests[::-1])[:, 0].tolist() == list(range(1202, -1, -1))
        assert len(cache.present(digests)) == 1203
        assert cache.vectors([]).shape == (0, DIM)


def test_numbers_of_no_use_are_not_present_and_are_replaced(tmp_path: Path) -> None:
    """Older versions kept any: NaN, infinity, and what a crash may leave half."""
    kept = {digest: np.full(DIM, digest[0], np.float32) for digest in (b"a" * 32, b"b" * 32, b"c" * 32, b"d" * 32)}
    spoilt = [np.full(DIM, np.nan, np.float32), np.array([1, np.inf, 2], np.float32), np.full(DIM - 1, 1, np.float32)]
    with Cache(tmp_path, "x", DIM) as cache:
        cache.add([_item(digest, row) for digest, row in kept.items()], {})
        with sqlite3.connect(cache.path) as database:
            for digest, row in zip(list(kept)[1:], spoilt, strict=True):
                database.execute("UPDATE vectors SET vector = ? WHERE digest = ?", (row.tobytes(), digest))
        database.close()
        assert cache.present(kept) == {b"a" * 32}
        cache.add([_item(digest, row) for digest, row in kept.items()], {})
        assert cache.present(kept) == set(kept)
        assert cache.vectors(list(kept)).tolist() == [row.tolist() for row in kept.values()]


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with Cache(tmp_path, "x", DIM) as cache, pytest.raises(EmbeddingError, match=r"6161.* is not in it"):
        cache.vectors([b"a" * 32])


def test_a_file_is_known_while_size_and_time_are_the_same(tmp_path: Path) -> None:
    then = {
        "a.png": Stamp(b"/a.png", 10, 5),
        "./a.png": Stamp(b"/a.png", 10, 5),
        "b.png": Stamp(b"/b.png", 3, 5),
    }
    with Cache(tmp_path, "x", DIM) as cache:
        cache.add([_item(b"a" * 32), _item(b"b" * 32, source="b.png")], then)
        assert cache.known_digests(then) == {"a.png": b"a" * 32, "./a.png": b"a" * 32, "b.png": b"b" * 32}
        now = {"a.png": Stamp(b"/a.png", 10, 6), "b.png": Stamp(b"/b.png", 4, 5), "c.png": Stamp(b"/c", 1, 1)}
        assert cache.known_digests(now) == {}


def test_stamps_tell_equal_names_in_two_folders_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        Path("a.png").write_bytes(b"x")
        found.append(stamp("a.png"))
    assert found[0] is not None
    assert found[1] is not None
    assert found[0].path != found[1].path
    assert stamp("s3://bucket/a.png") is None
    assert stamp("gone.png") is None
    assert stamp("nul\0.png") is None


@pytest.mark.parametrize("damaged", [FILES, "x.sqlite"])
def test_a_damaged_file_is_one_line_with_the_way_out(tmp_path: Path, damaged: str) -> None:
    (tmp_path / damaged).write_bytes(b"not a database at all" * 100)
    with pytest.raises(EmbeddingError, match=rf"{damaged}: .*The file is damaged\. .*whatsit cache --clear") as caught:
        Cache(tmp_path, "x", DIM)
    assert "\n" not in str(caught.value)


def test_damage_that_shows_only_later(tmp_path: Path) -> None:
    digests = [i.to_bytes(32, "big") for i in range(500)]
    with Cache(tmp_path, "x", DIM) as cache:
        cache.add([_item(digest) for digest in digests], {})
    path = tmp_path / "x.sqlite"
    data = bytearray(path.read_bytes())
    data[len(data) // 3 :] = b"\xa5" * (len(data) - len(data) // 3)
    path.write_bytes(data)
    with Cache(tmp_path, "x", DIM) as cache, pytest.raises(EmbeddingError, match=r"x\.sqlite: .*--clear"):
        cache.vectors(digests)


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(EmbeddingError, match=r"embedding cache .*file.*Name another folder: --cache DIR"):
            Cache(folder, "x", DIM)


def test_a_folder_where_a_file_should_be(tmp_path: Path) -> None:
    (tmp_path / FILES).mkdir()
    with pytest.raises(EmbeddingError, match="unable to open"):
        Cache(tmp_path, "x", DIM)


def test_it_waits_for_another_writer(tmp_path: Path) -> None:
    with Cache(tmp_path, "x", DIM) as one, Cache(tmp_path, "x", DIM) as other:
        one.add([_item(b"a" * 32)], {})
        other.add([_item(b"a" * 32), _item(b"b" * 32)], {})
        assert one.present([b"a" * 32, b"b" * 32]) == {b"a" * 32, b"b" * 32}
    assert sqlite3.connect(tmp_path / "x.sqlite").execute("PRAGMA integrity_check").fetchone() == ("ok",)


def raised(run: Callable[[], object]) -> str:
    with pytest.raises(EmbeddingError) as caught, plain_errors(Path("cache")):
        run()
    return str(caught.value)


def test_advice_is_true_of_what_happened(tmp_path: Path) -> None:
    """Each error as SQLite itself raises it."""
    path = tmp_path / "x.sqlite"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE vectors (digest BLOB)")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        said = raised(lambda: database.execute("INSERT INTO vectors VALUES (1)"))
    assert "readonly" in said
    assert "It cannot be written" in said
    assert "space" not in said
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA max_page_count = 2")
        assert "Free some space" in raised(lambda: database.execute("INSERT INTO vectors VALUES (zeroblob(100000))"))
    with closing(sqlite3.connect(path)) as database:
        said = raised(lambda: database.execute("SELECT vector FROM vectors"))
        assert "of another version" in said
        assert "whatsit cache --clear" in said
    with closing(sqlite3.connect(path)) as one, closing(sqlite3.connect(path, timeout=0)) as other:
        one.execute("BEGIN EXCLUSIVE")
        assert "Another process holds it" in raised(lambda: other.execute("INSERT INTO vectors VALUES (1)"))
    said = raised(lambda: sqlite3.connect(tmp_path / "no folder" / "x.sqlite"))
    assert "neither opened nor made" in said
    assert "space" not in said
