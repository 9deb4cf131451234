"""Two photos in one, and their labels alike."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from whatsit.training.network.augment.augmentation import Augmentation

pytestmark = pytest.mark.slow


def numbered(n: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    """n photos, each of one value, its number, and one-hot targets of a class each."""
    values = torch.arange(n, dtype=torch.float32)
    pixels = values[:, None, None, None].expand(n, 3, height, width)
    return pixels.contiguous(memory_format=torch.channels_last), torch.eye(n)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


sizes = st.tuples(st.integers(1, 7), st.integers(1, 40), st.integers(1, 40))
alphas = st.sampled_from([0.01, 0.2, 1.0, 10.0])
seeds = st.integers(0, 2**32)


@settings(max_examples=60)
@given(size=sizes, alpha=alphas, seed=seeds, name=st.sampled_from(["mixup", "cutmix"]))
def test_labels_stay_probabilities(size: tuple[int, int, int], alpha: float, seed: int, name: str) -> None:
    pixels, targets = numbered(*size)
    before = pixels.clone(), targets.clone()
    mixed, labels = Augmentation(f"{name}={alpha}").mix(pixels, targets, seeded(seed))
    assert mixed.shape == pixels.shape
    assert mixed.dtype == torch.float32
    assert labels.shape == targets.shape
    assert torch.allclose(labels.sum(1), torch.ones(len(labels)), atol=1e-5)
    assert float(labels.min()) >= 0
    assert torch.equal(pixels, before[0])
    assert torch.equal(targets, before[1])
    assert torch.allclose(mixed.mean((1, 2, 3)), labels @ before[0][:, 0, 0, 0], atol=1e-4)  # labels as the pixels say


@settings(max_examples=60)
@given(size=sizes, alpha=alphas, seed=seeds)
def test_the_label_is_the_area_pasted(size: tuple[int, int, int], alpha: float, seed: int) -> None:
    pixels, targets = numbered(*size)
    mixed, labels = Augmentation(f"cutmix={alpha}").mix(pixels, targets, seeded(seed))
    for image, label in zip(mixed, labels, strict=True):
        shares = torch.bincount(image[0].long().flatten(), minlength=size[0]) / image[0].numel()
        assert torch.allclose(label, shares, atol=1e-6)


def test_cutmix_pastes_one_rectangle_in_place() -> None:
    pixels = torch.rand(2, 3, 30, 20, generator=seeded()) * 255
    found = 0
    for seed in range(20):
        mixed, labels = Augmentation("cutmix=1").mix(pixels, torch.eye(2), seeded(seed))
        other = (mixed[0] == pixels[1]).all(0)
        assert torch.equal(other, (mixed[0] != pixels[0]).any(0))
        if other.any():
            rows, columns = other.any(1).sum(), other.any(0).sum()
            assert int(rows * columns) == int(other.sum())
            assert float(labels[0, 1]) == pytest.approx(float(other.float().mean()), abs=1e-6)
            found += 1
    assert found > 3


def test_mixup_is_a_weighted_mean() -> None:
    pixels = torch.rand(8, 3, 6, 6, generator=seeded()) * 255
    mixed, labels = Augmentation("mixup=1").mix(pixels, torch.eye(8), seeded(3))
    assert torch.allclose(mixed, torch.einsum("ij,jchw->ichw", labels, pixels), atol=1e-3)
    assert 0 < float(labels.diagonal().median()) < 1


def test_shares_follow_alpha() -> None:
    def shares(alpha: float) -> Tensor:
        augmentation, generator = Augmentation(f"mixup={alpha}"), seeded()
        two = numbered(2, 1, 1)
        return torch.stack([augmentation.mix(*two, generator)[1][0, 0] for _ in range(300)])

    assert float(((shares(0.1) - 0.5).abs() > 0.4).float().mean()) > 0.6
    assert float(((shares(10) - 0.5).abs() < 0.25).float().mean()) > 0.4


def test_where_both_are_asked_for_a_coin_decides() -> None:
    augmentation, generator = Augmentation("cutmix=1,mixup=1"), seeded()
    pasted = 0
    for _ in range(60):
        mixed, _ = augmentation.mix(*numbered(4, 16, 16), generator)
        pasted += torch.equal(mixed, mixed.round())
    assert 15 < pasted < 45


@pytest.mark.parametrize("text", ["none", "light", "mixup=0", "hflip,cutmix=0"])
def test_without_mixing_both_come_back_themselves(text: str) -> None:
    pixels, targets = numbered(3, 8, 8)
    augmentation = Augmentation(text)
    mixed = augmentation.mix(pixels, targets, seeded())
    assert mixed[0] is pixels
    assert mixed[1] is targets
    assert not augmentation.mixes


def test_soft_targets_are_mixed_and_layout_kept() -> None:
    pixels, _ = numbered(4, 12, 12)
    soft = torch.full((4, 5), 0.02) + 0.9 * torch.eye(4, 5)
    for text in ("mixup=0.5", "cutmix=0.5"):
        mixed, labels = Augmentation(text).mix(pixels, soft, seeded(1))
        assert mixed.is_contiguous(memory_format=torch.channels_last)
        assert torch.allclose(labels.sum(1), torch.ones(4), atol=1e-5)
        assert Augmentation(text).mix(pixels, soft, seeded(1))[1].equal(labels)
        assert Augmentation(text).mixes
