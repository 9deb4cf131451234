"""What fine-tuning begins with: a head less sure, and when the probe is clearly better than what follows."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from whatsit.training.network.modules import SHARE, clearly_worse, temper

from .learning import first_network

pytestmark = pytest.mark.slow

LOSSES = arrays(np.float64, st.integers(1, 30), elements=st.floats(0, 20))


def test_a_tempered_head_gives_the_same_answers_less_sure() -> None:
    network = first_network().eval()
    with torch.inference_mode():
        pixels = torch.rand(8, 3, *network.size, generator=torch.Generator().manual_seed(0)) * 255
        before = network(pixels)
        temper(network)
        torch.testing.assert_close(network(pixels), SHARE * before)


def test_few_losses_that_differ_by_chance_are_not_clearly_worse() -> None:
    than = np.array([0.1, 0.2, 0.3, 0.4])
    assert clearly_worse(than + 0.05, than)  # each of them
    one_outweighs_the_others = np.array([0.5, -0.2, -0.2, 0.0])  # mean 0.025, standard error 0.165
    assert not clearly_worse(than + one_outweighs_the_others, than)
    assert clearly_worse(np.array([0.3]), np.array([0.2]))
    assert not clearly_worse(np.array([np.nan, 1.0]), np.array([0.0, 1.0]))


@given(LOSSES, st.floats(-5, 5))
def test_no_losses_are_clearly_worse_both_ways(losses: np.ndarray, shift: float) -> None:
    other = losses[::-1] + shift
    assert not (clearly_worse(losses, other) and clearly_worse(other, losses))
    assert not clearly_worse(losses, losses)
