"""Arrays and tensors with their channels first, where nothing else can be meant."""

from typing import Any

import numpy as np
import pytest
import torch
from drawn import drawn_photo
from numpy.typing import NDArray

from whatsit.errors import ImageError
from whatsit.images.inputs import from_memory, readable, unpacked
from whatsit.images.preprocessing import ValueRange

PIXELS = drawn_photo("shells", 3)


def pixels_of(given: Any, value_range: ValueRange | None = None) -> NDArray[np.uint8]:
    image = readable(given)
    assert isinstance(image, np.ndarray)
    return from_memory(image, value_range)


def test_a_stack_with_its_channels_first() -> None:
    stack = np.stack([PIXELS, 255 - PIXELS])
    for given in (stack.transpose(0, 3, 1, 2), torch.from_numpy(stack).permute(0, 3, 1, 2)):
        is_one, many = unpacked(given)
        assert not is_one
        np.testing.assert_array_equal([pixels_of(one) for one in many], stack)


def test_deep_photos_with_their_channels_first_are_scaled_by_the_range() -> None:
    shares = torch.from_numpy(PIXELS / np.float32(255)).permute(2, 0, 1)
    np.testing.assert_array_equal(pixels_of(shares, (0, 1)), PIXELS)
    sixteen = (PIXELS.astype(np.uint16) * 257).transpose(2, 0, 1)[None]
    (one,) = unpacked(sixteen)[1]
    np.testing.assert_array_equal(pixels_of(one, (0, 65535)), PIXELS)
    with pytest.raises(ImageError, match=r"^array of float32 .*: expected uint8.*Of values from 0 to 1: \(x \* 255\)"):
        pixels_of(shares)
