"""A run's file of events: no step twice, whatever was killed, and one line where it cannot be written."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from board.reading import EXPERIMENT, START, pictures, read, settings, steps, values
from whatsit.errors import WhatsitError
from whatsit.training.tensorboard.events import COLUMNS, FIGURES, FIRST, Events, begin, event_files, last_steps


def written(run: Path, *points: tuple[int, float]) -> None:
    events = Events(run)
    for step, value in points:
        events.scalar("loss", value, step)
    events.close()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    events = Events(tmp_path)
    events.scalar("loss", 0.5, 3)
    drawn = Image.fromarray(np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8))
    events.image("picture", drawn, 4)
    events.image("photo", drawn, 5, photos=True)
    events.close()
    assert (steps(tmp_path, "loss"), values(tmp_path, "loss")) == ([3], [0.5])
    assert np.array_equal(pictures(tmp_path, "picture")[4], np.asarray(drawn))
    assert pictures(tmp_path, "photo")[5].shape == (5, 7, 3)


def test_a_later_file_goes_on_without_repeating(tmp_path: Path) -> None:
    written(tmp_path, (1, 0.9), (2, 0.8), (3, 0.7))
    written(tmp_path, (2, 5.0), (3, 5.0), (4, 0.6))
    assert len(event_files(tmp_path)) == 2
    assert steps(tmp_path, "loss") == [1, 2, 3, 4]
    assert values(tmp_path, "loss") == pytest.approx([0.9, 0.8, 0.7, 0.6])


@pytest.mark.parametrize("lost", [1, 7, 20])
def test_half_a_record_is_passed_over(tmp_path: Path, lost: int) -> None:
    written(tmp_path, (1, 0.9), (2, 0.8))
    (file,) = event_files(tmp_path)
    file.write_bytes(file.read_bytes()[:-lost])
    assert last_steps([file]) == {"loss": 1}
    written(tmp_path, (2, 0.7), (3, 0.6))
    assert values(tmp_path, "loss") == pytest.approx([0.9, 0.7, 0.6])


def test_it_can_be_read_before_it_is_closed(tmp_path: Path) -> None:
    events = Events(tmp_path)
    events.scalar("loss", 0.5, 1)
    events.flush()
    assert steps(tmp_path, "loss") == [1]
    events.close()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(WhatsitError, match=r"^cannot write .*file"):
        Events(tmp_path / "file")


def test_every_run_names_all_columns(tmp_path: Path) -> None:
    events = Events(tmp_path)
    begin(events, {"method": "scratch", "epochs": 3, "averaging": True, "learning_rate": 0.003})
    begin(events, {"method": "finetune"})  # a second time is passed over
    events.close()
    experiment = settings(tmp_path, EXPERIMENT).experiment
    assert {info.name for info in experiment.hparam_infos} == set(COLUMNS)
    assert {info.name for info in experiment.hparam_infos if info.differs} == set(FIRST)
    assert {info.name.tag for info in experiment.metric_infos} == set(FIGURES)
    given = settings(tmp_path, START).session_start_info.hparams
    assert given["method"].string_value == "scratch"
    assert (given["epochs"].number_value, given["averaging"].bool_value) == (3, True)
    assert "custom_scalars__config__" in read(tmp_path).Tags()["tensors"]


def test_a_value_of_no_column_is_a_mistake_of_ours(tmp_path: Path) -> None:
    events = Events(tmp_path)
    with pytest.raises(KeyError):
        begin(events, {"colour": "red"})
    events.close()
