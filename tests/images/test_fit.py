"""The shape of the network's input."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from whatsit.images.fit import fit_image
from whatsit.images.preprocessing import Fit, Interpolation, Preprocessing

from .samples import photo

FITS: list[Fit] = ["squash", "crop", "letterbox"]
INTERPOLATIONS: list[Interpolation] = ["bilinear", "bicubic"]


def thirds(height: int, width: int) -> NDArray[np.uint8]:
    """Red, green and blue thirds along the longer side."""
    long = np.repeat(np.eye(3, dtype=np.uint8) * 255, max(height, width) // 3, axis=0)  # (long, 3)
    along_width = np.broadcast_to(long, (min(height, width), len(long), 3))
    return np.ascontiguousarray(along_width if width > height else along_width.transpose(1, 0, 2))


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_an_image_of_the_very_size_is_left_alone(fit: Fit, interpolation: Interpolation) -> None:
    image = photo(64, 64)
    assert np.array_equal(fit_image(image, Preprocessing(64, fit, interpolation)), image)


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


@pytest.mark.parametrize("fit", FITS)
def test_one_pixel_fills_the_square(fit: Fit) -> None:
    out = fit_image(np.full((1, 1, 3), (9, 8, 7), np.uint8), Preprocessing(5, fit))
    assert (out == (9, 8, 7)).all()


@pytest.mark.parametrize("shape", [(1, 10000, 3), (10000, 1, 3)])
def test_a_line_of_ten_thousand_pixels(shape: tuple[int, ...]) -> None:
    line = np.full(shape, 200, np.uint8)
    assert (fit_image(line, Preprocessing(8, "squash")) == 200).all()
    assert (fit_image(line, Preprocessing(8, "crop")) == 200).all()
    boxed = fit_image(line, Preprocessing(8, "letterbox"))
    assert sorted(np.unique(boxed)) == [127, 200]
    assert (boxed == 200).all(axis=2).sum() == 8  # one line of pixels


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from(FITS),
    st.sampled_from(INTERPOLATIONS),
)
def test_any_shape_becomes_the_square(
    height: int, width: int, size: int, fit: Fit, interpolation: Interpolation
) -> None:
    out = fit_image(np.full((height, width, 3), 50, np.uint8), Preprocessing(size, fit, interpolation))
    assert out.shape == (size, size, 3)
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


@given(st.integers(1, 2000), st.sampled_from(FITS), st.sampled_from(INTERPOLATIONS))
def test_preprocessing_survives_json(size: int, fit: Fit, interpolation: Interpolation) -> None:
    preprocessing = Preprocessing(size, fit, interpolation)
    assert Preprocessing.from_dict(json.loads(json.dumps(preprocessing.as_dict()))) == preprocessing


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 0},
        {"size": 224.0},
        {"size": True},
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
