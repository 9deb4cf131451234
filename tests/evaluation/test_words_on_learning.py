"""Each verdict on a training's curves, on curves as they come; and none that noise could have made."""

from dataclasses import replace
from math import exp, inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatsit.evaluation.report.learning import how_it_learned, lesson
from whatsit.training.fitted import NO_NUMBER, Epoch, History

from .made_up import history_of, report

OVERFIT = [1.2, 0.7, 0.45, 0.3, 0.2, 0.14, 0.1, 0.07, 0.05], [1.0, 0.7, 0.55, 0.5, 0.52, 0.58, 0.66, 0.75, 0.85]


def curve(n: int, start: float, end: float, pace: float) -> list[float]:
    """Falls from start to end, by a factor of e of the way every `pace` epochs."""
    return [end + (start - end) * exp(-i / pace) for i in range(n)]


@pytest.mark.parametrize(
    ("made", "valid_photos", "expected"),
    [
        (
            history_of(*OVERFIT),
            200,
            "Overfitting: valid loss rose from 0.50 (epoch 4) to 0.75 while train loss fell further, to 0.07. The "
            "network began to memorize the training photos. The weights of epoch 4 were kept. More photos or more "
            "augmentation would help.",
        ),
        (
            history_of(curve(12, 2, 0.5, 8), curve(12, 1.9, 0.6, 8)),
            200,
            "Both losses were still falling at the end (valid loss of the last 4 epochs: 1.00, of the 4 before: 1.26). "
            "The network can learn more (underfitting). Try more `--epochs`.",
        ),
        (
            history_of([1.1] * 12, curve(12, 1.9, 0.6, 8)),  # the average of weights still catches up
            200,
            "Valid loss was still falling at the end (valid loss of",
        ),
        (
            history_of([1.9, *curve(9, 1.6, 1.5, 2)], [1.8, *curve(9, 1.6, 1.5, 2)], 0.42, 0.45),
            200,
            "Underfitting: train accuracy levelled off at 42 %, and valid accuracy at 45 %. "
            "Try a larger network, a higher learning rate or less augmentation.",
        ),
        (
            history_of([2.31, 2.31, 2.3, 2.31, 2.3], [2.3] * 5, 0.1, 0.1),
            200,
            "The network learned almost nothing: train loss was 2.31 in the first epoch and 2.30 at best.",
        ),
        (
            history_of(curve(12, 1.5, 0.02, 1), curve(12, 1.2, 0.8, 1), 0.99, 0.71, augmented=False),
            200,
            "Overfitting: at the end, train accuracy was 99 %, but valid accuracy was 71 %. More photos, augmentation "
            "or a smaller network would reduce this difference.",
        ),
        (
            history_of(curve(20, 1.5, 0.2, 2), curve(20, 1.4, 0.25, 2)),
            200,
            "Both losses levelled off (train 0.20, valid 0.25). The network learned what it can from these photos.",
        ),
        (
            history_of(curve(20, 1.5, 0.1, 8), curve(20, 1.4, 0.35, 1)),
            200,
            "Train loss was still falling at the end, but valid loss had levelled off (at 0.35). More `--epochs` would",
        ),
        (
            history_of(curve(12, 2, 0.5, 8), curve(12, 1.9, 0.6, 8)),
            12,
            "Train loss was still falling at the end. Valid loss was falling too, but with 12 valid photos this may be "
            "chance. More `--epochs` may help.",
        ),
        (
            history_of([2.3, 2.5, 3.9, 4.2], [2.4, 2.9, 4.0, 4.4]),
            200,
            "Train loss rose from 2.30 (epoch 1) to 4.20: the learning rate is too high. Try a third of it, "
            "with `--learning-rate`.",
        ),
        (
            history_of([2.3, 0.9, 0.5, 1.8], [2.4, 0.9, 0.6, 2.0]),
            200,
            "Train loss rose from 0.50 (epoch 3) to 1.80",
        ),
        (
            replace(history_of([2.3, 0.9, 0.5], [2.4, 0.9, 0.6]), stopped=NO_NUMBER),
            200,
            "In epoch 4 the loss was no longer a finite number",
        ),
        (
            History((Epoch(0, 0.5, 0.9, 0.6, 0.9, 0.0, 1.0, 1.0),), 0, "nothing was left to learn", augmented=False),
            200,
            "No epoch was trained (nothing was left to learn). The model is the probe with which fine-tuning starts.",
        ),
        (history_of([2.3, nan, nan], [2.4, nan, nan]), 200, "In epoch 2 the loss was no longer a finite number"),
        (history_of([2.3, 2.0, 1.9], [2.4, inf, 2.0]), 200, "In epoch 2 the loss was no longer a finite number"),
        (history_of([0.7], [0.6]), 200, "1 epoch is too few to judge the training. Try more `--epochs`."),
        (history_of([0.7, 0.5, 0.4], [0.6, 0.5, 0.4]), 200, "3 epochs are too few to judge the training"),
        (History((), 0, "stopped", False), 0, "0 epochs are too few to judge the training"),
    ],
)
def test_every_verdict(made: History, valid_photos: int, expected: str) -> None:
    assert how_it_learned(made, valid_photos).startswith(expected)


def test_harder_photos_to_learn_from_are_no_underfitting() -> None:
    made = history_of(curve(20, 2, 0.9, 2), curve(20, 1.4, 0.3, 2), 0.62, 0.91)
    assert how_it_learned(made, 300).startswith("Both losses levelled off")


def test_a_gap_that_few_photos_make_is_no_overfitting() -> None:
    made = history_of(curve(12, 1.5, 0.02, 1), curve(12, 1.2, 0.5, 1), 1.0, 0.8)
    assert "Overfitting" in how_it_learned(made, 200)
    assert "verfitting" not in how_it_learned(made, 10)


def test_a_single_worse_epoch_is_no_overfitting() -> None:
    made = history_of([0.9, 0.6, 0.4, 0.3, 0.2], [0.9, 0.7, 0.6, 0.5, 0.9])
    assert "verfitting" not in how_it_learned(made, 1000)


def test_a_rise_that_few_photos_make_is_no_overfitting() -> None:
    made = history_of(*OVERFIT)
    assert "Overfitting" in how_it_learned(made, 100)
    assert "verfitting" not in how_it_learned(made, 10)


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_no_trend(seed: int) -> None:
    """A classifier that learned all it can, on 100 valid photos: its loss moves by a tenth."""
    rng = np.random.default_rng(seed)
    valid = 0.4 + rng.normal(0, 0.02, 20)
    made = history_of(curve(20, 1.5, 0.3, 1), [1.2, *valid[1:].tolist()])
    assert how_it_learned(made, 100).startswith("Both losses levelled off")


FIGURES = st.floats() | st.floats(0, 3)
EPOCHS = st.lists(st.tuples(FIGURES, FIGURES, FIGURES, FIGURES), max_size=30)


@given(EPOCHS, st.integers(0, 31), st.integers(0, 5000), st.booleans())
def test_any_figures_make_a_sentence(
    figures: list[tuple[float, float, float, float]], best: int, valid_photos: int, augmented: bool
) -> None:
    epochs = tuple(Epoch(i, *four, 0.1, 1.0, 1.0) for i, four in enumerate(figures, start=1))
    said = lesson(History(epochs, best, "stopped", augmented), valid_photos)
    assert said.words.endswith(".")
    assert said.words[0].isupper() or said.words[0].isdigit()
    assert said.words.count("`") % 2 == 0
    assert "nan" not in said.words
    assert len(said.brief) <= 66
    assert "`" not in said.brief


def test_valid_figures_rest_on_the_valid_split() -> None:
    made = report()
    with_valid = replace(made.data, counts={"train": {"a": 90}, "valid": {"a": 20, "b": 11}})
    assert replace(made, data=with_valid).valid_photos == 31
    assert made.valid_photos == made.evaluation.n


def after_a_probe(made: History, valid_loss: float, best: int) -> History:
    """A training that began with a probe, which knows photos that nothing changed nearly by heart."""
    start = Epoch(0, 0.001, 1.0, valid_loss, 0.9, 0.0, 2.0, 100.0)
    return replace(made, epochs=(start, *made.epochs), best=best)


def test_fine_tuning_that_gains_nothing_says_so() -> None:
    words = how_it_learned(after_a_probe(history_of([0.4] * 5, [0.3] * 5), 0.25, best=0), 200)
    assert words.startswith(
        "After calibration, no epoch came within one standard error of the probe's valid loss (0.25)"
    )
    alone = replace(after_a_probe(history_of([1.0], [1.0]), 0.25, best=0), epochs=(Epoch(0, 0, 1, 0.25, 0.9, 0, 1, 1),))
    assert how_it_learned(alone, 200).startswith("No epoch was trained")


def test_the_probes_train_loss_is_no_beginning() -> None:
    """It is of other photos than the train losses that follow: those are changed, and did not rise."""
    words = how_it_learned(
        after_a_probe(history_of(curve(12, 0.9, 0.3, 3), curve(12, 0.3, 0.2, 3)), 0.31, best=12), 200
    )
    assert "too high" not in words
