"""The shape of the network's input."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from whatsit.images.preprocessing import Interpolation, Preprocessing, ResizeMode, Size
from whatsit.images.resize import covered_box, fit_image

from .samples import photo

FITS: list[ResizeMode] = ["squash", "crop", "letterbox"]
INTERPOLATIONS: list[Interpolation] = ["bilinear", "bicubic"]
SIDES = st.integers(1, 40)


def thirds(height: int, width: int) -> NDArray[np.uint8]:
    """Red, green and blue thirds along the longer side."""
    long = np.repeat(np.eye(3, dtype=np.uint8) * 255, max(height, width) // 3, axis=0)  # (long, 3)
    along_width = np.broadcast_to(long, (min(height, width), len(long), 3))
    return np.ascontiguousarray(along_width if width > height else along_width.transpose(1, 0, 2))


@pytest.mark.parametrize("resize_mode", FITS)
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_an_image_of_the_very_size_is_left_alone(resize_mode: ResizeMode, interpolation: Interpolation) -> None:
    image = photo(64, 64)
    assert np.array_equal(fit_image(image, Preprocessing(64, resize_mode, interpolation)), image)


def test_squash_keeps_all_thirds() -> None:
    for image in (thirds(30, 90), thirds(90, 30).transpose(1, 0, 2)):
        out = fit_image(np.ascontiguousarray(image), Preprocessing(9, "squash"))
        assert out[4, 1].tolist() == [255, 0, 0]
        assert out[4, 4].tolist() == [0, 255, 0]
        assert out[4, 7].tolist() == [0, 0, 255]


@pytest.mark.parametrize(("height", "width"), [(30, 90), (90, 30)])
def test_crop_keeps_the_middle_third_alone(height: int, width: int) -> None:
    out = fit_image(thirds(height, width), Preprocessing(9, "crop"))
    assert (out == (0, 255, 0)).all()


def test_crop_of_an_odd_rest_leaves_the_larger_part_behind() -> None:
    image = np.arange(5, dtype=np.uint8).reshape(1, 5, 1).repeat(2, 0).repeat(3, 2)  # columns 0 1 2 3 4
    assert fit_image(image, Preprocessing(2, "crop"))[0, :, 0].tolist() == [1, 2]


@pytest.mark.parametrize(("height", "width"), [(30, 90), (90, 30)])
def test_letterbox_keeps_proportions_amid_mid_grey(height: int, width: int) -> None:
    out = fit_image(thirds(height, width), Preprocessing(9, "letterbox"))
    out = out if width > height else out.transpose(1, 0, 2)
    assert (out[:3] == 127).all()
    assert (out[6:] == 127).all()
    assert out[4, [1, 4, 7]].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    assert not (out[3:6] == 127).any()


@pytest.mark.parametrize("resize_mode", FITS)
def test_one_pixel_fills_the_square(resize_mode: ResizeMode) -> None:
    out = fit_image(np.full((1, 1, 3), (9, 8, 7), np.uint8), Preprocessing(5, resize_mode))
    assert (out == (9, 8, 7)).all()


def by_the_square(image: Image.Image, size: int, resize_mode: ResizeMode) -> Image.Image:
    """How it was when every input was a square: each formula on its own."""
    width, height = image.size
    if resize_mode == "crop":
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        image = image.crop((left, top, left + side, top + side))
    if resize_mode != "letterbox":
        return image.resize((size, size), Image.Resampling.BILINEAR)
    scale = size / max(width, height)
    shown = max(1, round(width * scale)), max(1, round(height * scale))
    square = Image.new("RGB", (size, size), (127, 127, 127))
    small = image.resize(shown, Image.Resampling.BILINEAR)
    square.paste(small, ((size - shown[0]) // 2, (size - shown[1]) // 2))
    return square


@given(SIDES, SIDES, SIDES, st.sampled_from(FITS))
def test_squares_are_as_they_ever_were(height: int, width: int, size: int, resize_mode: ResizeMode) -> None:
    image = photo(height, width)
    expected = np.asarray(by_the_square(Image.fromarray(image), size, resize_mode))
    assert np.array_equal(fit_image(image, Preprocessing(size, resize_mode)), expected)


def test_a_crop_has_the_proportions_of_the_input() -> None:
    image = thirds(30, 90)
    assert np.array_equal(fit_image(image, Preprocessing((30, 90), "crop")), image)
    assert (fit_image(image, Preprocessing((18, 9), "crop")) == (0, 255, 0)).all()
    low = np.repeat(np.arange(60, dtype=np.uint8), 3 * 40).reshape(60, 40, 3)  # row 0, row 1 and so on
    assert fit_image(low, Preprocessing((10, 40), "crop"))[:, 0, 0].tolist() == list(range(25, 35))


def test_a_letterbox_is_amid_grey_of_the_input() -> None:
    out = fit_image(thirds(30, 90), Preprocessing((6, 9), "letterbox"))
    assert (out[[0, 4, 5]] == 127).all()
    assert out[2, [1, 4, 7]].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    out = fit_image(thirds(30, 90), Preprocessing((3, 15), "letterbox"))
    assert (out[:, [0, 1, 2, 12, 13, 14]] == 127).all()
    assert out[1, [4, 7, 10]].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]


BOXES: dict[tuple[ResizeMode, Size], tuple[int, int, int, int]] = {  # of a photo 100 wide and 60 high
    ("squash", (20, 80)): (0, 0, 100, 60),
    ("crop", (20, 80)): (0, 17, 100, 42),
    ("crop", (80, 20)): (42, 0, 57, 60),
    ("crop", (60, 100)): (0, 0, 100, 60),
    ("crop", 7): (20, 0, 80, 60),
    ("letterbox", (20, 80)): (-70, 0, 170, 60),
    ("letterbox", (80, 20)): (0, -170, 100, 230),
    ("letterbox", (6, 10)): (0, 0, 100, 60),
    ("letterbox", 7): (0, -20, 100, 80),
}


@pytest.mark.parametrize(("resize_mode", "size"), BOXES)
def test_what_the_input_covers(resize_mode: ResizeMode, size: Size) -> None:
    assert covered_box(100, 60, Preprocessing(size, resize_mode)) == BOXES[resize_mode, size]


@given(st.integers(1, 5000), st.integers(1, 5000), st.tuples(st.integers(1, 500), st.integers(1, 500)))
def test_boxes_are_in_the_middle_and_of_the_inputs_proportions(width: int, height: int, size: tuple[int, int]) -> None:
    high, wide = size
    for resize_mode in FITS[1:]:
        left, top, right, bottom = covered_box(width, height, Preprocessing(size, resize_mode))
        across, down = right - left, bottom - top
        assert min(across, down) >= 1
        assert across == width or down == height
        assert abs(across - max(1, down * wide / high)) <= 0.5 or abs(down - max(1, across * high / wide)) <= 0.5
        assert left + right in (width, width - 1)
        assert top + bottom in (height, height - 1)
        inside, around = (across <= width, down <= height), (across >= width, down >= height)
        assert all(inside if resize_mode == "crop" else around)


@given(
    st.integers(1, 300), st.integers(1, 300), st.tuples(st.integers(1, 60), st.integers(1, 60)), st.sampled_from(FITS)
)
def test_the_box_is_what_the_input_shows(
    width: int, height: int, size: tuple[int, int], resize_mode: ResizeMode
) -> None:
    """Of a photo whose colours say where in it they are."""
    across, down = (np.arange(n) + 0.5 for n in (width, height))  # pixels
    marked = np.zeros((height, width, 3), np.uint8)
    marked[..., 0], marked[..., 1] = across * 255 / width, down[:, None] * 255 / height
    seen = fit_image(marked, Preprocessing(size, resize_mode))
    left, top, right, bottom = covered_box(width, height, Preprocessing(size, resize_mode))
    shown = seen[..., 2] == 0  # not the grey about it
    for axis, (start, stop, length) in enumerate([(left, right, width), (top, bottom, height)]):
        n = size[1 - axis]
        expected = start + (np.arange(n) + 0.5) * (stop - start) / n  # pixels of the photo
        expected = expected[None] if axis == 0 else expected[:, None]
        found = (seen[..., axis] + 0.5) * length / 255
        wide_of_it = 1.5 * (stop - start) / n + 1.5 + length / 255  # pixels of the input, of the photo, and a level
        assert np.abs(found - expected.clip(0, length))[shown].max() <= wide_of_it


@pytest.mark.parametrize("shape", [(1, 10000, 3), (10000, 1, 3)])
def test_a_line_of_ten_thousand_pixels(shape: tuple[int, ...]) -> None:
    line = np.full(shape, 200, np.uint8)
    assert (fit_image(line, Preprocessing(8, "squash")) == 200).all()
    assert (fit_image(line, Preprocessing(8, "crop")) == 200).all()
    boxed = fit_image(line, Preprocessing(8, "letterbox"))
    assert sorted(np.unique(boxed)) == [127, 200]
    assert (boxed == 200).all(axis=2).sum() == 8  # one line of pixels


@given(SIDES, SIDES, SIDES | st.tuples(SIDES, SIDES), st.sampled_from(FITS), st.sampled_from(INTERPOLATIONS))
def test_any_shape_becomes_the_input(
    height: int, width: int, size: Size, resize_mode: ResizeMode, interpolation: Interpolation
) -> None:
    out = fit_image(np.full((height, width, 3), 50, np.uint8), Preprocessing(size, resize_mode, interpolation))
    assert out.shape == ((size, size, 3) if isinstance(size, int) else (*size, 3))
    assert out.dtype == np.uint8
    assert out.flags.c_contiguous
    assert set(np.unique(out)) <= {50, 127}


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3)),
        np.zeros((0, 4, 3), "u1"),
    ],
)
def test_other_arrays_are_refused(pixels: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match=r"an image is uint8 \(H, W, 3\), got"):
        fit_image(pixels, Preprocessing())


@given(
    st.integers(1, 2000) | st.tuples(st.integers(1, 50), st.integers(1, 50)),
    st.sampled_from(FITS),
    st.sampled_from(INTERPOLATIONS),
)
def test_preprocessing_survives_json(size: Size, resize_mode: ResizeMode, interpolation: Interpolation) -> None:
    preprocessing = Preprocessing(size, resize_mode, interpolation)
    values = preprocessing.as_dict()
    assert json.loads(json.dumps(values)) == values
    assert Preprocessing.from_dict(values) == preprocessing
    assert hash(Preprocessing.from_dict(values)) == hash(preprocessing)
    assert isinstance(preprocessing.size, int) == (preprocessing.height == preprocessing.width)


def test_a_square_has_one_number_and_other_inputs_height_and_width() -> None:
    square, wide = Preprocessing((224, 224)), Preprocessing((30, 100))
    assert square == Preprocessing(224)
    assert (square.size, square.height, square.width, square.dimensions) == (224, 224, 224, "224 × 224")
    assert square.as_dict()["size"] == 224
    assert (wide.size, wide.height, wide.width, wide.dimensions) == ((30, 100), 30, 100, "30 × 100")
    assert wide.as_dict() == {"size": [30, 100], "fit": "squash", "interpolation": "bilinear"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 0},
        {"size": 224.0},
        {"size": True},
        {"size": [224]},
        {"size": [0, 5]},
        {"size": [5, 5.0]},
        {"size": [True, 5]},
        {"size": [1, 2, 3]},
        {"size": "ab"},
        {"size": None},
        {"fit": "stretch"},
        {"interpolation": "nearest"},
        {"mean": 0.5},
    ],
)
def test_preprocessing_refuses_what_it_does_not_know(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"size|fit|interpolation"):
        Preprocessing.from_dict(Preprocessing().as_dict() | wrong)


def test_preprocessing_needs_all_keys() -> None:
    with pytest.raises(ValueError, match="preprocessing has size, fit and interpolation"):
        Preprocessing.from_dict({"size": 224})
