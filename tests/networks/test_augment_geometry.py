"""Where pixels go: mirrored exactly, turned without shear, moved by what was asked, as Keras would."""

import math

import numpy as np
import pytest
import torch
from images.samples import photo
from scipy.ndimage import affine_transform
from torch import Tensor

from whatsit.training.network.augment.augmentation import GEOMETRY, Augmentation
from whatsit.training.network.augment.geometry import Shape, moved, sample, scaled, sheared, turned

pytestmark = pytest.mark.slow


def drawn(n: int = 1, height: int = 24, width: int = 36) -> Tensor:
    """uint8 (n, 3, height, width): one photo, n times."""
    pixels = torch.from_numpy(photo(height, width)).permute(2, 0, 1)
    return pixels[None].repeat(n, 1, 1, 1)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def one(value: float) -> Tensor:
    return torch.tensor([value])


@pytest.mark.parametrize(("text", "side"), [("hflip", 3), ("vflip", 2)])
def test_half_are_mirrored_exactly(text: str, side: int) -> None:
    photos = drawn(60)
    seen = Augmentation(text)(photos, seeded())
    mirrored = (seen == photos.flip(side)).flatten(1).all(1)
    same = (seen == photos).flatten(1).all(1)
    assert bool((mirrored ^ same).all())
    assert 15 < int(mirrored.sum()) < 45


def test_both_flips_give_four_pictures() -> None:
    seen = Augmentation("hflip,vflip")(drawn(60), seeded())
    assert len({photo.numpy().tobytes() for photo in seen}) == 4


def test_a_mirror_among_other_steps_is_a_mirror() -> None:
    photos = drawn().float()
    mirror = scaled(one(-1.0), one(1.0))
    assert torch.equal(sample(photos, mirror), photos.flip(3))
    nearly = sample(photos, mirror @ moved(one(1e-9), one(0.0)))
    assert torch.allclose(nearly, photos.flip(3), atol=1e-2)


def test_a_quarter_turn_is_clockwise() -> None:
    photos = drawn(1, 25, 25).float()
    quarter = sample(photos, turned(one(math.pi / 2), Shape(1, 25, 25)))
    assert torch.allclose(quarter, photos.rot90(-1, (2, 3)), atol=1e-2)


@pytest.mark.parametrize("size", [(81, 81), (61, 141), (141, 61)])
@pytest.mark.parametrize("degrees", [-75, 20, 33])
def test_a_marked_pixel_turns_and_keeps_its_distance(size: tuple[int, int], degrees: float) -> None:
    height, width = size
    photos = torch.zeros(1, 3, height, width)
    x, y = 18, -9  # from the middle, in pixels
    photos[..., height // 2 + y, width // 2 + x] = 255
    seen = sample(photos, turned(one(math.radians(degrees)), Shape(1, height, width)))[0, 0]
    weights = seen / seen.sum()
    found_x = float((weights.sum(0) * (torch.arange(width) - width // 2)).sum())
    found_y = float((weights.sum(1) * (torch.arange(height) - height // 2)).sum())
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    assert found_x == pytest.approx(x * cos - y * sin, abs=0.2)  # bilinear, so to a part of a pixel
    assert found_y == pytest.approx(x * sin + y * cos, abs=0.2)


def test_a_shift_of_whole_pixels_is_exact_and_the_border_goes_on() -> None:
    photos = drawn(1, 20, 40).float()
    seen = sample(photos, moved(one(2 * 3 / 40), one(-2 * 2 / 20)))  # sees 3 to the right, 2 above
    index_y, index_x = (torch.arange(20) - 2).clamp(0, 19), (torch.arange(40) + 3).clamp(0, 39)
    assert torch.allclose(seen, photos[:, :, index_y][:, :, :, index_x], atol=1e-2)


def test_a_shear_moves_rows_by_pixels() -> None:
    photos = torch.zeros(1, 3, 21, 61)
    photos[..., 14, 30] = 255  # 4 below the middle
    seen = sample(photos, sheared(one(1.5), one(0.0), Shape(1, 21, 61)))
    assert int(seen[0, 0, 14].argmax()) == 30 - 6
    assert float(seen[0, 0, 14].max()) == pytest.approx(255, abs=0.1)


@pytest.mark.parametrize("name", [name for name in GEOMETRY if name not in ("hflip", "vflip", "crop")])
def test_next_to_nothing_changes_next_to_nothing(name: str) -> None:
    photos = drawn(4)
    exact = Augmentation(f"{name}=0")
    assert exact.identity
    assert torch.equal(exact(photos, seeded()), photos.float())
    nearly = sample(photos, GEOMETRY[name](1e-7, Shape(4, 24, 36), seeded()))
    assert float((nearly - photos).abs().max()) < 1e-3 * 255


def test_all_of_the_area_is_no_crop() -> None:
    assert Augmentation("crop=1").identity


@pytest.mark.parametrize(("height", "width"), [(50, 50), (20, 90)])
def test_steps_stay_within_what_was_asked(height: int, width: int) -> None:
    shape = Shape(400, height, width)
    turns = GEOMETRY["rotation"](30, shape, seeded())
    degrees = torch.rad2deg(torch.atan2(-turns[:, 1, 0] * height / width, turns[:, 0, 0]))
    assert 25 < float(degrees.max()) <= 30.01
    assert -30.01 <= float(degrees.min()) < -25
    shifts = GEOMETRY["shift"](0.2, shape, seeded())[:, :2, 2] / 2
    assert 0.19 < float(shifts.abs().max()) <= 0.2001
    assert abs(float(torch.corrcoef(shifts.T)[0, 1])) < 0.2
    assert float(GEOMETRY["width-shift"](0.2, shape, seeded())[:, 1, 2].abs().max()) == 0
    assert float(GEOMETRY["height-shift"](0.2, shape, seeded())[:, 0, 2].abs().max()) == 0
    zooms = GEOMETRY["zoom"](0.2, shape, seeded()).diagonal(dim1=1, dim2=2)[:, :2]
    assert 0.7999 <= float(zooms.min()) < 0.82
    assert 1.18 < float(zooms.max()) <= 1.2001


def test_crops_are_parts_of_the_photo() -> None:
    matrices = GEOMETRY["crop"](0.25, Shape(500, 40, 60), seeded())
    sides, middles = matrices.diagonal(dim1=1, dim2=2)[:, :2], matrices[:, :2, 2]
    areas, ratios = sides.prod(1), sides[:, 0] / sides[:, 1]
    assert 0.2499 <= float(areas.min()) < 0.3
    assert 0.9 < float(areas.max()) <= 1.0001
    assert 0.7499 <= float(ratios.min()) < 0.8
    assert 1.25 < float(ratios.max()) <= 1.3334
    assert float((middles.abs() + sides).max()) <= 1.0001
    assert float((middles[:, 0] + sides[:, 0]).max()) > 0.99  # to the border


def test_a_crop_shows_its_part() -> None:
    photos = drawn(1, 40, 60).float()
    right_upper_quarter = moved(one(0.5), one(-0.5)) @ scaled(one(0.5), one(0.5))
    seen = sample(photos, right_upper_quarter)
    part = photos[:, :, :20, 30:]
    enlarged = torch.nn.functional.interpolate(part, scale_factor=2, mode="bilinear", align_corners=False)
    assert torch.allclose(seen[:, :, 1:-1, 1:-1], enlarged[:, :, 1:-1, 1:-1], atol=0.05)


def test_light_is_what_keras_does() -> None:
    """The same draws, through the matrix of `apply_affine_transform` and SciPy, as Keras' ImageDataGenerator."""
    height, width, seed = 30, 44, 5
    shape, generator = Shape(1, height, width), seeded(seed)
    turn = GEOMETRY["rotation"](30, shape, generator)[0].double()
    theta = math.asin(-float(turn[1, 0]) * height / width)
    shift = GEOMETRY["shift"](0.2, shape, generator)[0].double()
    zoom = GEOMETRY["zoom"](0.2, shape, generator)[0].double()
    cos, sin = math.cos(theta), math.sin(theta)  # rows before columns, as in Keras
    matrix = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    matrix = matrix @ [[1, 0, float(shift[1, 2]) / 2 * height], [0, 1, float(shift[0, 2]) / 2 * width], [0, 0, 1]]
    matrix = matrix @ np.diag([float(zoom[1, 1]), float(zoom[0, 0]), 1])
    y, x = (height - 1) / 2, (width - 1) / 2
    matrix = np.array([[1, 0, y], [0, 1, x], [0, 0, 1]]) @ matrix @ [[1, 0, -y], [0, 1, -x], [0, 0, 1]]
    pixels = drawn(1, height, width)
    expected = np.stack(
        [
            affine_transform(channel, matrix[:2, :2], matrix[:2, 2], order=1, mode="nearest")
            for channel in pixels[0].numpy().astype(np.float64)
        ]
    )
    got = Augmentation("rotation=30,shift=0.2,zoom=0.2")(pixels, seeded(seed))[0].numpy()
    assert np.abs(got - expected).max() < 0.05
