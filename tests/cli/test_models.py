"""`whatsit models …` as a user meets it."""

import json
import os
import shutil
from pathlib import Path

import pytest

from whatsit.model.format import FILES
from whatsit.model.versions.store import Repository

from .shell import Done, Shell, check_mistake, process


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository by default: `models` in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WHATSIT_REPOSITORY", raising=False)
    return tmp_path / "models"


@pytest.fixture
def three(shell: Shell, fruit_model: Path) -> None:
    for _ in range(3):
        assert shell("models", "add", fruit_model, "--name", "pets").code == 0


def check_fine(done: Done) -> str:
    """What it printed, which fits a terminal."""
    assert (done.code, done.err) == (0, "")
    assert max(map(len, done.out.splitlines())) <= 80
    return done.out


def test_a_story(shell: Shell, fruit_model: Path, root: Path) -> None:
    assert check_fine(shell("models", "list")).startswith("models: no models yet. Add one: whatsit models add MODEL")
    out = check_fine(shell("models", "add", fruit_model, "--name", "pets", "--alias", "staging"))
    assert out == "pets: added version 1, the default\n"
    out = check_fine(shell("models", "add", fruit_model, "--name", "pets"))
    assert out == "pets: added version 2, the default is still version 1\n"
    listed = check_fine(shell("models", "list")).splitlines()
    assert listed[0] == "pets: 2 versions"
    assert [line.split()[0] for line in listed[2:]] == ["1", "2"]
    assert listed[2].endswith("default, staging")
    assert "version 2" in check_fine(shell("models", "show", "pets", "2")).splitlines()[0]
    assert check_fine(shell("models", "default", "pets", "2")) == "pets: version 2 is the default now\n"
    assert check_fine(shell("models", "rollback", "pets")) == "pets: version 1 is the default now\n"
    assert check_fine(shell("models", "alias", "pets", "qa", "2")) == "pets: qa is version 2 now\n"
    assert check_fine(shell("models", "default", "pets", "qa")) == "pets: version 2 is the default now\n"
    assert check_fine(shell("models", "alias", "pets", "qa", "--remove")) == "pets: qa is forgotten\n"
    assert "They are right on the same photos." in check_fine(shell("models", "compare", "pets", "default", "staging"))
    out = check_fine(shell("models", "remove", "pets", "1"))
    assert out == "pets: removed version 1 (previous, staging); the default is version 2\n"
    assert check_fine(shell("models", "prune", "pets", "--keep", "1")) == "pets: nothing to remove\n"
    out = check_fine(shell("models", "remove", "pets", "2", "--force"))
    assert out == "pets: removed version 2; no version is left\n"
    assert Repository(root).names() == []


def test_for_programs(shell: Shell, fruit_model: Path, fruit: Path) -> None:
    def told(*arguments: str | Path) -> dict[str, object]:
        values = json.loads(check_lines(shell("models", *arguments, "--json")))
        assert isinstance(values, dict)
        return values

    def check_lines(done: Done) -> str:
        assert (done.code, done.err, done.out.count("\n")) == (0, "", 1)
        return done.out

    added = {"name": "fruit", "version": 1, "default": 1, "warnings": []}
    assert told("list") == {"repository": "models", "models": []}
    assert told("add", fruit_model) == added
    assert told("add", fruit_model) == added | {"version": 2}
    assert told("add", fruit_model) == added | {"version": 3}
    assert told("default", "fruit", "2") == {"name": "fruit", "default": 2}
    assert told("rollback", "fruit") == {"name": "fruit", "default": 1}
    assert told("alias", "fruit", "qa", "2") == {"name": "fruit", "alias": "qa", "version": 2}
    assert told("alias", "fruit", "qa", "--remove") == {"name": "fruit", "alias": "qa", "version": None}
    models = told("list", "fruit")["models"]
    assert isinstance(models, list)
    assert [version["aliases"] for version in models[0]["versions"]] == [["default"], ["previous"], []]
    assert told("show", "fruit")["aliases"] == ["default"]
    shared = told("compare", "fruit", "1", "2")["shared"]
    assert isinstance(shared, dict)
    assert (shared["photos"], shared["p_value"]) == (24, 1.0)
    assert told("compare", "fruit", "1", "2", fruit)["shared"] is None
    assert told("prune", "fruit", "--keep", "1") == {"name": "fruit", "removed": []}
    expected = {"name": "fruit", "version": 3, "aliases": [], "default": 1}
    assert told("remove", "fruit", "3") == expected


def test_the_repository_can_be_named(shell: Shell, fruit_model: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "a b" / "ä"
    assert shell("models", "add", fruit_model, "--name", "pets", "--repository", elsewhere).code == 0
    assert shell("models", "show", "pets", "--repository", elsewhere).code == 0
    check_mistake(shell("models", "show", "pets"), "models: no model 'pets'")
    done = process("models", "list", env={"WHATSIT_REPOSITORY": str(elsewhere)}, folder=tmp_path)
    assert done.out.startswith("pets: 1 version\n")


def test_other_classes_are_warned_of(shell: Shell, fruit_model: Path, tmp_path: Path, three: None) -> None:
    from model.damage import replaced, rewrite

    other = tmp_path / "other"
    shutil.copytree(fruit_model, other)
    rewrite(other, replaced(("name",), "any"))
    (tmp_path / "models" / "pets" / "1" / FILES.facts).write_bytes(b"")
    done = shell("models", "add", other, "--name", "pets")
    assert (done.code, done.err.count("\n")) == (0, 1)
    assert done.err.startswith("Warning: the default, version 1, cannot be compared with.")


def test_damage_is_listed(shell: Shell, root: Path, three: None) -> None:
    (root / "pets" / "2" / FILES.graph).write_bytes(b"")
    out = check_fine(shell("models", "list", "pets"))
    assert "  2  unusable: model.onnx: damaged" in out
    check_mistake(shell("models", "show", "pets", "2"), "damaged")
    check_mistake(shell("models", "default", "pets", "2"), "damaged")
    (root / "pets" / "aliases.json").write_text("[]", encoding="utf-8")
    done = shell("models", "list")
    assert (done.code, done.err.count("\n")) == (0, 1)
    assert done.err.startswith("Warning: models/pets/aliases.json: damaged")
    assert done.out.startswith("pets: 3 versions")
    check_mistake(shell("models", "rollback", "pets"), "aliases.json: damaged", "delete it")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "dogs"), ("no model 'dogs'", "'pets'")),
        (("show", "pets", "9"), ("pets: no version 9. It has 1, 2, 3",)),
        (("show", "pets", "prod"), ("no version prod",)),
        (("show", "a\0b"), ("'a\\x00b' cannot be the name of a model",)),
        (("show", "pets", "\0\n"), ("no version \\x00\\n",)),
        (("add", "nowhere"), ("nowhere: not a model folder",)),
        (("add", "models/pets/1", "--name", "../up"), ("'../up' cannot be", "Try 'up'")),
        (("add", "models/pets/1", "--alias", "3"), ("'3' cannot be an alias", "Try 'v3'")),
        (("add", "models/pets/1", "--alias", "default"), ("not set as an alias",)),
        (("add", "models/pets/1", "--repository", "models/pets/1/model.onnx"), ("Not a directory", "--repository")),
        (("add", "models/pets/1", "--repository", "/proc/models"), ("cannot write",)),
        (("alias", "pets", "previous", "1"), ("whatsit models rollback",)),
        (("alias", "pets", "qa", "--remove"), ("no alias 'qa'",)),
        (("rollback", "pets"), ("nothing to roll back to", "whatsit models default pets VERSION")),
        (("remove", "pets", "1"), ("version 1 is the default", "--force")),
        (("remove", "pets", "7"), ("no version 7",)),
        (("compare", "pets", "1", "8"), ("no version 8",)),
        (("compare", "pets", "1", "2", "nowhere"), ("nowhere: no such folder or manifest",)),
        (("prune", "dogs", "--keep", "3"), ("no model 'dogs'",)),
        (("list", "--repository", "models/pets/1/model.onnx"), ("Not a directory", "--repository DIR")),
    ],
)
def test_mistakes(arguments: tuple[str, ...], words: tuple[str, ...], shell: Shell, three: None, root: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    check_mistake(shell("models", *arguments), *words)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.name != ".lock"}.items() <= before.items()


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nothing",),
        ("show",),
        ("remove", "pets", "x"),
        ("remove", "pets", "0"),
        ("prune", "pets"),
        ("prune", "pets", "--keep", "0"),
        ("alias", "pets", "qa"),
        ("alias", "pets", "qa", "1", "--remove"),
        ("compare", "pets", "1"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], shell: Shell) -> None:
    done = shell("models", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Usage: ")


@pytest.mark.parametrize("name", ["add", "list", "show", "default", "rollback", "alias", "compare", "remove", "prune"])
def test_every_command_has_help_with_an_example(name: str, shell: Shell) -> None:
    out = check_fine(shell("models", name, "-h"))
    assert f"Example: whatsit models {name}" in out
    assert "--repository DIR" in out
    assert "--json" in out


def test_a_folder_whose_name_is_no_text(shell: Shell, fruit_model: Path, tmp_path: Path) -> None:
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n")
    shutil.copytree(fruit_model, odd)
    assert process("models", "add", odd, "--name", "pets", folder=tmp_path).code == 0
    assert process("models", "add", odd, "--name", "pets", "--repository", odd + "2", folder=tmp_path).code == 0
    done = process("models", "show", "pets", "--repository", odd + "2", folder=tmp_path)
    assert "\\xff\\n2/pets/1" in done.out
    check_mistake(process("models", "show", "dogs", "--repository", odd + "2", folder=tmp_path), "\\xff\\n2: no model")
