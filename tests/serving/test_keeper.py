"""What is served follows the repository; what fails its checks changes nothing."""

import json
import shutil
from pathlib import Path

import pytest

from whatsit.config import ServeOptions
from whatsit.errors import WhatsitError
from whatsit.model.versions.store import Repository
from whatsit.serving.http import Refused
from whatsit.serving.manager import Keeper, opener
from whatsit.serving.metrics import Metrics
from whatsit.serving.sources import FolderSource, RepositorySource, find_source
from whatsit.training.run import Trained

from .conftest import NAME, copy_version

pytestmark = pytest.mark.slow


def keeper_of(repository: Repository) -> Keeper:
    keeper = Keeper(RepositorySource(repository), opener(ServeOptions()), Metrics())
    keeper.refresh()
    return keeper


def default_of(keeper: Keeper) -> int:
    return keeper.catalogue.find(NAME).number


def spoil(folder: Path) -> None:
    path = folder / "model.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_versions_with_an_alias_and_the_newest_answer(repository: Repository, model: Trained) -> None:
    for _ in range(2):
        repository.add(model.folder, NAME)
    repository.set_alias(NAME, "staging", 2)
    keeper = keeper_of(repository)
    assert list(keeper.catalogue.models[NAME].versions) == [1, 2, 4]
    assert keeper.catalogue.find(NAME, alias="staging").number == 2
    assert keeper.catalogue.find(NAME, version="4").number == 4
    with pytest.raises(Refused, match="There are: 1, 2, 4"):
        keeper.catalogue.find(NAME, version="3")


def test_what_is_served_is_not_opened_again(repository: Repository) -> None:
    keeper = keeper_of(repository)
    before = keeper.catalogue
    keeper.refresh()
    assert keeper.catalogue is before
    repository.set_default(NAME, 2)
    keeper.refresh()
    assert keeper.catalogue.models[NAME].versions[1] is before.models[NAME].versions[1]
    assert default_of(keeper) == 2


def test_a_request_finishes_on_the_version_that_it_began_with(repository: Repository, asked: list[bytes]) -> None:
    keeper = keeper_of(repository)
    held = keeper.catalogue.find(NAME)
    repository.set_default(NAME, 2)
    keeper.refresh()
    assert default_of(keeper) == 2
    assert held.number == 1
    assert len(held.classifier.predict(asked)) == len(asked)


def test_a_spoilt_version_never_answers_and_is_tried_again_when_it_changes(repository: Repository) -> None:
    folder = copy_version(repository, 2, 3)
    spoil(folder)
    keeper = keeper_of(repository)
    assert "checksum" in keeper.catalogue.models[NAME].failures[3].reason
    with pytest.raises(Refused) as refused:
        keeper.catalogue.find(NAME, version="3")
    assert refused.value.status == 503
    failure = keeper.catalogue.models[NAME].failures[3]
    keeper.refresh()
    assert keeper.catalogue.models[NAME].failures[3] is failure
    shutil.copy(repository.folder(NAME, 2) / "model.onnx", folder)
    keeper.refresh()
    assert keeper.catalogue.find(NAME, version="3").number == 3


def test_wrong_golden_answers_are_found(repository: Repository) -> None:
    """The graph of one version with the golden answers of the other, each sound in itself."""
    from whatsit.model.format import read_model, write_core

    folder = copy_version(repository, 1, 3)
    facts, graph = read_model(repository.folder(NAME, 2))
    golden = (repository.folder(NAME, 1) / "golden.json").read_bytes()
    shutil.rmtree(folder)
    folder.mkdir()
    write_core(folder, facts, graph, {"golden.json": golden})
    keeper = keeper_of(repository)
    assert "golden" in keeper.catalogue.models[NAME].failures[3].reason
    assert default_of(keeper) == 1


def test_after_a_start_with_a_spoilt_default_the_previous_one_answers(repository: Repository) -> None:
    repository.set_default(NAME, 2)
    spoil(repository.folder(NAME, 2))
    assert default_of(keeper_of(repository)) == 1


def test_without_any_sound_version_nothing_answers(repository: Repository) -> None:
    for version in (1, 2):
        spoil(repository.folder(NAME, version))
    keeper = keeper_of(repository)
    assert not keeper.catalogue.ready
    with pytest.raises(Refused) as refused:
        keeper.catalogue.find(NAME)
    assert refused.value.reason == "not_ready"


def test_damaged_aliases_leave_everything_as_it_is(repository: Repository) -> None:
    keeper = keeper_of(repository)
    (repository.root / NAME / "aliases.json").write_text("{", encoding="utf-8")
    keeper.refresh()
    assert default_of(keeper) == 1


def test_models_come_and_go(repository: Repository, model: Trained) -> None:
    keeper = keeper_of(repository)
    repository.add(model.folder, "other")
    keeper.refresh()
    assert list(keeper.catalogue.models) == [NAME, "other"]
    with pytest.raises(Refused, match="say which model"):
        keeper.catalogue.find(None)
    shutil.rmtree(repository.root / "other")
    keeper.refresh()
    assert keeper.catalogue.find(None).model == NAME


def test_a_lone_folder_trained_anew_is_the_next_version(model: Trained, second_model: Trained, tmp_path: Path) -> None:
    folder = tmp_path / "a ü model"
    shutil.copytree(model.folder, folder)
    source = find_source(folder)
    assert isinstance(source, FolderSource)
    keeper = Keeper(source, opener(ServeOptions()), Metrics())
    keeper.refresh()
    name = keeper.catalogue.find(None).model
    assert name == "photos"
    shutil.rmtree(folder)
    keeper.refresh()
    assert keeper.catalogue.find(None).number == 1, "gone from the disk, it answers from memory"
    shutil.copytree(second_model.folder, folder)
    keeper.refresh()
    assert keeper.catalogue.find(None).number == 2
    assert json.dumps(keeper.catalogue.models[name].aliases) == '{"default": 2}'


def test_a_place_that_is_neither(tmp_path: Path) -> None:
    with pytest.raises(WhatsitError, match="no such folder"):
        find_source(tmp_path / "nowhere")
