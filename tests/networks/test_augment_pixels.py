"""What becomes of colours: as torchvision has it, photo by photo, and in one pass."""

import pytest
import torch
from images.samples import photo
from torch import Tensor

from whatsit.training.network.augment import randaugment
from whatsit.training.network.augment.augmentation import Augmentation
from whatsit.training.network.augment.pixels import (
    LUMA,
    brightness,
    colour,
    contrast,
    equalised,
    erasing,
    hue,
    mean_grey,
    recoloured,
    saturation,
    stretched,
)

pytestmark = pytest.mark.slow

functional = pytest.importorskip("torchvision.transforms.v2.functional")
LEVELS = torch.tensor([0.3, -0.3, 1.0])


def photos(n: int = 3, height: int = 30, width: int = 40) -> Tensor:
    """uint8 (n, 3, height, width), all different."""
    return torch.stack([torch.from_numpy(photo(height, width, seed)).permute(2, 0, 1) for seed in range(n)])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("factor", [0.2, 1.0, 1.7])
def test_each_change_is_torchvisions(factor: float) -> None:
    given = photos()
    factors, pixels = torch.full((3,), factor), given.float()
    grey = mean_grey(pixels, brightness(torch.ones(3)))
    for matrix, function in (
        (brightness(factors), functional.adjust_brightness),
        (contrast(factors, grey), functional.adjust_contrast),
        (saturation(factors), functional.adjust_saturation),
    ):
        expected = function(given, factor).float()
        assert float((recoloured(pixels, matrix) - expected).abs().max()) <= 2  # it rounds down, greys too


def test_each_photo_gets_its_own_factor() -> None:
    pixels = photos().float()
    seen = recoloured(pixels, brightness(torch.tensor([0.5, 1.0, 0.0])))
    assert torch.allclose(seen[0], pixels[0] / 2)
    assert torch.equal(seen[1], pixels[1])
    assert not seen[2].any()


def test_contrast_keeps_the_mean_after_brightness() -> None:
    pixels = photos().float() * 0.5 + 50
    factor = torch.full((3,), 0.5)
    bright = brightness(torch.full((3,), 1.1))
    seen = recoloured(pixels, contrast(factor, mean_grey(pixels, bright)) @ bright)
    luma = torch.tensor(LUMA)[:, None, None]
    before, after = ((image * luma).sum(1).mean((1, 2)) for image in (pixels * 1.1, seen))
    assert torch.allclose(before, after, atol=0.1)


def test_hue_turns_colours_and_leaves_greys() -> None:
    grey = torch.full((1, 3, 2, 2), 90.0)
    turn = torch.tensor([0.08])
    assert torch.allclose(recoloured(grey, hue(turn)), grey, atol=0.05)
    assert torch.allclose(hue(turn) @ hue(turn), hue(2 * turn), atol=1e-5)
    assert torch.allclose(hue(torch.tensor([1.0])), torch.eye(4), atol=1e-5)
    red = torch.tensor([180.0, 60, 60]).view(1, 3, 1, 1)
    towards_yellow = recoloured(red, hue(torch.tensor([0.04])))[0, :, 0, 0]
    assert float(towards_yellow @ torch.tensor(LUMA)) == pytest.approx(
        float(red[0, :, 0, 0] @ torch.tensor(LUMA)), abs=0.1
    )
    assert towards_yellow[1] > 65 > 55 > towards_yellow[2]
    expected = functional.adjust_hue(red / 255, 0.04)[0, :, 0, 0]  # torchvision's is along the hexagon of HSV
    assert expected.argsort().equal(towards_yellow.argsort())


def test_colour_changes_photos_apart_and_stays_in_range() -> None:
    same = photos(1).repeat(4, 1, 1, 1).float()
    seen = colour(same, 1.0, seeded())
    assert float(seen.min()) >= 0
    assert float(seen.max()) <= 255
    assert len({image.numpy().tobytes() for image in seen}) == 4
    assert float((colour(same, 1e-6, seeded()) - same).abs().max()) < 0.02


def test_a_grey_photo_is_only_made_brighter_or_darker() -> None:
    grey = torch.full((200, 3, 4, 4), 100.0)
    seen = colour(grey, 0.4, seeded())[:, :, 0, 0]
    assert torch.allclose(seen, seen[:, :1].expand(-1, 3), atol=0.05)
    assert 59.9 < float(seen.min()) < 65
    assert 135 < float(seen.max()) < 140.1


def test_histograms_are_torchvisions() -> None:
    given = photos(4)
    assert torch.equal(equalised(given.float()), functional.equalize(given).float())
    difference = (stretched(given.float()) - functional.autocontrast(given).float()).abs()
    assert float(difference.max()) <= 1.001  # it rounds down
    flat = torch.full((1, 3, 5, 5), 7.0)
    assert torch.equal(equalised(flat), flat)
    assert torch.equal(stretched(flat), flat)


def test_operations_are_torchvisions() -> None:
    """At magnitudes 9 either way and 30, with the strengths of `RandAugment._AUGMENTATION_SPACE`."""
    given = photos(3)
    bits, thresholds = (7, 7, 4), (0.7, 0.7, 0.0)
    expected = {
        randaugment._posterize: torch.stack([functional.posterize(p, b) for p, b in zip(given, bits, strict=True)]),
        randaugment._solarize: torch.stack(
            [functional.solarize(p, 255 * t) for p, t in zip(given, thresholds, strict=True)]
        ),
    }
    for operation, function in (
        (randaugment._brightness, functional.adjust_brightness),
        (randaugment._saturation, functional.adjust_saturation),
        (randaugment._contrast, functional.adjust_contrast),
        (randaugment._sharpness, functional.adjust_sharpness),
    ):
        pairs = zip(given, (1.27, 0.73, 1.9), strict=True)
        expected[operation] = torch.stack([function(image, factor) for image, factor in pairs])
    for operation, wanted in expected.items():
        assert float((operation(given.float(), LEVELS) - wanted.float()).abs().max()) <= 2, operation


def test_moving_operations_are_torchvisions() -> None:
    given = photos(3, 40, 40).float()
    level = torch.full((3,), 0.5)
    middle = slice(12, 28)  # away from the border, which torchvision fills with black
    turned = functional.rotate(given, -15, interpolation="bilinear")
    assert torch.allclose(randaugment._rotate(given, level)[..., middle, middle], turned[..., middle, middle], atol=0.1)
    sheared = randaugment._shear_x(given, level)
    assert torch.allclose(sheared[..., 19:21, middle], given[..., 19:21, middle], atol=20)  # about the middle
    shifted = randaugment._shift_y(given, level * 331 / 150 * 0.1 / 0.5)  # a tenth of 40 pixels
    assert torch.allclose(shifted[..., :-4, :], given[..., 4:, :], atol=0.05)


def test_randaugment_draws_every_operation() -> None:
    assert len(randaugment.OPERATIONS) == 14
    same = photos(1).repeat(200, 1, 1, 1)
    seen = Augmentation("randaugment=9")(same, seeded())
    assert len({image.numpy().tobytes() for image in seen}) > 60
    assert float(seen.min()) >= 0
    assert float(seen.max()) <= 255


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (9, 2)])
def test_randaugment_takes_tiny_photos(size: tuple[int, int]) -> None:
    seen = Augmentation("randaugment=30")(torch.full((60, 3, *size), 200, dtype=torch.uint8), seeded())
    assert bool(torch.isfinite(seen).all())


def test_erasing_erases_one_rectangle() -> None:
    before = torch.full((80, 3, 30, 50), -1.0)
    after = erasing(before.clone(), 1.0, seeded())
    shares, middles = [], []
    for image in after:
        erased = (image != -1).any(0)
        rows, columns = erased.any(1).nonzero()[:, 0], erased.any(0).nonzero()[:, 0]
        assert int(erased.sum()) == len(rows) * len(columns)
        assert int(rows[-1] - rows[0]) == len(rows) - 1
        assert int(columns[-1] - columns[0]) == len(columns) - 1
        shares.append(float(erased.float().mean()))
        middles.append((float(rows[0] + rows[-1]) / 2, float(columns[0] + columns[-1]) / 2))
    assert 0.01 < min(shares) < 0.06
    assert 0.28 < max(shares) < 0.36
    assert torch.tensor(middles).mean(0).tolist() == pytest.approx([14.5, 24.5], rel=0.1)
    noise = after[after != -1]
    assert float(noise.min()) >= 0
    assert 120 < float(noise.mean()) < 135
    assert float(noise.max()) <= 255


def test_erasing_takes_its_share_of_photos() -> None:
    after = erasing(torch.full((400, 3, 12, 12), -1.0), 0.25, seeded())
    assert 70 < int((after != -1).flatten(1).any(1).sum()) < 130
