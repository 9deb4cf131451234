"""The trial of learning rates: the same for the same seed, without a trace, and its rate is one that learns."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from whatsit.api import train
from whatsit.config import NetworkOptions, TrainOptions
from whatsit.errors import WhatsitError
from whatsit.model.format import FILES
from whatsit.training.network import finder
from whatsit.training.network.architectures import CNN
from whatsit.training.network.batches import Batches
from whatsit.training.network.cnn import build_cnn
from whatsit.training.network.finder import HIGHEST, LOWEST, find_learning_rate, suggested
from whatsit.training.network.learner import Task
from whatsit.training.network.modules import Network
from whatsit.training.network.optimizer import Course, optimizer_of, unfreeze
from whatsit.training.network.resume import FOUND, read_rate

pytestmark = pytest.mark.slow

SIDE = 16
OWN = 0.0321  # a rate that no trial suggests
TINY = CNN((8, 16), SIDE, SIDE, padded=True, batch_norm=True, average=True, residual=True, dropout=0.2)
COURSE = Course("adamw", 1e-3, 0.05, 0.5, steps=10, warm_up=0, cosine=False)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """So small a network is slower with more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def task(tmp_path: Path) -> Task:
    """48 bright or dark squares of noise."""
    labels = np.arange(48) % 2
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 128, (48, SIDE, SIDE, 3)) + 100 * labels[:, None, None, None]
    np.save(tmp_path / "pixels.npy", pixels.astype(np.uint8))
    photos = Batches(tmp_path / "pixels.npy", np.arange(48), labels, 16, shuffled=True)
    return Task(photos, replace(photos, shuffled=False), COURSE, "light", 0.1, None)


def network() -> Network:
    torch.manual_seed(0)
    return build_cnn(TINY, 2)


def silent(photos: int, note: str = "") -> None:
    """Says nothing."""


def test_a_rate_that_learns_is_found(task: Task) -> None:
    found = find_learning_rate(network(), task, silent, steps=60)
    assert 1e-4 < found.learning_rate < 1e-1
    assert found.learning_rate in found.rates
    assert len(found.rates) == len(found.losses)
    assert found.rates[0] == LOWEST
    assert found.rates[-1] <= HIGHEST
    assert min(found.losses) < 0.7 * found.losses[0]


def test_the_same_seed_gives_the_same_rate_and_another_does_not(task: Task) -> None:
    one, same = (find_learning_rate(network(), task, silent, steps=30) for _ in range(2))
    assert one == same
    other = find_learning_rate(network(), replace(task, train=replace(task.train, seed=1)), silent, steps=30)
    assert other.losses != one.losses


def test_nothing_of_the_trial_is_left(task: Task, tmp_path: Path) -> None:
    before = network()
    weights = {name: tensor.clone() for name, tensor in before.state_dict().items()}
    files, state = sorted(tmp_path.iterdir()), torch.get_rng_state()
    find_learning_rate(before, task, silent, steps=30)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in before.state_dict().items())
    assert all(parameter.grad is None for parameter in before.parameters())
    assert torch.equal(torch.get_rng_state(), state)
    assert sorted(tmp_path.iterdir()) == files
    assert task.train.epoch == 0


def test_parts_keep_their_share_of_the_rate(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def watched(learner: Network, course: Course) -> torch.optim.Optimizer:
        seen.append(optimizer_of(learner, course))
        return seen[0]

    monkeypatch.setattr(finder, "optimizer_of", watched)
    found = find_learning_rate(network(), task, silent, steps=30)
    rates = [group["lr"] for group in seen[0].param_groups]
    assert max(rates) == pytest.approx(found.rates[-1])
    assert min(rates) == pytest.approx(found.rates[-1] * 0.5**2)


def test_it_stops_where_the_loss_diverges(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finder, "HIGHEST", 1e4)
    found = find_learning_rate(network(), task, silent, steps=50)
    assert len(found.rates) < 50
    assert not found.losses[-1] <= 4 * min(found.losses)


def test_progress_counts_photos(task: Task) -> None:
    told: list[tuple[int, str]] = []
    find_learning_rate(network(), task, lambda n, note="": told.append((n, note)), steps=30)
    assert [n for n, _ in told] == [16] * len(told)
    assert 10 < len(told) <= 30
    assert told[0][1].startswith("learning rate 1.0e-06, loss 0.")


def test_where_nothing_learns_any_rate_will_do(task: Task) -> None:
    frozen = network()
    unfreeze(frozen, "none")
    assert find_learning_rate(frozen, task, silent).learning_rate == COURSE.learning_rate


def valley(bottom: int, n: int = 60) -> tuple[list[float], list[float]]:
    """Flat for a while, then a fall that ends at `bottom`, then a rise."""
    rates = np.logspace(-6, 0, n).tolist()
    places = np.arange(n)
    falling = np.clip((bottom - places) / 20, 0, 1) + np.maximum(0, places - bottom) * 0.5
    return rates, (1 + falling).tolist()


@pytest.mark.parametrize("bottom", [30, 40, 50])
def test_the_rate_is_in_the_middle_of_the_fall(bottom: int) -> None:
    rates, losses = valley(bottom)
    assert rates.index(suggested(rates, losses, OWN)) == pytest.approx(bottom - 10, abs=1)


def test_noise_moves_it_by_less_than_a_power_of_ten() -> None:
    rates, losses = valley(40)
    noise = np.random.default_rng(0).normal(0, 0.01, len(losses))
    assert rates.index(suggested(rates, (np.array(losses) + noise).tolist(), OWN)) == pytest.approx(30, abs=10)


def test_of_a_slow_fall_after_a_long_flat_part_the_flat_part_does_not_count() -> None:
    rates, losses = valley(50)
    crept = [loss - 0.001 * i if i < 30 else loss - 0.03 for i, loss in enumerate(losses)]
    assert rates.index(suggested(rates, crept, OWN)) == pytest.approx(40, abs=1)


@pytest.mark.parametrize(
    "losses",
    [
        [1.0] * 40,
        [1 - 0.001 * i for i in range(40)],
        list(np.linspace(1, 2, 40)),
        [float("nan")],
        [1.0] * 11 + [float("nan")],
    ],
)
def test_where_the_loss_does_not_clearly_fall_the_methods_own_rate_stays(losses: list[float]) -> None:
    assert suggested(np.logspace(-6, 0, len(losses)).tolist(), losses, OWN) == OWN


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / FOUND).write_text("{")
    with pytest.raises(WhatsitError, match=r"damaged\. Begin the training anew: --force"):
        read_rate(tmp_path / FOUND)


@pytest.fixture(scope="module")
def asked() -> TrainOptions:
    small = NetworkOptions(architecture="small-resnet", layers=(8, 8), epochs=2, batch_size=16)
    return TrainOptions(
        method="scratch", image_size=(24, 24), network=replace(small, learning_rate="find", augment="none")
    )


def test_the_model_says_which_rate_was_found(photos: Path, asked: TrainOptions, tmp_path: Path) -> None:
    trained = train(photos, tmp_path / "found", asked)
    facts = json.loads((trained.folder / FILES.facts).read_text(encoding="utf-8"))
    rate = facts["training"]["network"]["learning_rate"]
    assert LOWEST < rate < HIGHEST
    assert facts["head"]["learning_rate"] == pytest.approx(rate, rel=0.05)
    assert f"learning rate {facts['head']['learning_rate']}" in (trained.folder / FILES.report).read_text("utf-8")
    given = replace(asked, network=replace(asked.network, learning_rate=rate))
    same = train(photos, tmp_path / "given", given)
    assert (same.folder / FILES.graph).read_bytes() == (trained.folder / FILES.graph).read_bytes()


def test_a_training_that_is_resumed_keeps_its_rate(
    photos: Path, asked: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken_off(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("whatsit.training.network.export.feature_extractor_of", broken_off)  # after the last epoch
    with pytest.raises(KeyboardInterrupt):
        train(photos, tmp_path / "model", asked)
    monkeypatch.undo()
    kept = tmp_path / "model.training" / FOUND
    kept.write_text('{"learning_rate": 0.0125}')
    resumed = train(photos, tmp_path / "model", asked, resume=True)
    facts = json.loads((resumed.folder / FILES.facts).read_text(encoding="utf-8"))
    assert facts["training"]["network"]["learning_rate"] == 0.0125
    assert not kept.exists()
