"""A comparison of probes from end to end: what is written, what is read, and how it goes on."""

import json
import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock
from steps.made import experiment_of, make_folder, make_photos

from whatsit.config import TrainOptions
from whatsit.embedding.embedder import Embedded, Embedder
from whatsit.errors import WhatsitError
from whatsit.model.classifier import Classifier
from whatsit.progress import Advance, no_progress
from whatsit.training.compare import run
from whatsit.training.compare.run import Compared, compare, few_valid
from whatsit.training.compare.trial import Trial, run_trial
from whatsit.training.splits import make_splits

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def candidates(probe: TrainOptions) -> Mapping[str, TrainOptions]:
    return {"probe": probe, "probe --head knn": replace(probe, head="knn")}


@pytest.fixture(scope="module")
def done(fruit: Path, candidates: Mapping[str, TrainOptions], tmp_path_factory: pytest.TempPathFactory) -> Compared:
    return compare(fruit, candidates, tmp_path_factory.mktemp("done") / "side by side")


def test_what_is_written(done: Compared, fruit: Path) -> None:
    assert sorted(path.name for path in done.folder.iterdir()) == ["comparison.html", "comparison.json", "model"]
    assert [path.name for path in done.folder.parent.iterdir()] == ["side by side"]
    assert Classifier.load(done.folder / "model").predict(str(next(fruit.rglob("*.jpg")))).label in ("apples", "pears")
    assert json.loads((done.folder / "comparison.json").read_text(encoding="utf-8")) == json.loads(
        json.dumps(done.to_dict())
    )


def test_a_name_that_is_no_unicode(fruit: Path, probe: TrainOptions, tmp_path: Path) -> None:
    """As a file's may be, that a candidate names."""
    name = "probe --backbone not\udcff.onnx"
    compared = compare(fruit, {name: probe}, tmp_path / "c")
    assert json.loads((compared.folder / "comparison.json").read_bytes())["winner"] == name


def test_the_figures_are_of_valid_photos_and_the_headline_of_test_photos(done: Compared) -> None:
    figures = done.to_dict()
    splits = (done.folder / "model" / "splits.csv").read_text(encoding="utf-8")
    assert figures["valid_photos"] == splits.count(",valid,") > 0
    assert done.trained.evaluation.n == splits.count(",test,") > 0
    for trial in done.comparison.trials:
        assert trial.logits.shape == (figures["valid_photos"], 2)
        assert trial.seconds > 0
        assert trial.milliseconds > 0
        assert 0 < trial.megabytes < 1


def test_the_page_needs_nothing_else(done: Compared) -> None:
    page = done.page.read_text(encoding="utf-8")
    assert "<script" not in page
    assert "default-src 'none'" in page
    for text in ("probe --head knn", "McNemar", "model/report.html", done.trained.report.headline.split(" (")[0]):
        assert text in page


def test_losers_never_see_a_test_photo(
    fruit: Path, candidates: Mapping[str, TrainOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While trials run, no photo that judges is asked for; then by the winner alone."""
    seen: dict[str, set[str]] = {}
    under_way = ["nobody"]
    fill, trial_of = Embedder.fill, run_trial

    def spy(self: Embedder, sources: list[str], progress: Callable[[int], None] = lambda n: None) -> Embedded:
        seen.setdefault(under_way[0], set()).update(sources)
        return fill(self, sources, progress)

    def marked(name: str, *rest: object) -> Trial:
        under_way[0] = name
        try:
            return trial_of(name, *rest)  # type: ignore[arg-type]
        finally:
            under_way[0] = "winner"

    monkeypatch.setattr(Embedder, "fill", spy)
    monkeypatch.setattr(run, "run_trial", marked)
    done = compare(fruit, candidates, tmp_path / "out")
    rows = [line.split(",") for line in (done.folder / "model" / "splits.csv").read_text().splitlines()[1:]]
    test = {row[0] for row in rows if row[2] == "test"}
    learned = {row[0] for row in rows if row[2] in ("train", "valid")}
    assert test
    for name in candidates:
        assert seen[name] == learned
    assert test <= seen["winner"]


def test_what_was_finished_is_not_taught_again(
    fruit: Path, candidates: Mapping[str, TrainOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taught: list[str] = []
    told: list[Trial] = []
    trial_of = run_trial

    def breaks_off(name: str, *rest: object) -> Trial:
        if taught:
            raise KeyboardInterrupt
        taught.append(name)
        return trial_of(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(run, "run_trial", breaks_off)
    with pytest.raises(KeyboardInterrupt):
        compare(fruit, candidates, tmp_path / "out", told=told.append)
    assert [trial.name for trial in told] == ["probe"]
    assert [path.name for path in tmp_path.iterdir()] == ["out.comparing"]

    def only_the_other(name: str, *rest: object) -> Trial:
        taught.append(name)
        return trial_of(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(run, "run_trial", only_the_other)
    done = compare(fruit, candidates, tmp_path / "out", told=told.append)
    assert taught == ["probe", "probe --head knn"]
    assert told[1].seconds == told[0].seconds  # the kept one
    assert [trial.name for trial in done.comparison.trials] == ["probe", "probe --head knn"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_other_options_are_another_trial(
    fruit: Path, probe: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_saved", lambda *rest: pytest.fail("broken off"))
    for options in (probe, replace(probe, balance=True), replace(probe, resize_mode="crop")):
        with pytest.raises(pytest.fail.Exception):
            compare(fruit, {"probe": options}, tmp_path / "out")
    kept = [path for path in (tmp_path / "out.comparing").iterdir() if path.is_dir()]
    assert len(kept) == 3


def test_steps_say_whose_they_are(fruit: Path, candidates: Mapping[str, TrainOptions], tmp_path: Path) -> None:
    steps: list[str] = []

    def progress(step: str, total: int | None) -> AbstractContextManager[Advance]:
        steps.append(step)
        return no_progress(step, total)

    done = compare(fruit, candidates, tmp_path / "out", progress=progress)
    assert steps[:3] == ["embedding", "finding copies", "probe: embedding"]
    assert "probe --head knn: training the classifier" in steps
    assert steps[-1] == f"{done.comparison.winner.name}, on valid photos too: writing the report"


def test_one_candidate_is_a_comparison_too(fruit: Path, probe: TrainOptions, tmp_path: Path) -> None:
    done = compare(fruit, {"mine": probe}, tmp_path / "out")
    assert done.comparison.pairs == ()
    assert "There is nothing to compare it with." in done.advice[0]
    assert 'id="pairs"' not in done.page.read_text(encoding="utf-8")


def test_own_splits_are_kept(probe: TrainOptions, tmp_path: Path) -> None:
    for split, first in (("train", 0), ("valid", 100), ("test", 200)):
        make_folder(tmp_path / "photos" / split, {"apples": 8, "pears": 8}, first_seed=first)
    done = compare(tmp_path / "photos", {"probe": probe, "svm": replace(probe, head="svm")}, tmp_path / "out")
    assert done.comparison.photos == 16
    assert done.trained.evaluation.n == 16
    assert done.trained.report.protocol == "your own test split"


def test_mistakes_are_one_line(fruit: Path, probe: TrainOptions, done: Compared, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear", encoding="utf-8")
    (tmp_path / "file").write_text("", encoding="utf-8")
    shutil.copytree(done.folder / "model", tmp_path / "theirs" / "model")
    few = make_folder(tmp_path / "few", {"apples": 2, "pears": 2})
    unlike = replace(probe, seed=3)
    ours = {"probe": probe}
    for output, candidates, words in (
        (done.folder, ours, "exists. Name another with --output, or replace it with --force"),
        (tmp_path / "mine", ours, "has no comparison.json, so nothing is written there"),
        (tmp_path / "file", ours, "has no comparison.json"),
        (tmp_path / "theirs", ours, "has no comparison.json"),
        (tmp_path / "file" / "below", ours, "cannot write"),
        (tmp_path / "out", {}, "nothing to compare"),
        (tmp_path / "out", {"a": replace(probe, valid=0.6, test=0.5)}, "valid=0.6 and test=0.5 leave nothing"),
        (tmp_path / "out", {"a": probe, "b": unlike}, "b: seed is 3, and 0 for a"),
        (tmp_path / "out", {"none": replace(probe, backbone="resnet")}, "none: no backbone 'resnet'"),
    ):
        with pytest.raises(WhatsitError, match=words):
            compare(fruit, candidates, output)
    with pytest.raises(WhatsitError, match="distinct photo"):
        compare(few, ours, tmp_path / "out")


def test_an_older_comparison_is_replaced_where_that_was_asked_for(
    fruit: Path, probe: TrainOptions, tmp_path: Path
) -> None:
    first = compare(fruit, {"first": probe}, tmp_path / "out")
    second = compare(fruit, {"second": probe}, tmp_path / "out", overwrite=True)
    assert first.folder == second.folder
    assert json.loads((second.folder / "comparison.json").read_text(encoding="utf-8"))["winner"] == "second"


def test_two_at_once_are_refused(fruit: Path, probe: TrainOptions, tmp_path: Path) -> None:
    (tmp_path / "out.comparing").mkdir()
    with (
        FileLock(tmp_path / "out.comparing" / ".lock"),
        pytest.raises(WhatsitError, match="another process is comparing there"),
    ):
        compare(fruit, {"probe": probe}, tmp_path / "out")


def test_few_valid_photos_are_said_before_anything_is_taught(
    fruit: Path, probe: TrainOptions, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []
    compared = compare(fruit, {"probe": probe}, tmp_path / "out", told=lambda trial: heard.extend(caplog.messages))
    (line,) = heard
    assert line.startswith("Only 7 valid photos to choose on: a gap under 6 (86 points) may be chance")
    assert line in compared.page.read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")


def test_valid_photos_in_groups_are_said_by_their_worth() -> None:
    """Twelve groups of five photos: few to choose on."""
    photos = make_photos([30, 30], groups=[f"site {n // 5}" for n in range(60)])
    said = few_valid(experiment_of(photos, make_splits(photos, TrainOptions(), one_fold=True)))
    pattern = r"Only \d+ valid photos to choose on, worth \d+ single photos? since they come in groups: any gap"
    assert re.match(pattern, said)
