"""What is served follows the repository; what fails its checks changes nothing."""

import json
import shutil
from pathlib import Path

import pytest

from whatsit.config import ServeOptions
from whatsit.errors import WhatsitError
from whatsit.model.versions.store import Repository
from whatsit.serving.http import HTTPError
from whatsit.serving.manager import ModelManager, opener
from whatsit.serving.metrics import Metrics
from whatsit.serving.sources import FolderSource, RepositorySource, find_source
from whatsit.training.run import Trained

from .conftest import NAME, copy_version

pytestmark = pytest.mark.slow


def manager_of(repository: Repository) -> ModelManager:
    manager = ModelManager(RepositorySource(repository), opener(ServeOptions()), Metrics())
    manager.refresh()
    return manager


def default_of(manager: ModelManager) -> int:
    return manager.catalogue.find(NAME).number


def spoil(folder: Path) -> None:
    path = folder / "model.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_versions_with_an_alias_and_the_newest_answer(repository: Repository, model: Trained) -> None:
    for _ in range(2):
        repository.add(model.folder, NAME)
    repository.set_alias(NAME, "staging", 2)
    manager = manager_of(repository)
    assert list(manager.catalogue.models[NAME].versions) == [1, 2, 4]
    assert manager.catalogue.find(NAME, alias="staging").number == 2
    assert manager.catalogue.find(NAME, version="4").number == 4
    with pytest.raises(HTTPError, match="There are: 1, 2, 4"):
        manager.catalogue.find(NAME, version="3")


def test_what_is_served_is_not_opened_again(repository: Repository) -> None:
    manager = manager_of(repository)
    before = manager.catalogue
    manager.refresh()
    assert manager.catalogue is before
    repository.set_default(NAME, 2)
    manager.refresh()
    assert manager.catalogue.models[NAME].versions[1] is before.models[NAME].versions[1]
    assert default_of(manager) == 2


def test_a_request_finishes_on_the_version_that_it_began_with(repository: Repository, asked: list[bytes]) -> None:
    manager = manager_of(repository)
    held = manager.catalogue.find(NAME)
    repository.set_default(NAME, 2)
    manager.refresh()
    assert default_of(manager) == 2
    assert held.number == 1
    assert len(held.classifier.predict(asked)) == len(asked)


def test_a_spoilt_version_never_answers_and_is_tried_again_when_it_changes(repository: Repository) -> None:
    folder = copy_version(repository, 2, 3)
    spoil(folder)
    manager = manager_of(repository)
    assert "checksum" in manager.catalogue.models[NAME].failures[3].reason
    with pytest.raises(HTTPError) as refused:
        manager.catalogue.find(NAME, version="3")
    assert refused.value.status == 503
    failure = manager.catalogue.models[NAME].failures[3]
    manager.refresh()
    assert manager.catalogue.models[NAME].failures[3] is failure
    shutil.copy(repository.folder(NAME, 2) / "model.onnx", folder)
    manager.refresh()
    assert manager.catalogue.find(NAME, version="3").number == 3


def test_wrong_golden_answers_are_found(repository: Repository) -> None:
    """The graph of one version with the golden answers of the other, each sound in itself."""
    from whatsit.model.format import read_model, write_core

    folder = copy_version(repository, 1, 3)
    facts, graph = read_model(repository.folder(NAME, 2))
    golden = (repository.folder(NAME, 1) / "golden.json").read_bytes()
    shutil.rmtree(folder)
    folder.mkdir()
    write_core(folder, facts, graph, {"golden.json": golden})
    manager = manager_of(repository)
    assert "golden" in manager.catalogue.models[NAME].failures[3].reason
    assert default_of(manager) == 1


def test_after_a_start_with_a_spoilt_default_the_previous_one_answers(repository: Repository) -> None:
    repository.set_default(NAME, 2)
    spoil(repository.folder(NAME, 2))
    assert default_of(manager_of(repository)) == 1


def test_without_any_sound_version_nothing_answers(repository: Repository) -> None:
    for version in (1, 2):
        spoil(repository.folder(NAME, version))
    manager = manager_of(repository)
    assert not manager.catalogue.ready
    with pytest.raises(HTTPError) as refused:
        manager.catalogue.find(NAME)
    assert refused.value.reason == "not_ready"


def test_damaged_aliases_leave_everything_as_it_is(repository: Repository) -> None:
    manager = manager_of(repository)
    (repository.root / NAME / "aliases.json").write_text("{", encoding="utf-8")
    manager.refresh()
    assert default_of(manager) == 1


def test_models_come_and_go(repository: Repository, model: Trained) -> None:
    manager = manager_of(repository)
    repository.add(model.folder, "other")
    manager.refresh()
    assert list(manager.catalogue.models) == [NAME, "other"]
    with pytest.raises(HTTPError, match="say which model"):
        manager.catalogue.find(None)
    shutil.rmtree(repository.root / "other")
    manager.refresh()
    assert manager.catalogue.find(None).model == NAME


def test_a_lone_folder_trained_anew_is_the_next_version(model: Trained, second_model: Trained, tmp_path: Path) -> None:
    folder = tmp_path / "a ü model"
    shutil.copytree(model.folder, folder)
    source = find_source(folder)
    assert isinstance(source, FolderSource)
    manager = ModelManager(source, opener(ServeOptions()), Metrics())
    manager.refresh()
    name = manager.catalogue.find(None).model
    assert name == "photos"
    shutil.rmtree(folder)
    manager.refresh()
    assert manager.catalogue.find(None).number == 1, "gone from the disk, it answers from memory"
    shutil.copytree(second_model.folder, folder)
    manager.refresh()
    assert manager.catalogue.find(None).number == 2
    assert json.dumps(manager.catalogue.models[name].aliases) == '{"default": 2}'


def test_a_place_that_is_neither(tmp_path: Path) -> None:
    with pytest.raises(WhatsitError, match="no such folder"):
        find_source(tmp_path / "nowhere")
