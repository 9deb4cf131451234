"""How long a network learns: what was asked for, or as many epochs as so few photos need."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatsit.config import NETWORK_DEFAULTS, NetworkOptions
from whatsit.training.network.architectures import (
    FINETUNE,
    FINETUNE_LITE,
    MOST_EPOCHS,
    SCRATCH,
    Recipe,
    architecture,
    recipe,
)

BASES = [SCRATCH, FINETUNE, FINETUNE_LITE]


@given(st.sampled_from(BASES), st.integers(1, 100_000))
def test_few_photos_are_learned_from_more_often(base: Recipe, photos: int) -> None:
    lasting = base.lasting(photos)
    assert base.epochs <= lasting.epochs <= max(base.epochs, MOST_EPOCHS)
    assert lasting.epochs >= base.lasting(photos + 1).epochs
    assert lasting.epochs * photos >= base.seen or lasting.epochs == MOST_EPOCHS
    assert (lasting.epochs - 1) * photos < base.seen or lasting.epochs == base.epochs
    assert lasting.lasting(1) == lasting
    assert replace(lasting, epochs=base.epochs, seen=base.seen) == base


@pytest.mark.parametrize("photos", [1, 30, 300, 3000])
@pytest.mark.parametrize("base", BASES)
def test_epochs_that_were_asked_for_are_kept(base: Recipe, photos: int) -> None:
    assert recipe(base, NetworkOptions(epochs=3)).lasting(photos).epochs == 3


def test_the_default_of_fine_tuning() -> None:
    epochs = [recipe(FINETUNE_LITE, NETWORK_DEFAULTS).lasting(photos).epochs for photos in (30, 250, 500, 2000)]
    assert epochs == [MOST_EPOCHS, MOST_EPOCHS, math.ceil(FINETUNE.seen / 500), FINETUNE.epochs]


def test_a_classic_keeps_the_epochs_of_its_tutorial() -> None:
    cnn = architecture("cnn-boats")
    assert recipe(SCRATCH, NETWORK_DEFAULTS, cnn).lasting(30).epochs == 10
