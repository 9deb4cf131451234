"""TIFF samples that fill no whole bytes, of one band and of three, in every order that the tags can name.

No common writer makes most of these: each file is the numbers' bits, one after the other (TIFF 6.0, sections 3 and 8).
"""

import itertools
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray

from whatsit.images.decode import read_deep_values, read_image

from .test_by_hand import GREY, HEIGHT, PHOTO, WIDTH, tiff

REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def packed(values: NDArray[np.int64], bits: int) -> bytes:
    """(rows, samples) → each row's bits, the highest first, from a whole byte on."""
    places = (values[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(places.astype(np.uint8).reshape(len(values), -1), axis=1).tobytes()


@pytest.mark.parametrize("bits", [*range(1, 8), *range(9, 16)])
@pytest.mark.parametrize("colour", [False, True])
def test_samples_of_any_bits(bits: int, colour: bool) -> None:
    most = (1 << bits) - 1
    shown = PHOTO if colour else GREY[..., None]
    values = np.rint(shown / 255 * most).astype(np.int64)
    samples = values.shape[2]
    for order, planes, reverse, deflate in itertools.product("<>", (1, 2), (False, True), (False, True)):
        parts = [values[..., i] for i in range(samples)] if planes == 2 else [values.reshape(HEIGHT, WIDTH * samples)]
        chunks = [packed(part, bits) for part in parts]
        chunks = [zlib.compress(chunk) for chunk in chunks] if deflate else chunks
        chunks = [chunk.translate(REVERSED) for chunk in chunks] if reverse else chunks
        places = [8 + sum(map(len, chunks[:i])) for i in range(len(chunks))]
        tags = [(258, 3, [bits] * samples), (259, 3, [8 if deflate else 1]), (262, 3, [2 if colour else 1])]
        tags += [(266, 3, [2 if reverse else 1]), (277, 3, [samples]), (284, 3, [planes])]
        tags += [(273, 4, places), (279, 4, [len(chunk) for chunk in chunks])]
        data = tiff(tags, b"".join(chunks), order)
        if bits < 8:
            expected = np.broadcast_to(np.rint(values * (255 / most)), PHOTO.shape)
            assert np.array_equal(read_image(data), expected), (order, planes, reverse, deflate)
        else:
            found = read_deep_values(data)
            assert found is not None
            assert np.array_equal(found, values if colour else values[..., 0]), (order, planes, reverse, deflate)
