"""Every example in README.md and docs/ runs, from top to bottom of its page, in a folder of drawn photos.

The convention, by the word behind a block's three backticks:

    console   lines with `$ ` are typed into a shell and must succeed; `> ` goes on with the line above. What is
              shown below a command must be what it prints, standard error last, but numbers may differ; `…` stands
              for anything in a line, alone for any lines. Where nothing is shown, nothing is compared.
              A command that ends in ` &` runs on: what is shown below it is waited for. `kill %1` ends it, and it
              must end well.
    python    is run; all blocks of a page share their names. A `text` block directly below shows what it prints.
    csv, json with a file's name behind the word, are written to that file.
    sh        sets up the machine, as `make test` does itself, so it is not run again: only git, make, pip and venv.

Port 8000 stands for any that is free. A page finds what `workspace` puts into its folder.
"""

import contextlib
import importlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from drawn import KINDS, draw_folder, drawn_photo
from onnx import TensorProto, helper, numpy_helper
from patience import PATIENCE
from PIL import Image
from serving.running import free_port

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
RUN_HERE = [page for page in PAGES if not page.with_suffix(".ipynb").exists()]  # test_notebook.py runs the others
WRITTEN = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(DOCS.glob("reference/*.md"))]
LANGUAGES = {"console", "python", "text", "csv", "json", "sh"}
SET_UP = re.compile(r"(git clone|cd|make|python3 -m venv|\.|pip install|sudo apt-get install)\b|#|\. ")
FENCE = re.compile(r"^```(?P<kind>\w*) ?(?P<name>.*)\n(?P<text>(?:.*\n)*?)```$", re.MULTILINE)
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?")
SIZE = re.compile(r"# (?:bytes|kB|GB)\b")
PORT = re.compile(r"(?<=127\.0\.0\.1:)8000\b|(?<=--port )8000\b")
END = "kill %1"


@dataclass(frozen=True)
class Block:
    kind: str
    name: str  # what follows the kind
    text: str
    line: int  # of its first line in the page
    follows: bool  # directly below the block before


def blocks(page: Path) -> list[Block]:
    source = page.read_text(encoding="utf-8")
    found = list(FENCE.finditer(source))
    ends = [0, *(match.end() for match in found)]
    return [
        Block(m["kind"], m["name"].strip(), m["text"], source.count("\n", 0, m.start()) + 2, end > 0 and gap == "")
        for m, end in zip(found, ends, strict=False)
        for gap in [source[end : m.start()].strip()]
    ]


def commands(block: Block) -> Iterator[tuple[str, str]]:
    """Each command of a console block, and what is shown below it."""
    lines = block.text.splitlines()
    starts = [i for i, line in enumerate(lines) if line.startswith("$ ")]
    for start, end in pairwise([*starts, len(lines)]):
        stop = start + 1
        while stop < end and lines[stop].startswith("> "):
            stop += 1
        yield "\n".join(line[2:] for line in lines[start:stop]), "\n".join(lines[stop:end])


def pattern(shown: str) -> re.Pattern[str]:
    """What may be printed where this is shown."""
    parts = []
    for line in plain(shown):
        text = re.escape(line).replace("…", ".*")
        parts.append(r"(?:.*\n)*?" if line == "…" else f"{text}\n")
    return re.compile("".join(parts))


def plain(text: str) -> list[str]:
    """Lines with their numbers as #, sizes in MB, white space as one blank, and no blank lines at either end."""
    numberless = SIZE.sub("# MB", NUMBER.sub("#", text.replace("\N{NO-BREAK SPACE}", " ")))
    return [" ".join(line.split()) for line in numberless.strip("\n").split("\n")]


def check_shown(shown: str, printed: str, where: str) -> None:
    if shown.strip():
        actual = "".join(f"{line}\n" for line in plain(printed))
        assert pattern(shown).fullmatch(actual), f"{where}: shown\n{shown}\nprinted\n{printed}"


def own_network(path: Path) -> None:
    """A stand-in for a network of the user's own: float32 (n, 3, 64, 64) → the means of 32 feature maps."""
    weight = np.random.default_rng(0).normal(0, 0.2, (32, 3, 5, 5)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["input", "weight"], ["conv"], strides=[2, 2]),
        helper.make_node("Relu", ["conv"], ["maps"]),
        helper.make_node("ReduceMean", ["maps"], ["features"], axes=[2, 3], keepdims=0),
    ]
    given = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 3, 64, 64])
    wanted = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 32])
    graph = helper.make_graph(nodes, "own", [given], [wanted], [numpy_helper.from_array(weight, "weight")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


@pytest.fixture
def workspace(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a page's examples find.

    photos/<class>/…     90 drawn photos in three classes
    later/<class>/…      24 others
    new/                 three more, and broken.jpg, which is none
    photo.jpg            a photo of a palace, from scikit-learn's samples
    my.onnx              a network of the user's own
    """
    shutil.copytree(photos, tmp_path / "photos")
    draw_folder(tmp_path / "later", per_class=8, first_seed=100)
    (tmp_path / "new").mkdir()
    for kind, name in zip(KINDS, ("leaf.jpg", "shell.jpg", "stone.jpg"), strict=True):
        Image.fromarray(drawn_photo(kind, 200)).save(tmp_path / "new" / name, quality=88)
    (tmp_path / "new" / "broken.jpg").write_bytes((tmp_path / "new" / "leaf.jpg").read_bytes()[:3000])
    import sklearn.datasets

    shutil.copy(Path(sklearn.datasets.__file__).parent / "images" / "china.jpg", tmp_path / "photo.jpg")
    own_network(tmp_path / "my.onnx")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@dataclass
class Job:
    """What a shell runs on in the background."""

    process: "subprocess.Popen[bytes]"
    printed: Path

    def await_shown(self, shown: str, where: str) -> None:
        until = time.monotonic() + PATIENCE
        while True:
            has_ended = self.process.poll() is not None
            try:
                check_shown(shown, self.printed.read_text(encoding="utf-8"), where)
                return
            except AssertionError:
                if has_ended or time.monotonic() > until:
                    raise
            time.sleep(0.1)


@dataclass
class Jobs:
    """At most one at a time, so that it is `%1`."""

    running: list[Job] = field(default_factory=list)

    def begin(self, command: str, shown: str, where: str) -> None:
        assert not self.running, f"{where}: the job before still runs: {END}"
        with tempfile.NamedTemporaryFile(delete=False) as file:
            process = subprocess.Popen(["sh", "-c", f"exec {command}"], stdout=file, stderr=subprocess.STDOUT)
        job = Job(process, Path(file.name))
        self.running.append(job)
        job.await_shown(shown, where)

    def end(self, where: str) -> None:
        job = self.running[0]
        job.process.terminate()
        assert job.process.wait(PATIENCE) == 0, f"{where}: {job.printed.read_text(encoding='utf-8')}"
        self.end_all()

    def end_all(self) -> None:
        while self.running:
            job = self.running.pop()
            job.process.kill()
            job.process.wait()
            job.printed.unlink()


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    jobs = Jobs()
    yield jobs
    jobs.end_all()


def run_console(block: Block, where: str, jobs: Jobs) -> None:
    for command, shown in commands(block):
        if command.endswith(" &"):
            jobs.begin(command.removesuffix(" &"), shown, f"{where}: {command}")
            continue
        if command == END:
            jobs.end(f"{where}: {command}")
            continue
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=PATIENCE)
        printed = done.stdout + done.stderr
        assert done.returncode == 0, f"{where}: {command}\n{printed}"
        check_shown(shown, printed, f"{where}: {command}")


def run_python(block: Block, names: dict[str, Any], where: str) -> str:
    printed = io.StringIO()
    code = compile("\n" * (block.line - 1) + block.text, where, "exec")
    with contextlib.redirect_stdout(printed):
        exec(code, names)  # names: of the page's other blocks
    return printed.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN_HERE, ids=lambda page: page.stem)
def test_examples_run(page: Path, workspace: Path, jobs: Jobs) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    printed, port = "", str(free_port())
    for written in blocks(page):
        block = replace(written, text=PORT.sub(port, written.text))
        where = f"{page.relative_to(ROOT)}:{block.line}"
        if block.kind == "console":
            run_console(block, where, jobs)
        elif block.kind == "python":
            printed = run_python(block, names, where)
        elif block.kind == "text" and block.follows:
            check_shown(block.text, printed, where)
        elif block.kind in ("csv", "json") and block.name:
            (workspace / block.name).write_text(block.text, encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_blocks_are_of_a_known_kind(page: Path) -> None:
    """So that no example escapes by a slip of the pen."""
    for block in blocks(page):
        where = f"{page.relative_to(ROOT)}:{block.line}"
        assert block.kind in LANGUAGES, where
        if block.kind == "sh":
            assert all(SET_UP.match(line) for line in block.text.splitlines()), where
        if block.kind == "console":
            assert block.text.startswith("$ "), where


def test_the_convention_tells_right_from_wrong() -> None:
    shown = "accuracy  88.9 %\n…\nreport    a/report.html, … photos"
    printed = "accuracy 91.2 %\nmore\nand more\nreport a/report.html, 7 good photos\n"
    check_shown(shown, printed, "")
    for wrong in (printed.replace("accuracy", "recall"), printed + "and more\n", printed.replace("a/", "b/")):
        with pytest.raises(AssertionError):
            check_shown(shown, wrong, "")


def anchors(page: Path) -> set[str]:
    """The ids that headings get, as GitHub makes them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(file), f"{page.name}: {target}"


def test_the_reference_is_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DOCS)
    generate = importlib.import_module("generate")
    for name, text in generate.pages().items():
        now = (DOCS / name).read_text(encoding="utf-8")
        assert now.split() == text.split(), f"docs/{name} is out of date: make docs"
