"""`--plain-cells`: every command that writes CSV leaves cells as they are where it is asked to."""

import asyncio
import csv
import os
from pathlib import Path

import pytest

from whatsit.model.format import FILES
from whatsit.serving.database import AnsweredImage
from whatsit.serving.feedback import FeedbackStore
from whatsit.serving.metrics import Metrics
from whatsit.text import PLAIN_CELLS

from .shell import Shell

pytestmark = pytest.mark.slow


def column(file: Path, name: str) -> set[str]:
    with file.open(encoding="utf-8", newline="") as opened:
        return {row[name] for row in csv.DictReader(opened)}


@pytest.fixture
def at_home(fruit: Path, tmp_path: Path) -> Path:
    """Photos whose classes begin as formulas do."""
    photos = tmp_path / "photos"
    for name, kind in (("@home", "apples"), ("=away", "pears")):
        (photos / name).mkdir(parents=True)
        for path in (fruit / kind).iterdir():
            (photos / name / path.name).write_bytes(path.read_bytes())
    return photos


@pytest.mark.parametrize("plain", [False, True])
def test_train_and_evaluate(shell: Shell, at_home: Path, own: str, tmp_path: Path, plain: bool) -> None:
    option = ["--plain-cells"] if plain else []
    expected = {"@home", "=away"} if plain else {"'@home", "'=away"}
    model, report = tmp_path / "model", tmp_path / "report"
    assert shell("train", at_home, "-o", model, "--backbone", own, "--resize-mode", "squash", *option).code == 0
    assert column(model / FILES.splits, "label") == expected
    assert shell("evaluate", model, at_home, "-o", report, *option).code == 0
    assert column(report / FILES.predictions, "label") == expected
    assert PLAIN_CELLS not in os.environ


@pytest.mark.parametrize("plain", [False, True])
def test_feedback(shell: Shell, tmp_path: Path, plain: bool) -> None:
    feedback_store = FeedbackStore(tmp_path / "kept", 10_000, Metrics())
    answer = {"id": "1", "label": "cat", "probability": 0.9, "unsure": False}
    feedback_store.keep(AnsweredImage("1", "2026-01-01T00:00:01", "pets", 1, "", b"\xff\xd8\xff photo", answer))
    asyncio.run(feedback_store.correct("1", "=cat"))
    feedback_store.close()
    out = tmp_path / "corrections.csv"
    assert shell("feedback", tmp_path / "kept", "-o", out, *(["--plain-cells"] if plain else [])).code == 0
    assert column(out, "label") == ({"=cat"} if plain else {"'=cat"})


def test_commands_that_write_csv_have_it_and_others_do_not(shell: Shell) -> None:
    having = {"train", "compare", "tune", "predict", "evaluate", "feedback"}
    for name in (*having, "embed", "models", "serve"):
        assert ("--plain-cells" in shell(name, "--help").out) is (name in having), name
