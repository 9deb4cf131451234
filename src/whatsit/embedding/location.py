"""Where the embedding cache lies, what is in it, and how it is cleared: of whatsit's own files alone.

It holds vectors, and the networks of timm that were exported to make some.
"""

import os
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from whatsit.embedding.backbones.names import EXPORTED, NETWORK
from whatsit.embedding.store import FILES, PRECISION_FILE
from whatsit.errors import EmbeddingError

VARIABLE = "WHATSIT_CACHE"

_VECTORS = re.compile(r"(?P<backbone>.+)-(?:int8|float32)-[0-9a-f]{16}\.sqlite")
_LOGS = ("-wal", "-shm")  # SQLite's, beside a database
_UNFINISHED = f".{PRECISION_FILE}."  # what a kill may have left of it


@dataclass(frozen=True)
class CacheEntry:
    """The vectors of one backbone, in one precision and preprocessing, or a network of timm."""

    file: Path
    backbone: str
    vectors: int | None  # None where the file is damaged, and of a network
    bytes: int
    is_network: bool = False


def cache_folder(named: str | Path | None = None) -> Path:
    """The folder named, else the environment's WHATSIT_CACHE, else the user's cache folder. Makes none."""
    if chosen := named or os.environ.get(VARIABLE):
        return Path(chosen).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("whatsit")


def cache_contents(folder: Path) -> list[CacheEntry]:
    """An entry a file of vectors and a network, by name; none where there is no such folder."""
    entries = []
    for path in _own_files(folder):
        if match := _VECTORS.fullmatch(path.name):
            size = sum(_size(path.with_name(path.name + log)) for log in ("", *_LOGS))
            entries.append(CacheEntry(path, match["backbone"], _count(path), size))
        elif match := NETWORK.fullmatch(path.name):
            size = _size(path) + _size(path.with_suffix(".json"))
            entries.append(CacheEntry(path, match["backbone"], None, size, is_network=True))
    return entries


def clear_cache(folder: Path) -> int:
    """Deletes what whatsit keeps there, and gives the bytes freed. Raises EmbeddingError where it cannot."""
    freed = 0
    for path in _own_files(folder):
        size = _size(path)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            advice = "Is another whatsit at work? Wait for it"
            raise EmbeddingError(f"cannot delete {path}: {error.strerror}. {advice}") from error
        freed += size
    return freed


def _own_files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if _is_own(path.name) and path.is_file())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise EmbeddingError(f"embedding cache {folder}: {error.strerror}. Name a folder: --cache DIR") from error


def _is_own(name: str) -> bool:
    for log in _LOGS:
        name = name.removesuffix(log)
    known = name in (FILES, PRECISION_FILE) or name.startswith(_UNFINISHED)
    return known or any(pattern.fullmatch(name) for pattern in (_VECTORS, EXPORTED))


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _count(path: Path) -> int | None:
    try:
        with closing(sqlite3.connect(path)) as database:
            found: tuple[int] = database.execute("SELECT count(*) FROM vectors").fetchone()
    except sqlite3.Error:
        return None
    return found[0]
