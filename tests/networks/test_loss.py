"""The loss against PyTorch's own: of one logit, of many, of mixed and smoothed targets, of weighted classes."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from whatsit.training.network.learner import cross_entropies, scores, smoothed, weighted_loss

pytestmark = pytest.mark.slow


def drawn(n: int, outputs: int, classes: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(n)
    logits = 4 * torch.randn(n, outputs, generator=generator)
    return logits, torch.randint(classes, (n,), generator=generator)


def test_one_logit_is_binary_cross_entropy() -> None:
    logits, labels = drawn(40, 1, 2)
    expected = functional.binary_cross_entropy_with_logits(logits[:, 0], labels.float())
    got = weighted_loss(logits, functional.one_hot(labels, 2).float(), torch.ones(2))
    torch.testing.assert_close(got, expected)


def test_mixed_targets_of_one_logit() -> None:
    logits, _ = drawn(40, 1, 2)
    share = torch.linspace(0, 1, 40)
    expected = functional.binary_cross_entropy_with_logits(logits[:, 0], share)
    got = weighted_loss(logits, torch.stack([1 - share, share], dim=1), torch.ones(2))
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [[1.0, 1.0, 1.0], [0.2, 1.0, 5.0]])
def test_many_logits_are_softmax(smoothing: float, weights: list[float]) -> None:
    logits, labels = drawn(50, 3, 3)
    truth = functional.one_hot(labels, 3).float()
    got = weighted_loss(logits, smoothed(truth, smoothing), torch.tensor(weights))
    if smoothing == 0:
        torch.testing.assert_close(got, functional.cross_entropy(logits, labels, torch.tensor(weights)))
    elif weights == [1.0, 1.0, 1.0]:
        torch.testing.assert_close(got, functional.cross_entropy(logits, labels, label_smoothing=smoothing))
    else:
        of_each = smoothed(truth, smoothing) @ torch.tensor(weights)
        each = functional.cross_entropy(logits, smoothed(truth, smoothing), reduction="none")
        torch.testing.assert_close(got, (each * of_each).sum() / of_each.sum())


def test_smoothed_targets_are_distributions() -> None:
    targets = smoothed(functional.one_hot(torch.tensor([0, 3]), 4).float(), 0.2)
    torch.testing.assert_close(targets[1], torch.tensor([0.05, 0.05, 0.05, 0.85]))
    torch.testing.assert_close(targets.sum(1), torch.ones(2))


def test_large_logits_stay_finite() -> None:
    logits = torch.tensor([[200.0], [-200.0]])
    targets = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    torch.testing.assert_close(cross_entropies(logits, targets), torch.tensor([200.0, 0.0]))


def test_scores_name_the_class() -> None:
    assert scores(torch.tensor([[-0.5], [0.5]])).argmax(1).tolist() == [0, 1]
    assert scores(torch.tensor([[0.1, 0.2, 0.0]])).argmax(1).tolist() == [1]
