"""The cache's folder is found, its content told, and nothing but whatsit's own is ever deleted."""

from pathlib import Path

import platformdirs
import pytest

from whatsit.embedding.embedder import Embedder
from whatsit.embedding.location import cache_contents, cache_folder, clear_cache
from whatsit.errors import EmbeddingError

from .samples import save_drawings, tiny_extractor


def test_the_option_then_the_variable_then_the_users_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WHATSIT_CACHE", raising=False)
    assert cache_folder() == platformdirs.user_cache_path("whatsit")
    monkeypatch.setenv("WHATSIT_CACHE", "")
    assert cache_folder() == platformdirs.user_cache_path("whatsit")
    monkeypatch.setenv("WHATSIT_CACHE", "~/of-the-variable")
    assert cache_folder() == Path("~/of-the-variable").expanduser()
    assert cache_folder("option") == cache_folder(Path("option")) == Path("option")


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A cache of two kinds of vectors, 4 and 6."""
    photos, cache = save_drawings(tmp_path / "photos", 6), tmp_path / "cache"
    for count, extractor in ((4, tiny_extractor()), (6, tiny_extractor("crop", "int8"))):
        with Embedder(extractor, cache) as embedder:
            embedder.fill(photos[:count])
    (cache / "precision.json").write_text("{}")
    return cache


def test_what_is_in_it(filled: Path) -> None:
    entries = cache_contents(filled)
    assert {(entry.backbone, entry.vectors) for entry in entries} == {("tiny", 4), ("tiny", 6)}
    assert all(entry.bytes >= entry.file.stat().st_size > 0 for entry in entries)


def test_a_cache_in_use_counts_what_is_in_its_log(tmp_path: Path) -> None:
    photos = save_drawings(tmp_path / "photos", 5)
    with Embedder(tiny_extractor(), tmp_path / "cache") as embedder:
        embedder.fill(photos)
        (entry,) = cache_contents(tmp_path / "cache")
        logged = Path(f"{entry.file}-wal").stat().st_size
        assert (entry.vectors, logged > 0) == (5, True)
        assert entry.bytes >= logged + entry.file.stat().st_size


def test_a_damaged_file_is_listed_and_cleared(filled: Path) -> None:
    damaged = cache_contents(filled)[0].file
    damaged.write_bytes(b"no database at all" * 99)
    assert cache_contents(filled)[0].vectors is None
    clear_cache(filled)
    assert not list(filled.iterdir())


def test_clearing_leaves_what_is_not_whatsits(filled: Path) -> None:
    own = sum(path.stat().st_size for path in filled.iterdir())
    others = ["notes.txt", "mine.sqlite", "photo-int8.sqlite", "tiny-int8-0123.sqlite", "precision.json.bak"]
    for name in others:
        (filled / name).write_text("keep me")
    (filled / "x-int8-0123456789abcdef.sqlite").mkdir()
    assert clear_cache(filled) == own
    assert sorted(path.name for path in filled.iterdir()) == sorted([*others, "x-int8-0123456789abcdef.sqlite"])


def test_logs_and_unfinished_writes_go_too(tmp_path: Path) -> None:
    for name in ("files.sqlite-wal", "a b-float32-0123456789abcdef.sqlite-shm", ".precision.json.x1y2"):
        (tmp_path / name).write_text("12")
    assert clear_cache(tmp_path) == 6
    assert not list(tmp_path.iterdir())


def test_no_folder_is_an_empty_cache(tmp_path: Path) -> None:
    assert cache_contents(tmp_path / "none") == []
    assert clear_cache(tmp_path / "none") == 0
    assert not (tmp_path / "none").exists()


def test_a_file_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for ask in (cache_contents, clear_cache):
        with pytest.raises(EmbeddingError, match=r"embedding cache .*file: Not a directory\. Name a folder"):
            ask(tmp_path / "file")
