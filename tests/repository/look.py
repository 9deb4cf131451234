"""What tests look at: files, hidden leftovers, refusals, and other processes."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from patience import PATIENCE

from whatsit.errors import WhatsitError


def contents(folder: Path) -> dict[str, bytes]:
    """Relative path → bytes, of every file."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def hidden_folders(folder: Path) -> list[Path]:
    """What is unfinished in a model's folder."""
    return [path for path in folder.glob(".*") if path.is_dir()]


def refused(do: Callable[[], object]) -> str:
    """The message, which is one line."""
    with pytest.raises(WhatsitError) as caught:
        do()
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 500
    return message


def start(code: str, *arguments: str | Path) -> subprocess.Popen[str]:
    """A Python of its own."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> str:
    """What it printed; it must have ended well."""
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    return out


def wait_for(seen: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not seen():
        assert time.monotonic() < end
        time.sleep(0.001)
