"""The commands in general: help, version, cache, completion, demo, and how mistakes end."""

import csv
import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from patience import PATIENCE

from whatsit.cli import HELP_LINES
from whatsit.demo import LICENCE, compare, write_manifest
from whatsit.notices import Interrupted, kept_if_interrupted
from whatsit.training.run import Trained

from .shell import Shell, check_mistake, process


@pytest.mark.parametrize("name", HELP_LINES)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help(name: str, flag: str, shell: Shell) -> None:
    done = shell(name, flag)
    assert (done.code, done.err) == (0, "")
    assert "Example" in done.out
    assert f"whatsit {name}" in done.out.rpartition("Example")[2]


def test_the_first_help_names_every_command(shell: Shell) -> None:
    done = shell("--help")
    assert done.code == 0
    for name, line in HELP_LINES.items():
        assert name in done.out
        assert line.split(".")[0][:40] in " ".join(done.out.split())


def test_python_m_whatsit_is_whatsit(shell: Shell) -> None:
    done = process("--version")
    assert (done.code, done.err) == (0, "")
    assert done.out == shell("--version").out
    assert done.out.startswith("whatsit ")


def test_nothing_asked_is_wrong_usage(shell: Shell) -> None:
    done = shell()
    assert done.code == 2
    assert "Usage" in done.err


def test_the_cache_is_shown_and_cleared(
    shell: Shell, fruit: Path, own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("WHATSIT_CACHE", str(cache))
    assert shell("cache").out.startswith(f"{cache}: 0 bytes")
    assert shell("embed", fruit, "-o", tmp_path / "v.parquet", "--backbone", own, "--resize-mode", "squash").code == 0
    (cache / "mine.txt").write_text("not whatsit's", encoding="utf-8")
    shown = shell("cache")
    assert (shown.code, shown.err) == (0, "")
    assert "own" in shown.out
    assert "24 vectors" in shown.out
    (entry,) = json.loads(shell("cache", "--json").out)["entries"]
    assert (entry["backbone"], entry["vectors"]) == ("own", 24)
    assert Path(entry["file"]).parent == cache
    assert "freed" in shell("cache", "--clear").out
    assert [path.name for path in cache.iterdir()] == ["mine.txt"]
    assert json.loads(shell("cache", "--json", "--cache", cache).out)["entries"] == []
    assert json.loads(shell("cache", "--clear", "--json").out) == {"freed": 0}


def test_a_cache_that_cannot_be(shell: Shell, fruit: Path, own: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = shell(
        *("embed", fruit, "-o", tmp_path / "v.parquet", "--backbone", own, "--resize-mode", "squash"),
        *("--cache", tmp_path / "file" / "cache"),
    )
    check_mistake(done, "embedding cache", "--cache DIR")


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(name: str, shell: Shell) -> None:
    done = shell("completion", name)
    assert done.code == 0
    assert "_WHATSIT_COMPLETE" in done.out


def test_the_demo_lists_its_photos(tmp_path: Path) -> None:
    write_manifest(tmp_path / "cells.csv")
    with (tmp_path / "cells.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2624
    assert {row["label"] for row in rows} == {"defective", "functional"}
    assert len({row["uri"] for row in rows}) == 2624
    assert all(Path(row["uri"]).is_file() for row in rows[::100])


def test_the_demo_stands_beside_the_paper(small_model: Trained) -> None:
    text = compare(small_model.evaluation)
    assert f"{small_model.evaluation.accuracy.value:.1%}" in text
    for figure in ("82.4%", "88.4%", "arXiv 1807.02894", LICENCE, "The protocols differ"):
        assert figure in text
    assert max(map(len, text.splitlines())) <= 100


def import_failing(cause: BaseException | None) -> Callable[[str], None]:
    def fail(name: str) -> None:
        raise ImportError("initialization failed") from cause

    return fail


def test_an_interrupt_within_an_import_is_an_interrupt(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiled module that is being imported makes an ImportError of it."""
    monkeypatch.setattr("whatsit.registry.import_module", import_failing(KeyboardInterrupt()))
    done = shell("cache")
    assert (done.code, done.out, done.err.strip()) == (130, "", "Interrupted.")


@pytest.mark.parametrize(
    "command", [("train", "x"), ("train", "x", "--method=scratch"), ("compare", "x"), ("tune", "x")]
)
def test_where_nothing_was_done_nothing_is_said_to_be_kept(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setattr("whatsit.registry.import_module", import_failing(KeyboardInterrupt()))
    done = shell(*command)
    assert (done.code, done.err.strip()) == (130, "Interrupted.")


@pytest.mark.parametrize("cause", [KeyboardInterrupt(), ImportError("x")])
def test_who_keeps_work_says_so(cause: BaseException) -> None:
    """The innermost knows it best, but for the whole of a comparison; an import makes an error of it."""
    if isinstance(cause, ImportError):
        cause.__cause__ = KeyboardInterrupt()
    with (
        pytest.raises(Interrupted) as caught,
        kept_if_interrupted(lambda: "outer"),
        kept_if_interrupted(lambda: "inner"),
    ):
        raise cause
    assert caught.value.kept == "inner"
    with (
        pytest.raises(Interrupted) as caught,
        kept_if_interrupted(lambda: "outer", whole=True),
        kept_if_interrupted(lambda: "inner"),
    ):
        raise KeyboardInterrupt
    assert caught.value.kept == "outer"


def test_any_other_failing_import_is_shown_as_it_is(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whatsit.registry.import_module", import_failing(None))
    with pytest.raises(ImportError, match="initialization failed"):
        shell("cache")


def test_an_empty_argument_is_told_not_taken_for_this_folder(shell: Shell, fruit_model: Path) -> None:
    model = str(fruit_model)
    for arguments in (["train", ""], ["predict", model, ""], ["evaluate", model, "--output="]):
        done = shell(*arguments)
        assert (done.code, done.out) == (2, "")
        assert "one of the arguments is empty. Is a variable of your shell not set?" in done.err


def test_a_folder_in_the_place_of_a_file_is_told_before_any_work(
    shell: Shell, fruit: Path, fruit_model: Path, tmp_path: Path
) -> None:
    for command, ending in (
        (["embed", str(fruit)], ".parquet"),
        (["predict", str(fruit_model), str(fruit)], ".csv"),
        (["predict", str(fruit_model), str(fruit)], ".parquet"),
    ):
        folder = tmp_path / f"results{ending}"
        folder.mkdir(exist_ok=True)
        done = shell(*command, "--output", folder, "--force")
        assert (done.code, done.out) == (1, "")
        assert f"{folder}: is a folder. Name a file in it, such as {folder / 'NAME'}{ending}" in done.err
        assert list(folder.iterdir()) == []


def test_answers_without_a_place_are_told(fruit: Path, fruit_model: Path) -> None:
    """`>&-` closes standard output; the next file that is opened must not take its place."""
    command = shlex.join([sys.executable, "-m", "whatsit", "predict", str(fruit_model), str(fruit)])
    done = subprocess.run(["sh", "-c", f"{command} >&-"], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1
    assert done.stderr == ("Error: standard output is closed, so the answers have no place. Name one with --output\n")
