"""The fit that suits the photos."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from steps.made import picture

from whatsit.api import train
from whatsit.config import TrainOptions
from whatsit.training.compare.run import compare

pytestmark = pytest.mark.slow


def test_the_better_fit_is_found_by_trying(quick: TrainOptions, tmp_path: Path) -> None:
    folder = wide(tmp_path)
    steps: list[str] = []
    trained = train(folder, tmp_path / "model", replace(quick, resize_mode="auto"), progress=watching(steps))
    assert steps[:5] == ["embedding", "finding copies", "trying crop", "trying squash", "embedding by squash"]
    assert trained.classifier.facts.preprocessing.resize_mode == "squash"
    assert trained.evaluation.accuracy.value == 1


def test_compare_finds_it_too(quick: TrainOptions, tmp_path: Path) -> None:
    compared = compare(wide(tmp_path), {"probe": replace(quick, resize_mode="auto")}, tmp_path / "compared")
    assert compared.comparison.winner.accuracy.value == 1
    assert compared.trained.classifier.facts.preprocessing.resize_mode == "squash"


def wide(folder: Path) -> Path:
    """Pictures that tell their class at the far ends alone: a crop, the likelier fit, cannot see it."""
    for kind in range(2):
        for seed in range(20):
            middle = picture(2, 100 * kind + seed)
            end = np.full((48, 16, 3), (200, 30, 30) if kind else (30, 30, 200), np.uint8)
            path = folder / "photos" / f"kind {kind}" / f"{seed}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.hstack([end, middle, end])).save(path)
    return folder / "photos"


def watching(steps: list[str]) -> Callable[..., Any]:
    from contextlib import contextmanager

    @contextmanager
    def progress(step: str, total: int | None) -> Any:
        steps.append(step)
        yield lambda n: None

    return progress
