"""A search in processes of its own: killed, in two, without the first, interrupted."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from patience import PATIENCE

from tuning.made import TRIALS, figures
from whatsit.training.tune.run import Tuned

pytestmark = pytest.mark.slow

COMMAND = shlex.split("--method scratch --layers 4 --image-size 16 --epochs 2 --batch-size 32 --weight-decay 0.05")
"""What all trials have in common, as `fixed` has it."""


def started(data: Path, output: Path, *more: str, trials: int = TRIALS) -> subprocess.Popen[str]:
    """`whatsit tune` in a process, and a group, of its own."""
    arguments = ["tune", str(data), "-o", str(output), *COMMAND, "--trials", str(trials), *more]
    return subprocess.Popen(
        [sys.executable, "-m", "whatsit", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_trials(output: Path, count: int) -> None:
    until = time.monotonic() + PATIENCE
    while (
        len(list(output.with_name(f"{output.name}.tuning").glob("study.journal.trials/figures-*/trial.json"))) < count
    ):
        assert time.monotonic() < until
        time.sleep(0.02)


def wait_until_none_is_left(group: int) -> None:
    """Fails where a process of the group goes on."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("a process goes on")


def test_a_killed_search_ends_as_one_that_was_not(tuned: Tuned, small: Path, tmp_path: Path) -> None:
    output = tmp_path / "killed"
    process = started(small, output)
    wait_for_trials(output, 1)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (output / "tuning.json").exists()
    process = started(small, output)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    here, there = figures(output), figures(tuned.folder)
    for one in (here, there):
        one["best"].pop("command")  # type: ignore[attr-defined]
    assert here == there


def test_two_processes_share_the_trials(small: Path, tmp_path: Path) -> None:
    output = tmp_path / "shared"
    process = started(small, output, "--processes", "2")
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert len(json.loads((output / "tuning.json").read_text(encoding="utf-8"))["trials"]) == TRIALS
    assert "whatsit train" in out
    journal = (tmp_path / "shared.tuning" / "study.journal").read_text(encoding="utf-8")
    opened = set(re.findall(r'"worker_id":"([\w-]+)"', journal))
    assert len(opened) == 1 + 2, "the first process and both workers; on a busy machine one may do all the trials"


def test_no_process_outlives_the_first(small: Path, tmp_path: Path) -> None:
    output = tmp_path / "orphans"
    process = started(small, output, "--processes", "2", trials=99)
    wait_for_trials(output, 1)
    process.kill()
    process.communicate(timeout=PATIENCE)
    wait_until_none_is_left(process.pid)


def test_ctrl_c_ends_all_processes(small: Path, tmp_path: Path) -> None:
    output = tmp_path / "interrupted"
    process = started(small, output, "--processes", "2", trials=99)
    wait_for_trials(output, 1)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, (out, err)
    *_, last = err.splitlines()
    assert (out, last) == (
        "",
        "Interrupted. All trials that had ended are kept: run the same command again to go on.",
    )
    wait_until_none_is_left(process.pid)
