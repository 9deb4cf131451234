"""A network's run: what each epoch gave, as the record has it, through a kill, a resumption and several processes."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from board.reading import END, START, pictures, settings, steps, values
from whatsit.api import train
from whatsit.config import NetworkOptions, TrainOptions
from whatsit.training.fitted import History
from whatsit.training.network.architectures import architecture
from whatsit.training.network.batches import Batches
from whatsit.training.network.cnn import build_cnn
from whatsit.training.network.learner import Learner, Task
from whatsit.training.network.optimizer import Course
from whatsit.training.run import Trained
from whatsit.training.tensorboard import tags
from whatsit.training.tensorboard.callback import Board

pytestmark = pytest.mark.slow

EPOCHS, BATCH = 3, 8
TINY = NetworkOptions(layers=(4,), dense=(), epochs=EPOCHS, batch_size=BATCH, augment="none")
CURVES = {
    tags.TRAIN_LOSS: "train_loss",
    tags.VALID_LOSS: "valid_loss",
    tags.TRAIN_ACCURACY: "train_accuracy",
    tags.VALID_ACCURACY: "valid_accuracy",
    tags.LEARNING_RATE: "learning_rate",
    tags.IMAGES_PER_SECOND: "images_per_second",
}


def options(board: Path, network: NetworkOptions = TINY) -> TrainOptions:
    return TrainOptions(
        method="scratch", resize_mode="squash", image_size=(32, 32), tensorboard=str(board), network=network
    )


@pytest.fixture(scope="module")
def trained(small: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Trained, Path]:
    folder = tmp_path_factory.mktemp("network")
    done = train(small, folder / "model", options(folder / "board"))
    (run,) = (folder / "board").iterdir()
    return done, run


def history(done: Trained) -> History:
    assert done.report.history is not None
    return done.report.history


def test_curves_are_the_history(trained: tuple[Trained, Path]) -> None:
    done, run = trained
    assert run.name == "photos-scratch-1"
    for tag, name in CURVES.items():
        assert steps(run, tag) == [1, 2, 3]
        expected = [getattr(epoch, name) for epoch in history(done).epochs]
        assert values(run, tag) == pytest.approx(expected, rel=1e-6)


def test_every_batch_has_its_loss(trained: tuple[Trained, Path]) -> None:
    _, run = trained
    counted = steps(run, tags.STEP_LOSS)
    assert counted == list(range(1, len(counted) + 1))
    assert len(counted) % EPOCHS == 0
    assert len(counted) > EPOCHS


def test_pictures_are_drawn_of_every_epoch(trained: tuple[Trained, Path]) -> None:
    _, run = trained
    assert list(pictures(run, tags.CONFUSION)) == [1, 2, 3]
    assert list(pictures(run, tags.WORST)) == [1, 2, 3]


def test_the_end_is_told(trained: tuple[Trained, Path]) -> None:
    done, run = trained
    best = next(epoch for epoch in history(done).epochs if epoch.number == history(done).best)
    assert values(run, tags.FINAL_VALID_LOSS) == pytest.approx([best.valid_loss], rel=0.05)  # of the exported graph
    assert values(run, tags.FINAL_TEST_ACCURACY) == pytest.approx([done.evaluation.accuracy.value])
    given = settings(run, START).session_start_info.hparams
    assert (given["method"].string_value, given["optimizer"].string_value) == ("scratch", "adamw")
    assert (given["batch_size"].number_value, given["epochs"].number_value) == (BATCH, EPOCHS)
    assert settings(run, END).session_end_info.status
    rows = (run / "projector" / "metadata.tsv").read_text("utf-8").splitlines()[1:]
    assert {row.split("\t")[4] for row in rows} == {"valid", "test"}


def test_the_network_is_the_same_without(trained: tuple[Trained, Path], small: Path, tmp_path: Path) -> None:
    without = train(small, tmp_path / "model", replace(options(tmp_path), tensorboard=None))
    graphs = [(done.folder / "model.onnx").read_bytes() for done in (trained[0], without)]
    assert graphs[0] == graphs[1]


def test_logits_are_those_of_the_valid_photos(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the task, so that each photo is told with its own label: their loss is the record's."""
    seen: list[float] = []

    def draw(self: Board, valid: Batches, logits: NDArray[np.float32], epoch: int, epochs: int) -> None:
        labels = torch.from_numpy(valid.labels)
        seen.append(float(torch.nn.functional.cross_entropy(torch.from_numpy(logits), labels)))

    monkeypatch.setattr(Board, "_draw", draw)
    done = train(small, tmp_path / "model", options(tmp_path / "board"))
    assert seen == pytest.approx([epoch.valid_loss for epoch in history(done).epochs], rel=1e-5)


@pytest.fixture
def broken_off(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run of a training that ended at the worst moment: an epoch's figures are written, its checkpoint is not."""
    draw = Board._draw

    def break_off(self: Board, valid: Batches, logits: NDArray[np.float32], epoch: int, epochs: int) -> None:
        if epoch == 2:
            raise KeyboardInterrupt
        draw(self, valid, logits, epoch, epochs)

    with monkeypatch.context() as patch:
        patch.setattr(Board, "_draw", break_off)
        with pytest.raises(KeyboardInterrupt):
            train(small, tmp_path / "model", options(tmp_path / "board"))
    (run,) = (tmp_path / "board").iterdir()
    return run


def test_a_resumed_training_has_every_step_once(broken_off: Path, small: Path, tmp_path: Path) -> None:
    assert steps(broken_off, tags.VALID_LOSS) == [1, 2]
    assert list(pictures(broken_off, tags.CONFUSION)) == [1]
    done = train(small, tmp_path / "model", options(tmp_path / "board"), resume=True)
    assert list((tmp_path / "board").iterdir()) == [broken_off]
    assert steps(broken_off, tags.VALID_LOSS) == list(pictures(broken_off, tags.CONFUSION)) == [1, 2, 3]
    assert values(broken_off, tags.VALID_LOSS) == pytest.approx([epoch.valid_loss for epoch in history(done).epochs])
    counted = steps(broken_off, tags.STEP_LOSS)
    assert counted == list(range(1, len(counted) + 1))


def test_resumed_into_another_folder_it_has_all_epochs(broken_off: Path, small: Path, tmp_path: Path) -> None:
    train(small, tmp_path / "model", options(tmp_path / "other"), resume=True)
    (run,) = (tmp_path / "other").iterdir()
    assert steps(run, tags.VALID_LOSS) == [1, 2, 3]


@pytest.mark.parametrize("classes", [2, 3])
def test_processes_fill_in_their_own_photos(tmp_path: Path, classes: int) -> None:
    """The sum over processes is what one alone would have, photo by photo."""
    rng = np.random.default_rng(0)
    np.save(tmp_path / "pixels.npy", rng.integers(0, 256, (11, 32, 32, 3), dtype=np.uint8))
    labels = rng.integers(0, classes, 11)
    valid = Batches(tmp_path / "pixels.npy", np.arange(11), labels, 4, shuffled=False)
    course = Course("adamw", 1e-3, 0.0, 1.0, 10, 0, False)
    task = Task(valid, valid, course, "none", 0.0, None)
    network = build_cnn(architecture("small-resnet", layers=(4,), dense=(), size=(32, 32)), classes).eval()

    def logits(rank: int, world: int) -> torch.Tensor:
        learner = Learner(network, task)
        learner._trainer = SimpleNamespace(global_rank=rank, world_size=world)  # type: ignore[assignment]
        learner.on_validation_epoch_start()
        with torch.inference_mode():
            for number, batch in enumerate(replace(valid, rank=rank, world=world)):
                learner.validation_step(batch, number)
        return learner._valid_logits

    alone = logits(0, 1)
    assert alone.shape == (11, classes)
    assert torch.allclose(logits(0, 2) + logits(1, 2), alone, atol=1e-5)
