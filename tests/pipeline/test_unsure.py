"""A precision that cannot be reached is said wherever a user looks, and an older model.json still loads."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from steps.made import save

from whatsit.api import evaluate, train
from whatsit.config import TrainOptions
from whatsit.errors import ModelFolderError
from whatsit.evaluation.report.terminal import summary
from whatsit.model.evaluation import target_of
from whatsit.model.format import FILES, Unsure, check_values, read_model, write_core
from whatsit.training.run import Trained


@pytest.fixture(scope="module")
def hopeless(quick: TrainOptions, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Labels that say nothing of the pictures, and 99 % right answers asked for."""
    folder = tmp_path_factory.mktemp("hopeless")
    for number in range(120):
        save(folder / "photos" / ("heads", "tails")[number * 7 % 13 % 2] / f"{number}.jpg", 0, number)
    return train(folder / "photos", folder / "model", replace(quick, target_precision=0.99))


def test_a_target_that_was_missed_is_said(hopeless: Trained) -> None:
    unsure = hopeless.classifier.facts.unsure
    assert unsure.reached is False
    assert unsure.precision == 0.99
    assert unsure.held_out_precision is not None
    assert unsure.held_out_precision < 0.99
    percent = f"{100 * unsure.held_out_precision:.1f} %"
    assert f"the target precision of 99.0 % was not reached, only {percent}" in summary(hopeless.report)
    assert "The target precision of 99.0 % was not reached" in hopeless.report.next_steps[0].replace("\xa0", " ")
    page = (hopeless.folder / FILES.report).read_text(encoding="utf-8").replace("\xa0", " ")
    assert "The target precision of 99.0 % could not be reached" in page


def test_so_it_is_where_the_model_is_evaluated(hopeless: Trained, tmp_path: Path) -> None:
    for number in range(6):
        save(tmp_path / "later" / "heads" / f"{number}.jpg", 0, 900 + number)
    done = evaluate(hopeless.folder, tmp_path / "later", tmp_path / "report")
    assert "target precision of 99.0 %" in summary(done.report)
    assert "was not reached" in done.report.next_steps[0]


def test_a_target_that_was_reached_is_not(trained: Trained) -> None:
    unsure = trained.classifier.facts.unsure
    assert unsure.reached is True
    assert "target precision" not in summary(trained.report)


def with_values(model: Trained, folder: Path, **changed: object) -> Path:
    """The same model whose model.json has other values of "unsure"; sealed anew."""
    facts, graph = read_model(model.folder)
    folder.mkdir()

    write_core(folder, replace(facts, unsure=replace(facts.unsure, **changed)), graph)  # type: ignore[arg-type]
    return folder


def test_an_older_model_does_not_know(trained: Trained) -> None:
    """Its model.json has no such entries."""
    facts = json.loads((trained.folder / FILES.facts).read_text(encoding="utf-8"))
    for key in ("reached", "held_out_precision", "held_out_coverage"):
        del facts["unsure"][key]
    check_values(facts)
    assert target_of(Unsure(**facts["unsure"])) is None


@pytest.mark.parametrize(
    ("key", "value"), [("reached", "yes"), ("reached", 1), ("held_out_precision", 1.5), ("held_out_coverage", "all")]
)
def test_other_values_are_refused(trained: Trained, tmp_path: Path, key: str, value: object) -> None:
    with pytest.raises(ModelFolderError, match=f"'unsure.{key}' is"):
        read_model(with_values(trained, tmp_path / "bad", **{key: value}))
