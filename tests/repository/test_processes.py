"""Several processes at once, and one that is killed."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from repository.look import finish, hidden_folders, start, wait_for
from whatsit.model.versions.layout import locked
from whatsit.model.versions.store import Added, Repository

pytestmark = pytest.mark.slow

ADD = """
import os, sys
from whatsit.model.versions.store import Repository
os.nice(19)  # whoever watches it is quicker
print(Repository(sys.argv[1]).add(sys.argv[2], "fruit").version)
"""
CHANGE = """
import sys
from whatsit.model.versions.store import Repository
repository = Repository(sys.argv[1])
for _ in range(25):
    version = repository.add(sys.argv[2], "fruit", default=True, aliases=["qa"]).version
    repository.remove("pets", repository.versions("pets")[0], force=True)
    repository.add(sys.argv[2], "pets")
    repository.rollback("fruit")
    repository.remove("fruit", version)
"""
WAIT = """
import sys
from pathlib import Path
from whatsit.errors import RepositoryError
from whatsit.model.versions.layout import locked
try:
    with locked(Path(sys.argv[1]), patience=0.1):
        pass
except RepositoryError as error:
    print(error)
"""


@pytest.fixture
def large(copy: Path) -> Path:
    """A model folder that takes a while to copy, its holes being zeros."""
    with (copy / "a.bin").open("wb") as file:
        file.truncate(256 << 20)
    return copy


def begin_to_add(repository: Repository, model: Path) -> subprocess.Popen[str]:
    """A process in the middle of copying."""
    folder = repository.root / "fruit"
    process = start(ADD, repository.root, model)
    wait_for(lambda: list(folder.glob(".adding-*/model")))
    return process


def test_processes_that_add_at_once_get_a_number_each(repository: Repository, copy: Path) -> None:
    processes = [start(ADD, repository.root, copy) for _ in range(4)]
    assert sorted(int(finish(process)) for process in processes) == [1, 2, 3, 4]
    assert repository.versions("fruit") == [1, 2, 3, 4]
    assert repository.aliases("fruit") == {"default": 1}


def test_a_kill_leaves_no_version_and_the_next_sweeps(repository: Repository, large: Path, model: Path) -> None:
    killed = begin_to_add(repository, large)
    killed.kill()
    killed.communicate()
    assert (repository.names(), repository.versions("fruit")) == ([], [])
    (left,) = hidden_folders(repository.root / "fruit")
    assert left.name.startswith(".adding-")
    assert repository.add(model, "fruit") == Added("fruit", 1, 1)
    assert hidden_folders(repository.root / "fruit") == []


def test_a_copy_in_progress_is_not_swept(repository: Repository, large: Path, model: Path) -> None:
    slow = begin_to_add(repository, large)
    os.kill(slow.pid, signal.SIGSTOP)
    assert repository.add(model, "fruit") == Added("fruit", 1, 1)
    (left,) = hidden_folders(repository.root / "fruit")
    assert left.name.startswith(".adding-")
    os.kill(slow.pid, signal.SIGCONT)
    assert int(finish(slow)) == 2
    assert repository.versions("fruit") == [1, 2]
    assert hidden_folders(repository.root / "fruit") == []


def test_what_a_killed_remover_left_is_swept(repository: Repository, model: Path) -> None:
    repository.add(model, "fruit")
    (repository.root / "fruit" / ".removed-x" / "7").mkdir(parents=True)
    repository.add(model, "fruit")
    assert hidden_folders(repository.root / "fruit") == []


def test_readers_never_stumble_over_a_writer(repository: Repository, copy: Path) -> None:
    for name in ("fruit", "pets"):
        repository.add(copy, name)
        repository.add(copy, name)
    process = start(CHANGE, repository.root, copy)
    seen = set()
    while process.poll() is None:
        assert "fruit" in repository.names()
        assert repository.aliases("pets")["default"]
        assert repository.folder("fruit", 1).is_dir()
        seen.add(repository.aliases("fruit")["default"])
    finish(process)
    assert len(seen) > 1


def test_a_writer_waits_for_its_turn_but_not_for_ever(tmp_path: Path) -> None:
    with locked(tmp_path / ".lock"):
        assert "another process is changing it" in finish(start(WAIT, tmp_path / ".lock"))
    assert finish(start(WAIT, tmp_path / ".lock")) == ""


def test_the_next_one_sweeps_what_kills_left_half_written(model: Path, repository: Repository) -> None:
    """A file is written beside its place first; a kill in the middle leaves that."""
    repository.add(model, "fruit")
    folder = repository.root / "fruit"
    halves = [folder / f".{name}.a1_b2c3d" for name in (".highest", "aliases.json", "config.pbtxt", "labels.txt")]
    own = [folder / ".aliases.json.bak", folder / ".highest.a1_b2c3d4", folder / "notes.txt"]
    for path in (*halves, *own):
        path.write_bytes(b"{")
    repository.add(model, "fruit")
    assert [path for path in halves if path.exists()] == []
    assert all(path.exists() for path in own)
    assert repository.versions("fruit") == [1, 2]
