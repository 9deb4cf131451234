"""The augmentation as a training calls it: types, ranges, layouts, and that only the seed decides."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from whatsit.errors import WhatsitError
from whatsit.training.network.augment.augmentation import Augmentation
from whatsit.training.network.augment.names import PRESETS

pytestmark = pytest.mark.slow

TEXTS = [
    *PRESETS,
    *("hflip", "vflip", "rotation=90", "shift=0.5", "width-shift=0.1", "height-shift=1", "zoom=0.5", "crop=0.1"),
    *("colour=1", "randaugment=9", "erasing=1", "mixup=1", "vflip,crop=0.5,colour=0.1,randaugment=30,erasing=0.5"),
]
ALWAYS = ["rotation=20", "shift=0.1", "zoom=0.2", "crop=0.3", "colour=0.5", "erasing=1", "light", "strong"]
"""What leaves no photo as it is."""


def noise(n: int, height: int, width: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 3, height, width), dtype=torch.uint8, generator=generator)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@settings(max_examples=80)
@given(
    text=st.sampled_from(TEXTS),
    n=st.integers(0, 5),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    seed=st.integers(0, 2**32),
)
def test_photos_stay_photos(text: str, n: int, height: int, width: int, seed: int) -> None:
    pixels = noise(n, height, width, seed)
    before = pixels.clone()
    seen = Augmentation(text)(pixels, seeded(seed))
    assert seen.dtype == torch.float32
    assert seen.shape == pixels.shape
    assert seen.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(pixels, before)
    assert n == 0 or (float(seen.min()) >= 0 and float(seen.max()) <= 255)
    assert torch.equal(seen, Augmentation(text)(pixels.contiguous(memory_format=torch.channels_last), seeded(seed)))


@pytest.mark.parametrize("text", ALWAYS)
def test_each_photo_is_changed_by_its_own_draw(text: str) -> None:
    pixels = noise(1, 20, 24).repeat(6, 1, 1, 1)
    seen = Augmentation(text)(pixels, seeded())
    assert len({image.numpy().tobytes() for image in seen}) == 6
    assert all(not torch.equal(image, pixels[0].float()) for image in seen)


def test_the_generator_alone_decides() -> None:
    pixels, augmentation = noise(4, 16, 16), Augmentation("strong,randaugment=9")
    generator = seeded(1)
    first, second = augmentation(pixels, generator), augmentation(pixels, generator)
    assert not torch.equal(first, second)
    before = torch.get_rng_state()
    torch.manual_seed(99)
    assert torch.equal(augmentation(pixels, seeded(1)), first)
    torch.set_rng_state(before)
    augmentation(pixels, seeded(1))
    assert torch.equal(torch.get_rng_state(), before)


def test_nothing_is_just_the_cast() -> None:
    pixels = noise(3, 9, 11)
    for text in ("", "none", "rotation=0,colour=0,mixup=0,crop=1"):
        augmentation = Augmentation(text)
        assert augmentation.identity
        generator = seeded()
        assert torch.equal(augmentation(pixels, generator), pixels.float())
        assert torch.equal(generator.get_state(), seeded().get_state())
    for text in ("hflip", "mixup=1", "erasing=0.1", "randaugment=0"):
        assert not Augmentation(text).identity


def test_half_precision_around_it_changes_nothing() -> None:
    pixels, augmentation = noise(3, 16, 16), Augmentation("crop=0.3,colour=0.5,randaugment=9")
    expected = augmentation(pixels, seeded())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(augmentation(pixels, seeded()), expected)


@pytest.mark.parametrize(
    "pixels", [torch.zeros(2, 3, 8, 8), torch.zeros(3, 8, 8).byte(), torch.zeros(2, 8, 8, 3).byte()]
)
def test_other_tensors_are_refused(pixels: Tensor) -> None:
    with pytest.raises(ValueError, match=r"uint8 \(n, 3, h, w\), got torch"):
        Augmentation("light")(pixels, seeded())


def test_mistakes_are_told_at_once() -> None:
    with pytest.raises(WhatsitError, match="no such step"):
        Augmentation("hlip")
