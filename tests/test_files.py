"""A file is written whole or stays as it was, and nothing half-written is left beside it."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from full_disk import small_files

from whatsit.cli.answers import Parquet, to_file
from whatsit.embedding.parquet import Provenance, Row, write_parquet
from whatsit.errors import WhatsitError
from whatsit.files import left_over, write_atomically, write_json, written_atomically

SOURCE = Path(__file__).parents[1] / "src" / "whatsit"

IN_A_FOLDER_OF_THEIR_OWN = {
    "demo.py": "a temporary folder",
    "embedding/backbones/export.py": "a temporary folder",
    "model/evaluation.py": "a folder written whole",
    "model/format.py": "a folder written whole",
    "model/versions/copying.py": "a hidden folder, checked byte by byte",
    "training/save.py": "a folder written whole",
    "training/tune/study.py": "a journal: lines are added, and half a last line is dropped",
}
"""Modules that write files without the seam, and why they may."""


def test_one_seam_writes_files() -> None:
    writing = {"write_text", "write_bytes", "mkstemp", "NamedTemporaryFile", "fdopen", "replace_file"}

    def writes(node: ast.AST) -> bool:
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            return False
        modes = [one.value for one in [*node.args, *(k.value for k in node.keywords)] if isinstance(one, ast.Constant)]
        opened = node.func.attr == "open" and any(isinstance(m, str) and {*m} & {*"wax"} for m in modes[:1])
        of_os = isinstance(node.func.value, ast.Name) and node.func.value.id == "os"
        return node.func.attr in writing or opened or (of_os and node.func.attr in ("replace", "rename"))

    found = {
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        if any(map(writes, ast.walk(ast.parse(path.read_text(encoding="utf-8")))))
    }
    assert found == {*IN_A_FOLDER_OF_THEIR_OWN, "files.py", "cli/answers.py"}  # the last opens what the seam gave


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("broken"), OSError(28, "No space left on device")])
def test_an_error_leaves_the_old_file_and_no_temporary_one(tmp_path: Path, error: BaseException, old: bool) -> None:
    path = tmp_path / "figures.json"
    if old:
        path.write_bytes(b"old")

    def write() -> None:
        with written_atomically(path) as fresh:
            fresh.write_bytes(b"half of it")
            raise error

    with pytest.raises((type(error), WhatsitError)):
        write()
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("figures.json", b"old")] * old


def test_the_new_file_takes_the_place_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "figures.json"
    write_atomically(path, b"old")
    with written_atomically(path, durable=True) as fresh:
        assert list(left_over(path)) == [fresh]
        fresh.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(WhatsitError, match=r"is a folder\. Name a file in it, such as "):
        write_atomically(tmp_path, b"")


def _predictions(path: Path) -> None:
    with to_file(path, overwrite=True) as write:
        for number in range(20_000):
            write(f"{number}.jpg,cat,0.9\n")


def _table_of_predictions(path: Path) -> None:
    from whatsit.model.prediction import Prediction

    failed = (Prediction(f"{np.random.default_rng(i).bytes(20).hex()}.jpg", error="no file") for i in range(2000))
    Parquet(top=1).write(failed, path, overwrite=True)


def _embeddings(path: Path) -> None:
    def rows() -> Iterator[Row]:
        noise = np.random.default_rng(0)
        for number in range(200):
            vector, thumbnail = noise.standard_normal(64, np.float32), np.zeros((32, 32), np.uint8)
            yield Row(f"{number}.jpg", "cat", "train", None, "ab" * 32, None, vector, thumbnail)

    write_parquet(path, rows(), Provenance("tiny", "float32", "squash", "0123456789abcdef", 64))


@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_atomically(path, bytes(20_000)),
        lambda path: write_atomically(path, bytes(20_000), durable=True),
        lambda path: write_json(path, "x" * 20_000),
        _predictions,
        _table_of_predictions,
        _embeddings,
    ],
    ids=["bytes", "durable", "json", "predictions", "table of predictions", "embeddings"],
)
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, write: Callable[[Path], None]) -> None:
    path = tmp_path / "answers"
    path.write_bytes(b"old")
    with small_files(10_000), pytest.raises(WhatsitError, match=r"^cannot write .*answers: .*File too large$"):
        write(path)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("answers", b"old")]
    write(path)
    assert path.stat().st_size > 10_000
