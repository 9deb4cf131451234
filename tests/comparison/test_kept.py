"""What is kept comes back as it was; what is damaged is none."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from whatsit.training.compare.trial import ARRAYS, FACTS, keep, kept

from .made_up import HISTORY, made_up, rights


@pytest.mark.parametrize("name", ["probe", "finetune"])
def test_a_trial_comes_back(tmp_path: Path, name: str) -> None:
    trial = made_up(name, rights(20, (3, 4)), found_rate=0.02 if name == "finetune" else None)
    keep(trial, tmp_path)
    back = kept(name, tmp_path)
    assert back is not None
    for field in vars(trial):
        np.testing.assert_equal(getattr(back, field), getattr(trial, field))
    assert back.logits.dtype == trial.logits.dtype
    assert back.history == (HISTORY if name == "finetune" else None)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        (FACTS, None),
        (FACTS, b"{"),
        (FACTS, b"[]"),
        (FACTS, b"{}"),
        (FACTS, b"\xff"),
        (ARRAYS, None),
        (ARRAYS, b""),
        (ARRAYS, b"PK\x03\x04half"),
    ],
)
def test_a_damaged_one_is_none(tmp_path: Path, file: str, content: bytes | None) -> None:
    keep(made_up("scratch", rights(20)), tmp_path)
    assert kept("scratch", tmp_path) is not None
    (tmp_path / file).unlink() if content is None else (tmp_path / file).write_bytes(content)
    assert kept("scratch", tmp_path) is None


def test_half_written_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The facts are written last."""
    written: list[str] = []
    monkeypatch.setattr("whatsit.training.compare.trial.write_atomically", lambda path, data: written.append(path.name))
    keep(made_up("probe", rights(5)), tmp_path)
    assert written == [ARRAYS, FACTS]


def test_a_method_that_is_none_is_damage(tmp_path: Path) -> None:
    keep(replace(made_up("probe", rights(5)), method="guess"), tmp_path)  # type: ignore[arg-type]
    assert kept("probe", tmp_path) is None
