"""Trials that come to nothing end themselves, and not the search."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tuning.made import fixed, tiny
from whatsit.data.read import read_dataset
from whatsit.errors import WhatsitError
from whatsit.progress import no_progress
from whatsit.training.tune import run
from whatsit.training.tune.run import tune
from whatsit.training.tune.trials import run_asked

pytestmark = pytest.mark.slow


def test_a_hopeless_training_is_given_up(small: Path, tmp_path: Path) -> None:
    options = tiny(9, epochs=6)
    search = run._search(options, read_dataset(small), tmp_path / "study.journal", None, no_progress, 0.0)
    study = search.opened()
    study.begin({})
    for _ in range(4):
        asked = study.ask(9)
        assert asked is not None
        study.give_up(asked.number, dict.fromkeys(range(1, 7), 1e-3))
        study.complete(asked.number, 1e-3, {})
    asked = study.ask(9)
    assert asked is not None
    run_asked(search, study, asked, no_progress)
    last = study.rows()[-1]
    assert (last.pruned, last.facts["epochs"]) == (True, 1)
    assert not list(search.work.glob("*.training"))


def test_steps_that_are_too_long_are_given_up(small: Path, tmp_path: Path) -> None:
    absurd = replace(fixed(), network=replace(fixed().network, learning_rate=1e30, optimizer="sgd"))
    options = replace(tiny(1), train=absurd, search=("augment",))
    with pytest.raises(WhatsitError, match="1 of 1 trials, and none came to an end"):
        tune(small, tmp_path / "absurd", options)


def test_too_little_memory_ends_a_trial_and_not_the_search(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried")

    monkeypatch.setattr("whatsit.training.network.trainer._run", full)
    with pytest.raises(WhatsitError, match="2 of 2 trials, and none came to an end"):
        tune(small, tmp_path / "full", replace(tiny(2), train=fixed()))
    monkeypatch.undo()
    monkeypatch.setattr("whatsit.training.tune.study.Study.begin", lambda *_: None)
    with closing(
        run._search(
            tiny(2), read_dataset(small), tmp_path / "full.tuning" / "study.journal", None, no_progress, 0.0
        ).opened()
    ) as study:
        assert [row.facts["why"] for row in study.rows()] == ["there was not enough memory"] * 2
