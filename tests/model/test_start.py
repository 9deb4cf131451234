"""`whatsit predict` starts fast: what only training needs is not imported; and nothing is ever unpickled."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from patience import PATIENCE

import whatsit

pytestmark = pytest.mark.slow

SOURCE = Path(whatsit.__file__).parent
LIBRARIES = ("sklearn", "scipy", "pandas", "matplotlib", "onnx", "jinja2", "pyarrow", "threadpoolctl", "fsspec")
NOT_NEEDED = (*LIBRARIES, "shutil", "tempfile", "PIL.ImagePalette")
UNPICKLERS = {"pickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"}
ASK = f"print('imported:', *sorted(set(sys.modules) & {set(NOT_NEEDED)}))"


def imported_by(code: str, *arguments: str) -> list[str]:
    """Which of them a fresh interpreter has imported once it has run the code."""
    script = f"import sys, atexit\natexit.register(lambda: {ASK})\n{code}"
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.startswith("imported:")
    return last.split()[1:]


SERVING = ("whatsit.model.classifier", "whatsit.model.golden", "whatsit.model.similar")


@pytest.mark.parametrize("module", ["whatsit", "whatsit.cli", "whatsit.cli.commands.predict", *SERVING])
def test_importing_it_imports_nothing_that_it_does_not_need(module: str) -> None:
    assert imported_by(f"import {module}") == []


@pytest.mark.parametrize("options", [[], ["--json"], ["--csv", "--top", "2"]], ids=str)
def test_predicting_imports_nothing_that_only_training_needs(
    options: list[str], folder: Path, paths: list[str]
) -> None:
    code = "sys.argv[0] = 'whatsit'\nfrom whatsit.cli import main\nmain()"
    assert imported_by(code, "predict", str(folder), *paths[:6], *options) == []


def imports(path: Path) -> set[str]:
    """The top names of all modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found


def test_nothing_is_unpickled_but_the_backbones_own_weights_under_guard() -> None:
    """`embedding/backbones/efficientnet.py` reads one known format; its unpickler refuses all but tensors."""
    guilty = [str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py") if imports(path) & UNPICKLERS]
    assert guilty == ["embedding/backbones/efficientnet.py"]


def test_numpy_is_not_asked_to_unpickle_either() -> None:
    assert not [path for path in SOURCE.rglob("*.py") if "allow_pickle=True" in path.read_text(encoding="utf-8")]


def test_onnx_runtime_tells_nobody_that_it_is_used(folder: Path, paths: list[str], tmp_path: Path) -> None:
    """ONNX Runtime keeps what it would send in a database in the user's home.

    It keeps nothing where one of a dozen variables says that this is continuous integration (CI, GITHUB_ACTIONS, …):
    the process gets none of them, so that the test can fail there, too.
    """
    kept = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "WHATSIT_CACHE", "SYSTEMROOT")
    env = {name: os.environ[name] for name in kept if name in os.environ}
    code = "from whatsit.cli import main\nmain()"
    command = [sys.executable, "-c", code, "predict", str(folder), paths[0]]
    subprocess.run(command, env={**env, "HOME": str(tmp_path)}, check=True, capture_output=True, timeout=PATIENCE)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
