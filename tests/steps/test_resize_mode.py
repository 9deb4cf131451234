"""Which fit suits the photos: a guess by their shape, then a trial on a bounded sample."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from whatsit.api import train
from whatsit.config import TrainOptions
from whatsit.data.dataset import Dataset
from whatsit.data.read import read_dataset
from whatsit.embedding.source import Embeddings
from whatsit.images.decode import read_size
from whatsit.images.limits import Limits
from whatsit.images.preprocessing import ResizeMode
from whatsit.training import preparation as fit
from whatsit.training.experiment import TrainingSet
from whatsit.training.preparation import better_resize_mode, likely_resize_mode, sample_rows
from whatsit.training.splits import make_splits

from .made import DIM, PLAIN, make_folder, make_photos, network


def shaped(folder: Path, *sizes: tuple[int, int]) -> Dataset:
    for label in "ab":
        (folder / label).mkdir(parents=True)
        for number, size in enumerate(sizes):
            Image.new("RGB", size, (9 * number, 0, 0)).save(folder / label / f"{number}.png")
    return read_dataset(folder)


def test_square_photos_need_no_trial(tmp_path: Path) -> None:
    assert likely_resize_mode(shaped(tmp_path / "photos", (40, 40), (41, 40))) == ("squash", False)


def test_elongated_photos_are_squashed(tmp_path: Path) -> None:
    assert likely_resize_mode(shaped(tmp_path / "photos", (90, 30), (30, 90), (70, 30))) == ("squash", True)


def test_common_photos_are_cropped(tmp_path: Path) -> None:
    assert likely_resize_mode(shaped(tmp_path / "photos", (40, 30), (30, 40), (40, 40))) == ("crop", True)


def test_the_input_may_have_the_photos_proportions(tmp_path: Path) -> None:
    wide = shaped(tmp_path / "photos", (90, 30), (60, 20))
    assert likely_resize_mode(wide, 30, 90) == ("squash", False)
    assert likely_resize_mode(wide, 20, 48) == ("crop", True)
    assert likely_resize_mode(wide, 90, 30) == ("squash", True)
    assert likely_resize_mode(shaped(tmp_path / "square", (40, 40)), 30, 100) == ("squash", True)


def test_unreadable_photos_have_no_shape(tmp_path: Path) -> None:
    dataset = shaped(tmp_path / "photos", (40, 30))
    for record in dataset.records:
        Path(record.uri).write_bytes(b"")
    assert likely_resize_mode(dataset) == ("squash", False)


def test_few_headers_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def count(uri: str, limits: Limits) -> tuple[int, int]:
        looked.append(uri)
        return read_size(uri, limits)

    monkeypatch.setattr(fit, "SHAPES_LOOKED_AT", 4)
    monkeypatch.setattr(fit, "read_size", count)
    assert likely_resize_mode(shaped(tmp_path / "photos", *[(8, 6)] * 20)) == ("crop", True)
    assert 4 <= len(looked) <= 8


def test_the_sample_is_bounded_and_of_the_photos_to_learn_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "SAMPLE", 50)
    photos = make_photos([360, 360])
    splits = make_splits(photos, TrainOptions())
    rows = sample_rows(photos, splits)
    assert len(rows) == 50
    assert set(rows) <= set(splits.train)
    assert np.all(np.diff(rows) > 0)


def trial(photos: TrainingSet, here: ResizeMode, x: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> ResizeMode:
    """What is chosen where the other fit sees `x` (n, dim)."""
    asked: list[ResizeMode] = []

    def embed(some: Dataset, resize_mode: ResizeMode) -> Embeddings:
        asked.append(resize_mode)
        places = [int(record.uri.removesuffix(".jpg")) for record in some.records]
        digests = tuple(photos.digests[i] for i in places)
        vectors = (photos.x if resize_mode == here else x)[places]
        return Embeddings(digests, {}, vectors, np.zeros((len(places), 32, 32), np.uint8))

    chosen = better_resize_mode(photos, make_splits(photos, TrainOptions()), here, embed, TrainOptions())
    assert asked == [here, "crop" if here == "squash" else "squash"]
    return chosen


def test_the_other_fit_must_be_better_by_enough() -> None:
    photos = make_photos([30, 30], spread=2.0)
    centres = np.random.default_rng(0).normal(0, 1, (2, DIM)).astype(np.float32)
    clear = centres[photos.labels] + 0.3 * photos.x
    assert trial(photos, "crop", clear) == "squash"
    assert trial(photos, "squash", clear) == "crop"
    assert trial(photos, "crop", photos.x) == "crop"  # as good is not better
    assert trial(photos, "crop", np.zeros_like(photos.x)) == "crop"


def test_a_photo_beyond_the_limits_has_no_shape(tmp_path: Path) -> None:
    """Photos are looked at within the limits of the training, not within the usual ones."""
    dataset = shaped(tmp_path / "photos", (90, 10), (90, 11))
    assert likely_resize_mode(dataset) == ("squash", True)
    assert likely_resize_mode(dataset, limits=Limits(max_bytes=10)) == ("squash", False)


def test_a_training_looks_at_shapes_within_its_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(max_bytes=10_000_000)
    asked: set[Limits] = set()

    def remember(uri: str, limits: Limits) -> tuple[int, int]:
        asked.add(limits)
        return read_size(uri, limits)

    monkeypatch.setattr(fit, "read_size", remember)
    photos = make_folder(tmp_path / "photos", {"apples": 20, "pears": 20})
    own = replace(PLAIN, backbone=network(tmp_path), resize_mode="auto", limits=limits)
    train(photos, tmp_path / "model", own)
    assert asked == {limits}
