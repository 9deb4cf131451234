"""Versions come, answer and go: numbers, defaults, aliases, files, and what is refused."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

from patience import PATIENCE

from repository.look import contents, hidden_folders, refused
from whatsit.model.format import FILES, read_facts, write_core
from whatsit.model.versions.store import Added, Repository


def test_the_first_version_is_the_default(repository: Repository, model: Path) -> None:
    assert repository.names() == []
    assert repository.add(model, "fruit") == Added("fruit", 1, 1)
    assert (repository.names(), repository.versions("fruit")) == (["fruit"], [1])
    assert repository.aliases("fruit") == {"default": 1}
    assert contents(repository.folder("fruit", 1)) == contents(model)
    assert hidden_folders(repository.root / "fruit") == []


def test_a_later_one_if_asked(repository: Repository, model: Path, second: Path) -> None:
    repository.add(model, "fruit")
    assert repository.add(second, "fruit", aliases=["staging", "qa"]).default == 1
    assert repository.aliases("fruit") == {"default": 1, "qa": 2, "staging": 2}
    assert repository.add(second, "fruit", default=True, aliases=["qa"]).default == 3
    assert repository.aliases("fruit") == {"default": 3, "previous": 1, "qa": 3, "staging": 2}


def test_without_a_name_it_gets_its_own(repository: Repository, copy: Path) -> None:
    facts, graph = read_facts(copy), (copy / FILES.graph).read_bytes()
    write_core(copy, replace(facts, name="Äpfel & Birnen"), graph)
    assert repository.add(copy).name == "pfel-Birnen"


def test_set_default_and_rollback(repository: Repository, model: Path) -> None:
    for _ in range(3):
        repository.add(model, "fruit")
    assert "nothing to roll back to" in refused(lambda: repository.rollback("fruit"))
    repository.set_default("fruit", 3)
    repository.set_default("fruit", 3)
    assert repository.aliases("fruit") == {"default": 3, "previous": 1}
    assert [repository.rollback("fruit") for _ in range(3)] == [1, 3, 1]
    assert repository.aliases("fruit") == {"default": 1, "previous": 3}
    repository.remove("fruit", 3)
    assert "nothing to roll back to" in refused(lambda: repository.rollback("fruit"))


def test_aliases(repository: Repository, model: Path) -> None:
    repository.add(model, "fruit")
    repository.add(model, "fruit")
    repository.set_alias("fruit", "qa", 2)
    repository.set_alias("fruit", "qa", 1)
    assert repository.aliases("fruit") == {"default": 1, "qa": 1}
    assert (repository.version("fruit", "qa"), repository.version("fruit", "2")) == (1, 2)
    repository.remove_alias("fruit", "qa")
    assert repository.aliases("fruit") == {"default": 1}
    assert "no alias 'qa'. It has: default" in refused(lambda: repository.remove_alias("fruit", "qa"))


def test_removing(repository: Repository, model: Path) -> None:
    for _ in range(4):
        repository.add(model, "fruit")
    repository.set_alias("fruit", "qa", 2)
    repository.set_default("fruit", 4)
    assert "--force" in refused(lambda: repository.remove("fruit", 4))
    assert repository.remove("fruit", 2).aliases == ("qa",)
    assert repository.remove("fruit", 4, force=True).default == 1  # the previous one
    assert repository.remove("fruit", 1, force=True).default == 3  # the newest
    assert repository.remove("fruit", 3, force=True).default is None
    assert (repository.names(), repository.aliases("fruit")) == ([], {})
    left = {path.name for path in (repository.root / "fruit").iterdir()}
    assert left == {"aliases.json", ".highest", ".lock"}
    assert repository.add(model, "fruit") == Added("fruit", 5, 5)


def test_a_number_is_never_given_again(repository: Repository, model: Path) -> None:
    repository.add(model, "fruit")
    repository.add(model, "fruit")
    shutil.rmtree(repository.folder("fruit", 2))  # by hand
    assert repository.add(model, "fruit").version == 3
    (repository.root / "fruit" / ".highest").write_text("many", encoding="utf-8")
    assert ".highest: damaged" in refused(lambda: repository.add(model, "fruit"))
    assert repository.versions("fruit") == [1, 3]


def test_pruning_keeps_the_newest_and_the_named(repository: Repository, model: Path) -> None:
    for _ in range(6):
        repository.add(model, "fruit")
    repository.set_alias("fruit", "qa", 2)
    assert repository.prune("fruit", 2) == [3, 4]
    assert repository.versions("fruit") == [1, 2, 5, 6]
    assert repository.prune("fruit", 2) == []
    assert "keep is 0" in refused(lambda: repository.prune("fruit", 0))


def test_other_classes_are_said(repository: Repository, model: Path, plums: Path, copy: Path) -> None:
    repository.add(model, "fruit")
    (warning,) = repository.add(plums, "fruit").warnings
    assert "version 2 knows other classes than the default, version 1: new 'plums'; gone 'pears'" in warning
    facts, graph = read_facts(copy), (copy / FILES.graph).read_bytes()
    write_core(copy, replace(facts, labels=("pears", "apples")), graph)
    (warning,) = repository.add(copy, "fruit").warnings
    assert "in another order" in warning
    (repository.folder("fruit", 1) / FILES.facts).write_bytes(b"")
    (warning,) = repository.add(model, "fruit").warnings
    assert "the default, version 1, cannot be compared with" in warning


def test_a_damaged_version_becomes_no_default(repository: Repository, model: Path) -> None:
    for _ in range(3):
        repository.add(model, "fruit")
    damaged = repository.folder("fruit", 3) / FILES.graph
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert "damaged" in refused(lambda: repository.set_default("fruit", 3))
    assert repository.remove("fruit", 1, force=True).default == 2
    assert "no other version is sound" in refused(lambda: repository.remove("fruit", 2, force=True))
    assert repository.aliases("fruit") == {"default": 2}


def test_what_points_nowhere_is_mended_by_its_own_command(repository: Repository, model: Path) -> None:
    repository.add(model, "fruit")
    repository.add(model, "fruit")
    path = repository.root / "fruit" / "aliases.json"
    path.write_text(json.dumps({"default": 8, "previous": 7, "qa": 9}), encoding="utf-8")
    for do in (lambda: repository.aliases("fruit"), lambda: repository.add(model, "fruit")):
        assert "which is not there" in refused(do)
    repository.set_default("fruit", 2)
    repository.set_alias("fruit", "qa", 1)
    assert repository.aliases("fruit") == {"default": 2, "qa": 1}


def test_a_folder_laid_out_by_hand(repository: Repository, model: Path) -> None:
    for version in ("1", "4", "007", "x", "5.tmp"):
        shutil.copytree(model, repository.root / "fruit" / version)
    (repository.root / "fruit" / "6").write_text("no folder", encoding="utf-8")
    (repository.root / "no name").mkdir()
    (repository.root / "empty").mkdir()
    assert (repository.names(), repository.versions("fruit")) == (["fruit"], [1, 4])
    assert repository.aliases("fruit") == {"default": 4}
    assert repository.add(model, "fruit") == Added("fruit", 5, 4)


def test_what_is_not_there_is_named(repository: Repository, model: Path) -> None:
    assert (repository.versions("fruit"), repository.aliases("fruit")) == ([], {})
    assert "no model 'fruit'. It has none yet" in refused(lambda: repository.folder("fruit", 1))
    repository.add(model, "fruit")
    assert "no model 'pets'. It has 'fruit'" in refused(lambda: repository.rollback("pets"))
    assert not (repository.root / "pets").exists()
    for do in (
        lambda: repository.folder("fruit", 2),
        lambda: repository.set_default("fruit", 2),
        lambda: repository.set_alias("fruit", "qa", 2),
        lambda: repository.remove("fruit", 2),
        lambda: repository.version("fruit", "2"),
    ):
        assert refused(do) == "fruit: no version 2. It has 1"
    assert "no version 9" in refused(lambda: repository.version("fruit", "9" * 10_000))
    for name in ("..", "a/b", "\0", ""):
        assert "cannot be the name of a model" in refused(partial(repository.versions, name))


def test_a_root_that_cannot_be(tmp_path: Path, model: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    for root in (tmp_path / "file", Path("/proc/models"), tmp_path / "a\0b"):
        assert refused(partial(Repository(root).add, model, "fruit"))
    assert "--repository DIR" in refused(Repository(tmp_path / "file").names)
    assert "--repository DIR" in refused(Repository(tmp_path / "a\0b").names)


def test_reading_imports_nothing_heavy(repository: Repository, model: Path) -> None:
    repository.add(model, "fruit")
    code = (
        "import sys; from whatsit.model.versions.store import Repository; r = Repository(sys.argv[1])\n"
        "for name in r.names(): r.folder(name, r.aliases(name)['default']), r.versions(name)\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    command = [sys.executable, "-c", code, str(repository.root)]
    loaded = set(subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout.split())
    assert loaded & {"numpy", "onnxruntime", "PIL", "scipy", "filelock", "click"} == set()
