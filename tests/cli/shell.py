"""The command line as a user meets it: in this process where that will do, in one of its own where it must be."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from patience import PATIENCE

from whatsit.cli import main


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


class Shell:
    """`shell("predict", …)` is `whatsit predict …` without the cost of a process."""

    def __init__(self, capture: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self._capture = capture
        self._patch = patch

    def __call__(self, *arguments: str | Path) -> Done:
        self._patch.setattr(sys, "argv", ["whatsit", *map(str, arguments)])
        self._capture.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main()
        said = self._capture.readouterr()
        code = stopped.value.code
        assert isinstance(code, int)
        return Done(code, said.out, said.err)


def process(
    *arguments: str | Path, given: bytes = b"", folder: Path | None = None, env: Mapping[str, str] | None = None
) -> Done:
    """`python -m whatsit …`, its output through pipes."""
    command = [sys.executable, "-m", "whatsit", *map(str, arguments)]
    done = subprocess.run(
        command, input=given, capture_output=True, cwd=folder, env={**os.environ, **(env or {})}, timeout=PATIENCE
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def check_mistake(done: Done, *words: str) -> None:
    """A user's mistake: one line on stderr, below what was read of the photos, and nothing of Python's."""
    assert done.code == 1, done
    assert done.out == ""
    *before, error = done.err.splitlines()
    assert error.startswith("Error: ")
    assert not [line for line in before if line.startswith(("Error", "Traceback"))], done.err
    for word in words:
        assert word in error
