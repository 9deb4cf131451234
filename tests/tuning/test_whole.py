"""A search from photos to a model folder: in this process, in two, killed, and interrupted."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from drawn import draw_folder

from tuning.made import tiny
from whatsit.cli.tune import command
from whatsit.dataset import read_dataset
from whatsit.errors import MissingExtraError, WhatsitError
from whatsit.model.classifier import Classifier
from whatsit.options import TrainOptions
from whatsit.steps.see import unwatched
from whatsit.tuning import run
from whatsit.tuning.run import Tuned, tune
from whatsit.tuning.trial import run_asked

TRIALS = 3
COMMAND = shlex.split("--method scratch --layers 4 --image-size 16 --epochs 2 --batch-size 32 --weight-decay 0.05")
PATIENCE = 120  # seconds, on a machine that does much else


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """36 drawn photos."""
    folder: Path = tmp_path_factory.mktemp("tuning")
    return draw_folder(folder / "photos", 12)


@pytest.fixture(scope="module")
def tuned(small: Path) -> Tuned:
    return tune(small, small.parent / "tuned", replace(tiny(TRIALS), train=fixed()))


def fixed() -> TrainOptions:
    """As `COMMAND` has it."""
    options = tiny(TRIALS).train
    return replace(options, network=replace(options.network, batch_size=32, weight_decay=0.05))


def figures(folder: Path) -> dict[str, object]:
    """Of a search, without the times that it took."""
    found = json.loads((folder / "tuning.json").read_text(encoding="utf-8"))
    for trial in found["trials"]:
        del trial["seconds"]
    return {name: found[name] for name in ("trials", "best", "words", "importances")}


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


def test_the_best_trial_is_published(tuned: Tuned) -> None:
    best = tuned.summary.best
    assert best.loss == min(row.loss for row in tuned.summary.rows if row.loss is not None)
    assert tuned.summary.rows[0].defaults
    training = json.loads((tuned.model / "model.json").read_text(encoding="utf-8"))["training"]["network"]
    assert training["augment"] == best.values["augment"]
    assert training["learning_rate"] == pytest.approx(best.values["learning_rate"], rel=5e-3)
    assert Classifier.load(tuned.model).classes_ == ("leaves", "shells", "stones")


def test_test_photos_are_no_trials(tuned: Tuned, small: Path) -> None:
    judged = (tuned.model / "predictions.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert tuned.summary.photos + len(judged) < len(read_dataset(small).records)
    assert tuned.headline == json.loads((tuned.folder / "tuning.json").read_text(encoding="utf-8"))["test"]["headline"]


def test_page_and_report_show_the_search(tuned: Tuned) -> None:
    page = tuned.page.read_text(encoding="utf-8")
    report = (tuned.model / "report.html").read_text(encoding="utf-8")
    for text in (page, report):
        assert text.count('id="loss-by-trial-title"') == 1
        assert "<script" not in text
        assert not re.search(r'(?:src|href)="(?:https?:)?//', text)
    assert 'href="../tuning.html"' in report
    assert 'href="#tuning"' in report
    assert 'href="model/report.html"' in page
    assert page.count('<th scope="row"') == TRIALS


def test_nothing_unfinished_is_left(tuned: Tuned) -> None:
    work = tuned.folder.with_name("tuned.tuning") / "study.journal.trials"
    left = {re.sub(r"[0-9a-f]{4,}", "N", path.name) for path in work.iterdir()}
    assert left <= {"figures-N-N", "turn.lock", "publish.lock"}


def test_a_second_call_at_once_finds_it_published(tuned: Tuned, small: Path) -> None:
    options = replace(tiny(TRIALS), train=fixed())
    journal = tuned.folder.with_name("tuned.tuning") / "study.journal"
    search = run._search(options, read_dataset(small), journal, None, unwatched, 0.0)
    target = run._Target("photos", str(small), tuned.folder, begun=0.0)
    with closing(search.opened()) as study:
        again = run._published(search, study, target, None)  # type: ignore[arg-type]  # nothing is taught to watch
    assert again.figures == json.loads((tuned.folder / "tuning.json").read_text(encoding="utf-8"))


def test_more_trials_go_on(tuned: Tuned, small: Path, tmp_path: Path) -> None:
    for name in ("tuned", "tuned.tuning"):
        shutil.copytree(tuned.folder.with_name(name), tmp_path / name)
    more = tune(small, tmp_path / "tuned", replace(tiny(TRIALS + 1), train=fixed()), overwrite=True)
    assert more.summary.rows[:TRIALS] == tuned.summary.rows
    assert len(more.summary.rows) == TRIALS + 1


def test_what_was_found_is_not_overwritten(tuned: Tuned, small: Path) -> None:
    with pytest.raises(WhatsitError, match="--force"):
        tune(small, tuned.folder, tiny(TRIALS))


def test_other_options_than_the_journals_are_refused(tuned: Tuned, small: Path, tmp_path: Path) -> None:
    storage = tuned.folder.with_name("tuned.tuning") / "study.journal"
    longer = replace(fixed(), network=replace(fixed().network, epochs=3))
    with pytest.raises(WhatsitError, match=r"study.journal: begun with other epochs \(2, now 3\)"):
        tune(small, tmp_path / "other", replace(tiny(TRIALS), storage=storage, train=longer))
    assert not (tmp_path / "other").exists()


def test_places_that_cannot_be_written_are_told_at_once(small: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    with pytest.raises(WhatsitError, match=r"^cannot write .*out: "):
        tune(small, file / "out", tiny(TRIALS))
    with pytest.raises(WhatsitError, match=r"^cannot write .*study\.journal\.trials: "):
        tune(small, tmp_path / "out", replace(tiny(TRIALS), storage=file / "study.journal"))
    assert list(tmp_path.iterdir()) == [file]


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
    assert (out, err.strip()) == (
        "",
        "Interrupted. All trials that had ended are kept: run the same command again to go on.",
    )
    wait_until_none_is_left(process.pid)


def test_a_hopeless_training_is_given_up(small: Path, tmp_path: Path) -> None:
    options = tiny(9, epochs=6)
    search = run._search(options, read_dataset(small), tmp_path / "study.journal", None, unwatched, 0.0)
    study = search.opened()
    study.begin({})
    for _ in range(4):
        asked = study.ask(9)
        assert asked is not None
        study.give_up(asked.number, dict.fromkeys(range(1, 7), 1e-3))
        study.complete(asked.number, 1e-3, {})
    asked = study.ask(9)
    assert asked is not None
    run_asked(search, study, asked, unwatched)
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

    monkeypatch.setattr("whatsit.networks.fit._run", full)
    with pytest.raises(WhatsitError, match="2 of 2 trials, and none came to an end"):
        tune(small, tmp_path / "full", replace(tiny(2), train=fixed()))
    monkeypatch.undo()
    monkeypatch.setattr("whatsit.tuning.study.Study.begin", lambda *_: None)
    with closing(
        run._search(
            tiny(2), read_dataset(small), tmp_path / "full.tuning" / "study.journal", None, unwatched, 0.0
        ).opened()
    ) as study:
        assert [row.facts["why"] for row in study.rows()] == ["there was not enough memory"] * 2


def test_folders_of_the_work_are_never_another_searchs(small: Path, tmp_path: Path) -> None:
    one, other = (
        run._search(tiny(9), read_dataset(small), tmp_path / name, None, unwatched, 0.0)
        for name in ("pets.scratch", "pets.finetune")
    )
    options = other.fixed
    longer = replace(options, network=replace(options.network, learning_rate=0.5))
    places = [one.place("again", options), other.place("again", options), other.place("again", longer)]
    assert len({*places}) == 3
    assert places[0].name == places[1].name


def test_a_model_of_the_users_own_is_no_leftover(tuned: Tuned, small: Path, tmp_path: Path) -> None:
    shutil.copytree(tuned.model, tmp_path / "out" / "model")
    with pytest.raises(WhatsitError, match=r"has no tuning\.json, so nothing is written there"):
        tune(small, tmp_path / "out", tiny(1))


def test_shares_and_seeds_are_looked_at_first(small: Path, tmp_path: Path) -> None:
    for change, words in (({"valid": 0.6, "test": 0.5}, "valid"), ({"seed": -1}, "a seed of -1, expected 0 to")):
        train = replace(tiny(1).train, **change)
        with pytest.raises(WhatsitError, match=words):
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


def test_no_option_stands_twice() -> None:
    names = [option for parameter in command.params for option in parameter.opts]
    assert len(names) == len(set(names))
