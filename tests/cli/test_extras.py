"""Without the extra `serve`, what needs it says so in a line, and all else works."""

import subprocess
import sys
from pathlib import Path

import pytest
from patience import PATIENCE

pytestmark = pytest.mark.slow

LIBRARIES = ("httptools", "orjson", "prometheus_client", "python_multipart", "starlette", "uvicorn", "uvloop")
CODE = f"""
import sys
sys.modules.update(dict.fromkeys({LIBRARIES!r}))
from whatsit.cli import main
main()
"""


def without_the_extra(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", CODE, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)


def test_the_server_names_what_to_install(fruit_model: Path) -> None:
    done = without_the_extra("serve", fruit_model)
    assert done.returncode == 1
    assert done.stderr == "Error: the server is not installed. Install it: pip install 'whatsit[serve]'\n"


@pytest.mark.parametrize("command", ["models", "request", "feedback", "serve"])
def test_help_needs_no_extra(command: str) -> None:
    assert without_the_extra(command, "--help").returncode == 0


def test_corrections_and_versions_need_no_extra(fruit_model: Path, tmp_path: Path) -> None:
    done = without_the_extra("feedback", tmp_path)
    assert done.returncode == 1
    assert "no feedback.sqlite in it" in done.stderr
    done = without_the_extra("models", "add", fruit_model, "--name", "fruit", "--repository", tmp_path / "models")
    assert done.returncode == 0, done.stderr
