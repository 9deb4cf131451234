"""The probe before fine-tuning: its head gives the network's logits, and its figures are those of valid photos."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from whatsit.training.calibration import log_loss
from whatsit.training.network.batches import Batches
from whatsit.training.network.cnn import build_cnn
from whatsit.training.network.head_start import copies_of, embeddings, start_from_probe
from whatsit.training.network.modules import Network, Start

from .learning import CLASSES, SMALL, first_network, task_of

pytestmark = pytest.mark.slow

LEARNED, VALID, FOLDS = np.arange(45), np.arange(45, 60), np.arange(45) % 3


def all_photos(folder: Path, classes: int) -> Batches:
    task = task_of(folder, learn=60)
    task.train.shuffled = False
    task.train.labels = task.train.labels % classes
    return task.train


def begun(network: Network, photos: Batches, augment: str = "none") -> Start:
    began = time.monotonic()
    x = embeddings(network, photos, augment=augment, copies=copies_of(len(photos.rows), augment))
    return start_from_probe(network, x, photos.labels, LEARNED, VALID, FOLDS, balance=False, began=began)


@pytest.mark.parametrize("classes", [2, CLASSES])
def test_the_networks_logits_are_the_heads(tmp_path: Path, classes: int) -> None:
    photos = all_photos(tmp_path, classes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_cnn(replace(SMALL, dropout=0.0), classes)
    start = begun(network, photos)
    assert start.epoch.number == 0
    assert start.epoch.calibrated_loss == pytest.approx(start.losses.mean())
    assert len(start.losses) == len(VALID)
    for name, tensor in start.head.items():
        assert torch.equal(network.state_dict()[name], tensor)
    with torch.inference_mode():
        logits = np.concatenate([network(batch.pixels.float()).numpy() for batch in photos])
    if classes == 2:
        assert logits.shape[1] == 1
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    for rows, loss, accuracy in (
        (LEARNED, start.epoch.train_loss, start.epoch.train_accuracy),
        (VALID, start.epoch.valid_loss, start.epoch.valid_accuracy),
    ):
        assert log_loss(logits[rows], photos.labels[rows]) == pytest.approx(loss, abs=1e-4)
        assert (logits[rows].argmax(1) == photos.labels[rows]).mean() == accuracy


def test_in_mixed_precision_the_embeddings_are_near(tmp_path: Path) -> None:
    photos, network = all_photos(tmp_path, CLASSES), first_network()
    exact = embeddings(network, photos)
    near = embeddings(network, photos, "cpu", "bf16-mixed")
    assert near.dtype == np.float32
    assert 0 < float(np.linalg.norm(near - exact) / np.linalg.norm(exact)) < 0.02


def test_copies_are_learned_from_and_judge_nothing(tmp_path: Path) -> None:
    photos = all_photos(tmp_path, CLASSES)
    plain, augmented = first_network(), first_network()
    as_it_is = begun(plain, photos)
    start = begun(augmented, photos, "hflip,rotation=30")
    assert not torch.equal(plain.head.weight, augmented.head.weight)
    with torch.inference_mode():
        logits = np.concatenate([augmented(batch.pixels.float()).numpy() for batch in photos])
    assert log_loss(logits[VALID], photos.labels[VALID]) == pytest.approx(start.epoch.valid_loss, abs=1e-4)
    # on photos as they are, which is all that the other one knows
    assert start.epoch.train_loss > as_it_is.epoch.train_loss


def test_copies_are_other_pixels_each_time(tmp_path: Path) -> None:
    photos, network = all_photos(tmp_path, CLASSES), first_network()
    told: list[int] = []
    found = embeddings(network, photos, augment="rotation=30", copies=2, advance=told.append)
    assert sum(told) == len(found)
    assert found.shape == (180, network.dim)
    assert np.array_equal(found[:60], embeddings(network, photos))
    assert not np.allclose(found[60:120], found[120:], atol=1e-3)
    assert np.array_equal(found, embeddings(network, photos, augment="rotation=30", copies=2))


def test_few_copies_of_many_photos() -> None:
    assert [copies_of(n, "light") for n in (50, 4_000, 9_000, 30_000)] == [4, 4, 1, 0]
    assert copies_of(50, "none") == copies_of(50, "rotation=0") == 0
