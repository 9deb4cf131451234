"""What cannot be searched, or not there, is one line before any trial."""

import shutil
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from tuning.made import TRIALS, tiny
from whatsit.errors import MissingExtraError, WhatsitError
from whatsit.training.tune import run
from whatsit.training.tune.run import Tuned, tune

pytestmark = pytest.mark.slow


def test_places_that_cannot_be_written_are_told_at_once(small: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    with pytest.raises(WhatsitError, match=r"^cannot write .*out: "):
        tune(small, file / "out", tiny(TRIALS))
    with pytest.raises(WhatsitError, match=r"^cannot write .*study\.journal\.trials: "):
        tune(small, tmp_path / "out", replace(tiny(TRIALS), storage=file / "study.journal"))
    assert list(tmp_path.iterdir()) == [file]


def test_a_model_of_the_users_own_is_no_leftover(tuned: Tuned, small: Path, tmp_path: Path) -> None:
    shutil.copytree(tuned.model, tmp_path / "out" / "model")
    with pytest.raises(WhatsitError, match=r"has no tuning\.json, so nothing is written there"):
        tune(small, tmp_path / "out", tiny(1))


def test_shares_are_looked_at_first(tmp_path: Path) -> None:
    train = replace(tiny(1).train, valid=0.6, test=0.5)
    with pytest.raises(WhatsitError, match=r"valid=0\.6 and test=0\.5 leave nothing"):
        tune(tmp_path / "nowhere", tmp_path / "out", replace(tiny(1), train=train))


def test_no_trial_is_begun_after_the_time(small: Path, tmp_path: Path) -> None:
    with pytest.raises(WhatsitError, match="Give more --max-time"):
        tune(small, tmp_path / "late", replace(tiny(5), max_seconds=1e-9))


def test_without_the_extra_one_line_says_so(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "find_spec", lambda name: None if name == "optuna" else find_spec(name))
    with pytest.raises(MissingExtraError, match=r"pip install 'whatsit\[networks\]'"):
        tune(small, small.parent / "none", tiny(1))


def test_a_probe_has_nothing_to_search(small: Path) -> None:
    probe = replace(tiny(1).train, method="probe")
    with pytest.raises(WhatsitError, match="--method finetune or scratch"):
        tune(small, small.parent / "none", replace(tiny(1), train=probe))
