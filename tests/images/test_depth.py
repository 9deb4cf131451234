"""Deep images: what is black and what is white, of one photo and of a data set."""

import numpy as np
import pytest
from numpy.typing import NDArray

from whatsit.images.colour import NOTHING, doubt, measured_range, range_of_photo, sample_of, to_eight_bits
from whatsit.images.decode import load_for_network, read_image
from whatsit.images.inputs import from_memory
from whatsit.images.preprocessing import Preprocessing, ValueRange

from .samples import difference, encode, photo

GREY = photo(96, 128)[..., 0]
SHARES = GREY / 255  # 0 to 1


def shown(values: NDArray[np.generic], value_range: ValueRange | None = None) -> NDArray[np.uint8]:
    return read_image(encode(values, "TIFF"), value_range=value_range)[..., 0]


@pytest.mark.parametrize(
    "values",
    [
        (200 + SHARES * 1200).astype(np.uint16),
        (200 + SHARES * 1200).astype(np.int32),
        (200 + SHARES * 1200).astype(np.float32),
    ],
    ids=["uint16", "int32", "float32"],
)
def test_a_range_is_held_whatever_the_type(values: NDArray[np.generic]) -> None:
    assert difference(shown(values, (200, 1400)), GREY).max() <= 1
    assert np.array_equal(shown(values, (200, 1400)), from_memory(values, (200, 1400))[..., 0])


def test_below_black_and_above_white() -> None:
    values = np.array([[0, 200, 800, 1400, 60000]], np.uint16)
    assert shown(values, (200, 1400)).tolist() == [[0, 0, 128, 255, 255]]
    floats = np.array([[np.nan, -np.inf, np.inf, -9999, 0.5]], np.float32)
    assert shown(floats, (0, 1)).tolist() == [[0, 0, 255, 0, 128]]


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.uint32, np.int64, np.float16, np.float32, np.float64])
def test_grey_and_colour_of_any_type(dtype: type[np.generic]) -> None:
    values = np.stack([SHARES * 250, SHARES * 125, SHARES * 0], axis=-1).astype(dtype)  # (H, W, 3)
    scaled = to_eight_bits(values, (0, 250))
    assert scaled.shape == values.shape
    assert scaled.dtype == np.uint8
    assert difference(scaled[..., 0], GREY).max() <= 1
    assert np.array_equal(from_memory(values, (0, 250)), scaled)


@pytest.mark.parametrize("mark", [65535, 20_000])
@pytest.mark.parametrize("share", [0.005, 0.05])
def test_a_scale_bar_or_overexposed_spots_are_not_the_white(mark: int, share: float) -> None:
    counts = (500 + SHARES * 1200).astype(np.uint16)
    marked = counts.copy()
    marked.flat[: int(counts.size * share)] = mark
    assert measured_range([sample_of(marked)]) == measured_range([sample_of(counts)]) == (770, 1420)
    bright = (SHARES * 65000).astype(np.uint16)
    bright.flat[:90] = 65535  # no gap: as full as it gets
    assert measured_range([sample_of(bright)]) == (0, 65535)
    two = np.where(SHARES > 0.5, mark, 0).astype(np.uint16)  # a mask, all of it marks
    assert measured_range([sample_of(two)])[1] >= mark


def test_a_photo_without_numbers_is_said() -> None:
    nothing = np.full((8, 8), np.nan, np.float32)
    assert doubt(nothing, (0, 1)) == doubt(nothing, None) == NOTHING
    assert doubt(SHARES.astype(np.float32), (0, 1)) is None


def test_eight_bits_stay_as_they_are() -> None:
    colour = photo()
    assert np.array_equal(to_eight_bits(colour, (0, 4095)), colour)
    for kind in ("PNG", "TIFF"):
        assert np.array_equal(read_image(encode(colour, kind), value_range=(10, 20)), colour)
    assert to_eight_bits(np.array([[True, False]]), (0, 4095)).tolist() == [[255, 0]]


def test_full_sixteen_bits_are_what_they_were() -> None:
    """To the bit: value / 257, rounded."""
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    expected = np.rint(np.arange(65536) / 257).astype(np.uint8).reshape(256, 256)
    assert np.array_equal(shown(every), expected)
    assert np.array_equal(shown(every, (0, 65535)), expected)


def test_a_large_image_is_scaled_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    values = (SHARES * 4095).astype(np.uint16)
    whole = to_eight_bits(values, (0, 4095))
    monkeypatch.setattr("whatsit.images.colour.ROWS", 1000)
    assert np.array_equal(to_eight_bits(values, (0, 4095)), whole)


def test_the_network_gets_the_range() -> None:
    data = encode((200 + SHARES * 1200).astype(np.uint16), "TIFF")
    dark, right = (load_for_network(data, Preprocessing(32, value_range=r)) for r in (None, (200, 1400)))
    assert dark.max() < 10
    assert difference(right[..., 0], load_for_network(encode(GREY), Preprocessing(32))[..., 0]).max() <= 2


# One photo alone.


def test_one_pixel_above_white_does_not_blacken() -> None:
    for above in (1.0, 1.02, 1.08, 30.0):
        floats = SHARES.astype(np.float32)
        floats[3, 4] = above
        assert difference(shown(floats), GREY)[4:].max() <= 1, above


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (SHARES * 0.2, (0, 1)),  # dark, as it is
        (SHARES * 1.05, (0, 1)),
        (SHARES * 255, (0, 255)),
        ((SHARES * 255).astype(np.int32), (0, 255)),
        ((SHARES * 65535).astype(np.int32), (0, 65535)),
        ((SHARES * 300).astype(np.uint16), (0, 65535)),  # of 16 bits nobody knows how many are used
        (np.full((8, 8), np.nan), (0, 1)),
    ],
)
def test_the_range_of_one_photo(values: NDArray[np.generic], expected: ValueRange) -> None:
    assert range_of_photo(values) == expected


def test_values_that_no_usual_white_fits() -> None:
    normalised = (SHARES - SHARES.mean()) / SHARES.std()
    black, white = range_of_photo(normalised)
    assert black < -0.5
    assert 0.5 < white <= normalised.max()
    assert difference(to_eight_bits(normalised), GREY).mean() < 60  # stretched, not black


# A data set.


def measured(*photos: NDArray[np.generic]) -> ValueRange:
    return measured_range([sample_of(one) for one in photos])


def many(low: float, span: float, dtype: type[np.generic], spread: float = 0.2) -> list[NDArray[np.generic]]:
    """Twenty photos, some of them darker."""
    rng = np.random.default_rng(0)
    full = (np.clip((photo(seed=seed)[..., 0] / 255 - 0.1) * 1.25, 0, 1) for seed in range(20))
    return [(low + span * one * rng.uniform(1 - spread, 1)).astype(dtype) for one in full]


@pytest.mark.parametrize(
    ("low", "span", "dtype", "expected"),
    [
        (0, 1, np.float32, (0, 1)),
        (0, 1.03, np.float32, (0, 1)),
        (0, 255, np.float32, (0, 255)),
        (0, 255, np.int32, (0, 255)),
        (0, 1023, np.uint16, (0, 1023)),
        (0, 4095, np.uint16, (0, 4095)),
        (0, 65535, np.uint16, (0, 65535)),
    ],
)
def test_usual_whites(low: float, span: float, dtype: type[np.generic], expected: ValueRange) -> None:
    assert measured(*many(low, span, dtype)) == expected


@pytest.mark.parametrize(
    ("low", "span", "dtype"),
    [
        (200, 1200, np.uint16),
        (60, 400, np.uint16),
        (28_000, 4000, np.uint16),
        (-40, 80, np.float32),
        (0, 10, np.float32),
    ],
)
def test_other_values_are_measured(low: float, span: float, dtype: type[np.generic]) -> None:
    black, white = measured(*many(low, span, dtype))
    assert low - 0.05 * span <= black <= low + 0.1 * span
    assert low + 0.75 * span <= white <= low + 1.05 * span


def test_what_stands_for_no_data_does_not_count() -> None:
    heights = many(300, 2000, np.float32)
    right = measured(*heights)
    for mark in (-9999, np.nan, -3.4e38, np.inf, -32768):
        for one in heights:
            one[:10] = mark
        assert measured(*heights) == pytest.approx(right, abs=60), mark
    counts = many(28_000, 4000, np.uint16)
    for one in counts:
        one[:10] = 0  # a border
    assert measured(*counts)[0] > 27_000


def test_black_is_not_taken_for_no_data() -> None:
    for one in (photos := many(0, 65535, np.uint16)):
        one[:30] = 0
    assert measured(*photos) == (0, 65535)
    text = [np.where(photo(seed=seed)[..., 0] > 120, 65535, 0).astype(np.uint16) for seed in range(3)]
    assert measured(*text) == (0, 65535)


def test_a_few_dead_pixels_do_not_matter() -> None:
    photos = many(200, 1200, np.uint16)
    right = measured(*photos)
    for one in photos:
        one[0, :2] = (0, 65535)
    assert measured(*photos) == right


def test_photos_of_one_value() -> None:
    for value in (0, 700):
        black, white = measured(np.full((8, 8), value, np.uint16))
        assert black < white
    assert measured(np.full((8, 8), np.nan)) == (0, 65535)
