"""A probe's run: its course, its pictures, its embeddings and settings; and the model is the same without."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format  # type: ignore[import-untyped]
from patience import PATIENCE
from PIL import Image
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from board.reading import END, START, pictures, read, settings, steps, values
from whatsit.api import train
from whatsit.config import TrainOptions
from whatsit.training.run import Trained
from whatsit.training.tensorboard import tags

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(small: Path, quick: TrainOptions, tmp_path_factory: pytest.TempPathFactory) -> tuple[Trained, Path]:
    folder = tmp_path_factory.mktemp("probe")
    done = train(small, folder / "model", replace(quick, tensorboard=str(folder / "board")))
    (run,) = (folder / "board").iterdir()
    return done, run


def test_the_course_is_there(trained: tuple[Trained, Path]) -> None:
    _, run = trained
    assert run.name == "photos-probe-1"
    found = read(run).Tags()
    assert {tags.TRAIN_LOSS, tags.VALID_LOSS, tags.TRAIN_ACCURACY, tags.VALID_ACCURACY} <= set(found["scalars"])
    counted = steps(run, tags.VALID_LOSS)
    assert counted == list(range(len(counted)))
    assert len(counted) > 2
    losses = values(run, tags.TRAIN_LOSS)
    assert losses[0] == pytest.approx(np.log(2), rel=0.05)
    assert losses[-1] < losses[0]


def test_figures_are_those_of_the_model(trained: tuple[Trained, Path]) -> None:
    done, run = trained
    assert values(run, tags.FINAL_TEST_ACCURACY) == pytest.approx([done.evaluation.accuracy.value])
    given = settings(run, START).session_start_info.hparams
    assert (given["method"].string_value, given["head"].string_value) == ("probe", "logistic")
    assert given["strength"].number_value == pytest.approx(done.classifier.facts.head["penalty"])
    assert settings(run, END).session_end_info.status


def test_pictures_are_there_once(trained: tuple[Trained, Path]) -> None:
    _, run = trained
    for tag in (tags.CONFUSION, tags.WORST):
        (drawn,) = pictures(run, tag).values()
        assert drawn.shape[0] > 200


def test_embeddings_can_be_projected(trained: tuple[Trained, Path]) -> None:
    _, run = trained
    config = text_format.Parse((run / "projector_config.pbtxt").read_text(), ProjectorConfig()).embeddings[0]
    vectors = np.loadtxt(run / config.tensor_path, delimiter="\t")
    assert vectors.shape == tuple(config.tensor_shape) == (40, 24)
    head, *rows = [line.split("\t") for line in (run / config.metadata_path).read_text("utf-8").splitlines()]
    assert head == ["label", "answer", "probability", "right", "split", "photo"]
    assert sorted(row[0] for row in rows) == ["apples"] * 20 + ["pears"] * 20
    assert all((row[3] == "yes") == (row[0] == row[1]) for row in rows)
    side = 7 * config.sprite.single_image_dim[0]
    with Image.open(run / config.sprite.image_path) as picture:
        assert picture.size == (side, side)


def test_the_model_is_the_same_without(
    trained: tuple[Trained, Path], small: Path, quick: TrainOptions, tmp_path: Path
) -> None:
    without = train(small, tmp_path / "model", quick)
    graphs = [(done.folder / "model.onnx").read_bytes() for done in (trained[0], without)]
    assert graphs[0] == graphs[1]


@pytest.mark.parametrize("head", ["mlp", "svm", "knn"])
def test_heads_without_a_course_have_all_else(head: str, small: Path, quick: TrainOptions, tmp_path: Path) -> None:
    options = replace(quick, head=head, tensorboard=str(tmp_path / "board"))  # type: ignore[arg-type]
    train(small, tmp_path / "model", options)
    (run,) = (tmp_path / "board").iterdir()
    assert set(read(run).Tags()["scalars"]) == {
        tags.FINAL_VALID_LOSS,
        tags.FINAL_VALID_ACCURACY,
        tags.FINAL_TEST_ACCURACY,
    }
    assert pictures(run, tags.CONFUSION)


def test_a_probe_needs_no_pytorch(small: Path, quick: TrainOptions, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom whatsit.cli import whatsit\n"
        "whatsit.main(sys.argv[1:], standalone_mode=False)\n"
        "print('loaded:', *{name.partition('.')[0] for name in sys.modules})"
    )
    command = ["train", str(small), "-o", str(tmp_path / "model"), "--tensorboard", str(tmp_path / "board")]
    command += ["--backbone", quick.backbone, "--resize-mode", "squash"]
    done = subprocess.run(
        [sys.executable, "-c", code, *command], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    loaded = set(done.stdout.rpartition("loaded:")[2].split())
    assert "tensorboard" in loaded
    assert loaded.isdisjoint({"torch", "lightning", "tensorflow"})
    assert (tmp_path / "board" / "photos-probe-1").is_dir()
