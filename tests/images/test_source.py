"""Path, URI or bytes → bytes."""

import os
from pathlib import Path

import pytest

from whatsit.errors import ImageError
from whatsit.images.limits import Limits
from whatsit.images.source import read_bytes


def test_bytes_path_string_and_uri_give_the_same_bytes(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"some bytes")
    for source in (b"some bytes", path, str(path), path.as_uri()):
        assert read_bytes(source) == b"some bytes"


@pytest.mark.parametrize("as_uri", [False, True])
def test_a_missing_file(tmp_path: Path, as_uri: bool) -> None:
    path = tmp_path / "none.jpg"
    with pytest.raises(ImageError, match=r"^(no such file|not found, or its server cannot be reached)$"):
        read_bytes(path.as_uri() if as_uri else path)


def test_a_folder_and_a_pipe_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="a folder, not a file"):
        read_bytes(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ImageError, match="not a file"):
        read_bytes(tmp_path / "pipe")


@pytest.mark.parametrize("source", ["a\0b.jpg", "x" * 5000, "nosuchprotocol://bucket/photo.jpg"])
def test_names_that_nothing_can_open(source: str) -> None:
    with pytest.raises(ImageError, match="cannot be read: "):
        read_bytes(source)


def test_empty_bytes_and_files(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").write_bytes(b"")
    for source in (b"", tmp_path / "empty.jpg", (tmp_path / "empty.jpg").as_uri()):
        with pytest.raises(ImageError, match=r"^empty file \(0 bytes\)$"):
            read_bytes(source)


def test_the_limit_on_bytes_is_the_last_size_that_passes(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"x" * 10)
    for source in (b"x" * 10, path, path.as_uri()):
        assert len(read_bytes(source, Limits(max_bytes=10))) == 10
        with pytest.raises(ImageError, match=r"^too large: more than 9 bytes$"):
            read_bytes(source, Limits(max_bytes=9))


def test_a_file_that_is_too_large_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"x" * 10)
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("opened"))
    with pytest.raises(ImageError, match="too large"):
        read_bytes(path, Limits(max_bytes=9))
