"""A file of a model folder in place of the folder, as other tools have it: the folder is named, and no other model
answers."""

import shutil
from pathlib import Path

import pytest

import whatsit
from whatsit.errors import ModelFolderError
from whatsit.model.format import FILES
from whatsit.training.run import Trained

from .shell import Done, Shell, check_mistake


@pytest.fixture
def photo(photos: Path) -> str:
    return str(next(photos.rglob("*.jpg")))


def ask(shell: Shell, command: str, file: Path, photo: str, folder: Path) -> Done:
    return {
        "predict": lambda: shell("predict", file, photo),
        "predict alone": lambda: shell("predict", file),
        "evaluate": lambda: shell("evaluate", file, folder),
        "serve": lambda: shell("serve", file, "--port", "0"),
        "models add": lambda: shell("models", "add", file, "--repository", folder / "models"),
    }[command]()


COMMANDS = ["predict", "predict alone", "evaluate", "serve", "models add"]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", [FILES.graph, FILES.facts, FILES.labels])
def test_the_folder_is_named(command: str, name: str, shell: Shell, model: Trained, photo: str, tmp_path: Path) -> None:
    file = model.folder / name
    check_mistake(ask(shell, command, file, photo, tmp_path), f"{file}: a file of the model folder {model.folder}")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_network_without_its_folder_is_no_model(
    command: str, shell: Shell, model: Trained, photo: str, tmp_path: Path
) -> None:
    file = tmp_path / "best.ONNX"
    shutil.copy(model.folder / FILES.graph, file)
    check_mistake(ask(shell, command, file, photo, tmp_path), f"{file}: a network alone, not a model folder")


def test_in_python_too(model: Trained, tmp_path: Path) -> None:
    with pytest.raises(ModelFolderError, match="Name the folder: "):
        whatsit.load(model.folder / FILES.graph)
    with pytest.raises(ModelFolderError, match="no such folder"):
        whatsit.load(tmp_path / FILES.graph)


def test_a_file_of_such_a_name_elsewhere_is_a_photo(shell: Shell, photo: str, tmp_path: Path) -> None:
    """As long as it is one: the built-in classifier answers."""
    file = tmp_path / "labels.txt"
    shutil.copy(photo, file)
    done = shell("predict", file)
    assert done.code == 0
    assert done.out.startswith(str(file))
