"""The confusion matrix and the worst photos: what is drawn where, for any number of classes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from whatsit.training.tensorboard.confusion import (
    EMPTY,
    RIGHT,
    SHOWN,
    WRONG,
    _Layout,
    _shown,
    confusion,
    draw_confusion,
)
from whatsit.training.tensorboard.events import BLANK, SIDE, sprite
from whatsit.training.tensorboard.highest_loss import MOST, Wrong, draw_worst, worst_rows, wrong_of


def test_confusion_counts() -> None:
    counts = confusion(np.array([0, 0, 1, 2, 2]), np.array([0, 1, 1, 0, 0]), 3)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [2, 0, 0]]


def cell(picture: Image.Image, classes: list[str], row: int, column: int) -> tuple[int, ...]:
    """The colour at a cell's corner, where no figure stands."""
    layout = _Layout.of(classes)
    at = layout.left + column * layout.cell + 3, layout.top + row * layout.cell + 3
    return tuple(np.asarray(picture)[at[1], at[0]].tolist())


def test_right_is_blue_wrong_is_red_and_none_is_grey() -> None:
    names = ["daisy", "rose", "tulip"]
    picture = draw_confusion(np.array([[9, 0, 0], [0, 0, 5], [2, 0, 6]]), names, "epoch 1")
    assert cell(picture, names, 0, 0) == RIGHT
    assert cell(picture, names, 1, 2) == WRONG
    assert cell(picture, names, 0, 1) == EMPTY
    blue, red = cell(picture, names, 2, 2), cell(picture, names, 2, 0)
    assert blue[2] > blue[0]
    assert red[0] > red[2]


def test_names_and_title_are_written() -> None:
    counts = np.diag([3, 4])
    drawn = [np.asarray(draw_confusion(counts, names, "title")) for names in (["aaaa", "ab"], ["aaaa", "ba"])]
    assert drawn[0].shape == drawn[1].shape
    layout = _Layout.of(["aaaa", "ab"])
    differing = np.argwhere((drawn[0] != drawn[1]).any(axis=2))
    assert len(differing)
    assert ((differing[:, 0] < layout.top) | (differing[:, 1] < layout.left)).all()


@settings(max_examples=25)
@given(st.integers(1, 45), st.integers(0, 2**32 - 1))
def test_any_number_of_classes_is_drawn(k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 20_000, (k, k)) * (rng.random((k, k)) < 0.3)
    names = ["ü" * int(rng.integers(0, 60)) for _ in range(k)]
    assert len(_shown(counts)) == min(k, SHOWN)
    picture = draw_confusion(counts, names, "epoch 1")
    assert max(picture.size) < 1000


def test_beyond_thirty_classes_those_with_most_mistakes_are_drawn() -> None:
    counts = np.diag([10] * 40)
    counts[3, 35] = 5
    assert {3, 35} <= set(_shown(counts))


def test_the_worst_come_first() -> None:
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    assert worst_rows(np.array([0, 0, 1]), p).tolist() == [1, 2, 0]
    assert len(worst_rows(np.zeros(50, np.int64), np.full((50, 2), 0.5))) == MOST


def photo(value: int, height: int = 20, width: int = 30) -> NDArray[np.uint8]:
    return np.full((height, width, 3), value, np.uint8)


def test_what_is_said_of_a_photo() -> None:
    wrong = wrong_of(photo(9), 0, np.array([0.25, 0.75]), ["rose", "tulip"])
    assert (wrong.truth, wrong.said, wrong.probability, wrong.of_truth) == ("rose", "tulip", 0.75, 0.25)


@pytest.mark.parametrize("count", [0, 1, MOST])
def test_worst_photos_are_drawn_with_their_words(count: int) -> None:
    one = Wrong(photo(90), "rose", "tulip" * 20, 0.97, 0.01)
    right = Wrong(photo(90), "rose", "rose", 0.5, 0.5)
    drawn = np.asarray(draw_worst([one] * count, "epoch 1"))
    assert (drawn == 90).all(axis=2).any() == bool(count)
    red = (drawn[:, :, 0] > 120) & (drawn[:, :, 1] < 90)
    assert red.any() == bool(count)
    assert not (
        (np.asarray(draw_worst([right], ""))[:, :, 0] > 120) & (np.asarray(draw_worst([right], ""))[:, :, 1] < 90)
    ).any()


def test_a_sprite_is_square_and_keeps_proportions() -> None:
    wide = Image.fromarray(photo(50, 100, 200))
    drawn = np.asarray(sprite([wide, None, wide]))
    assert drawn.shape == (2 * SIDE, 2 * SIDE, 3)
    assert drawn[SIDE // 2, SIDE // 2].tolist() == [50] * 3
    assert drawn[2, SIDE // 2].tolist() == [255] * 3  # beside a wide photo
    assert tuple(drawn[SIDE // 2, SIDE + SIDE // 2].tolist()) == BLANK
    assert drawn[SIDE + SIDE // 2, SIDE // 2].tolist() == [50] * 3
