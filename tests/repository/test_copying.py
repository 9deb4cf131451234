"""A model folder gets in whole, or not at all."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto

from repository.look import contents, finish, hidden_folders, refused, start
from whatsit.model.format import FILES, read_facts, write_core
from whatsit.model.versions.store import Repository

SMALL_DISK = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
from whatsit.errors import WhatsitError
from whatsit.model.versions.store import Repository
try:
    Repository(sys.argv[1]).add(sys.argv[2], "fruit")
except WhatsitError as error:
    print(error)
"""


def test_all_files_are_copied_through_links_and_from_subfolders(repository: Repository, copy: Path) -> None:
    (copy / "notes").mkdir()
    (copy / "notes" / "Ä b.txt").write_text("notes", encoding="utf-8")
    (copy / ".hidden").write_text("", encoding="utf-8")
    graph = copy.parent / "graph"
    (copy / FILES.graph).rename(graph)
    (copy / FILES.graph).symlink_to(graph)
    repository.add(copy, "fruit")
    folder = repository.folder("fruit", 1)
    assert contents(folder) == contents(copy)
    assert not (folder / FILES.graph).is_symlink()


def test_a_link_to_a_model_folder_is_one(repository: Repository, copy: Path) -> None:
    (copy.parent / "link").symlink_to(copy, target_is_directory=True)
    repository.add(copy.parent / "link", "fruit")
    assert contents(repository.folder("fruit", 1)) == contents(copy)


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_broken_link(path: Path) -> None:
    path.symlink_to("nowhere")


def make_link_to_a_folder(path: Path) -> None:
    path.symlink_to("/", target_is_directory=True)


def make_link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [make_pipe, make_broken_link, make_link_to_a_folder, make_link_to_a_device])
def test_what_is_no_file_is_refused(make: Callable[[Path], None], repository: Repository, copy: Path) -> None:
    (copy / "more").mkdir()
    make(copy / "more" / "odd")
    assert "odd: neither a file nor a folder" in refused(lambda: repository.add(copy, "fruit"))
    check_nothing_is_left(repository)


def test_damage_is_refused(repository: Repository, copy: Path) -> None:
    whole = contents(copy)
    for name, data in whole.items():
        for damaged in (b"", data[:-1], data[:-1] + bytes([data[-1] ^ 1])):
            (copy / name).write_bytes(damaged)
            assert name in refused(lambda: repository.add(copy, "fruit"))
        (copy / name).write_bytes(data)
    assert not repository.root.exists()


def test_a_graph_that_would_read_other_files_is_refused(repository: Repository, copy: Path) -> None:
    graph = onnx.load_from_string((copy / FILES.graph).read_bytes())
    tensor = graph.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    write_core(copy, read_facts(copy), graph.SerializeToString())
    assert "it would read other files" in refused(lambda: repository.add(copy, "fruit"))


def test_what_is_no_model_folder(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "nowhere", tmp_path / "empty", "a\0b", ""):
        assert "not a model folder" in refused(partial(repository.add, path))


def test_a_repository_in_the_model_folder(copy: Path) -> None:
    repository = Repository(copy / "models")
    assert "copied into itself" in refused(lambda: repository.add(copy, "fruit"))


def test_a_version_of_the_repository_can_be_added_again(repository: Repository, copy: Path) -> None:
    repository.add(copy, "fruit")
    assert repository.add(repository.folder("fruit", 1), "vegetables").version == 1


def test_a_full_disk(repository: Repository, model: Path) -> None:
    said = finish(start(SMALL_DISK, repository.root, model))
    assert said.count("\n") == 1
    assert "cannot write" in said
    check_nothing_is_left(repository)


def check_nothing_is_left(repository: Repository) -> None:
    assert (repository.names(), repository.versions("fruit")) == ([], [])
    assert hidden_folders(repository.root / "fruit") == []
