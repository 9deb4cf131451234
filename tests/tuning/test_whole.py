"""A search from photos to a model folder, and what a second call makes of it."""

import json
import re
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tuning.made import TRIALS, fixed, tiny
from whatsit.cli.commands.tune import command
from whatsit.data.read import read_dataset
from whatsit.errors import WhatsitError
from whatsit.model.classifier import Classifier
from whatsit.progress import no_progress
from whatsit.training.tune import run
from whatsit.training.tune.run import Tuned, tune

pytestmark = pytest.mark.slow


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
    search = run._search(options, read_dataset(small), journal, None, no_progress, 0.0)
    target = run._Target("photos", str(small), tuned.folder, begun=0.0)
    with closing(search.opened()) as study:
        again = run._published(search, study, target, None)  # type: ignore[arg-type]  # nothing is trained, so nothing is reported
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


def test_folders_of_the_work_are_never_another_searchs(small: Path, tmp_path: Path) -> None:
    one, other = (
        run._search(tiny(9), read_dataset(small), tmp_path / name, None, no_progress, 0.0)
        for name in ("pets.scratch", "pets.finetune")
    )
    options = other.fixed
    longer = replace(options, network=replace(options.network, learning_rate=0.5))
    places = [one.place("again", options), other.place("again", options), other.place("again", longer)]
    assert len({*places}) == 3
    assert places[0].name == places[1].name


def test_no_option_stands_twice() -> None:
    names = [option for parameter in command.params for option in parameter.opts]
    assert len(names) == len(set(names))
