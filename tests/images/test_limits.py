"""Bombs are refused by their headers, before they are decoded."""

import threading

import numpy as np
import pytest

from whatsit.errors import ImageError
from whatsit.images.decode import load_for_network, read_image
from whatsit.images.limits import Limits
from whatsit.images.preprocessing import Preprocessing

from .matrix import Case, written
from .samples import encode, photo, png


def png_bomb(width: int, height: int) -> bytes:
    """A PNG that announces that size, and has no pixels."""
    return png(width, height, 8, 2, rows=[])


@pytest.mark.parametrize(
    ("width", "height", "count"),
    [(13000, 6800, "88.4 million"), (12000, 9000, "108 million"), (60000, 60000, "3,600 million")],
)
def test_too_many_pixels(width: int, height: int, count: str) -> None:
    """Below, above and far above Pillow's own limits, at which it warns and raises."""
    with pytest.raises(ImageError) as caught:
        read_image(png_bomb(width, height))
    assert str(caught.value) == f"too many pixels: {width} x {height} is {count} (limit 64 million)"


def test_the_limit_is_the_last_size_that_passes() -> None:
    data = encode(photo(60, 80))
    assert read_image(data, limits=Limits(max_pixels=4800)).shape == (60, 80, 3)
    with pytest.raises(ImageError, match=r"^too many pixels: 80 x 60 is 4,800 \(limit 4,799\)$"):
        read_image(data, limits=Limits(max_pixels=4799))


def test_a_jpeg_beyond_the_limit_is_read_where_its_decoder_scales_down() -> None:
    data, limits = encode(photo(240, 320), "JPEG"), Limits(max_pixels=5000)
    assert load_for_network(data, Preprocessing(size=30), limits).shape == (30, 30, 3)  # from 80 x 60
    with pytest.raises(ImageError, match="320 x 240 is 76,800"):
        read_image(data, limits=limits)
    with pytest.raises(ImageError, match="160 x 120 is 19,200"):
        read_image(data, limits=limits, at_least=61)


def test_a_progressive_jpeg_counts_in_full() -> None:
    """Its decoder holds all coefficients, whatever the scale."""
    data = encode(photo(240, 320), "JPEG", progressive=True)
    with pytest.raises(ImageError, match="320 x 240 is 76,800"):
        read_image(data, limits=Limits(max_pixels=5000), at_least=60)
    assert read_image(data, at_least=60).shape == (60, 80, 3)


def test_a_jpeg_of_one_component_after_the_other_counts_in_full() -> None:
    """Sequential by its frame header, but its first scan holds one component only."""
    data = encode(photo(240, 320), "JPEG")
    scan = data.index(b"\xff\xda")
    single = data[:scan] + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + data[scan + 14 :]
    with pytest.raises(ImageError, match="320 x 240 is 76,800"):
        read_image(single, limits=Limits(max_pixels=5000), at_least=60)


def test_a_jpeg_of_endless_scans() -> None:
    data = encode(photo(), "JPEG", progressive=True)
    scan = data.rindex(b"\xff\xda")
    with pytest.raises(ImageError, match="more than 1024 scans"):
        read_image(data[:-2] + data[scan:-2] * 1024 + data[-2:])


def test_bytes_are_limited_too() -> None:
    with pytest.raises(ImageError, match="too large"):
        load_for_network(encode(photo()), Preprocessing(), Limits(max_bytes=100))


def test_threads_do_not_meet() -> None:
    """Good files, damaged ones and bombs, many at a time."""
    good, bad, bomb = (
        encode(photo(), "JPEG"),
        encode(photo(), "JPEG", exif=b"Exif\0\0II*"),
        png_bomb(12000, 9000),
    )
    expected = read_image(good)
    failures: list[str] = []

    def work() -> None:
        for _ in range(20):
            if not (np.array_equal(read_image(good), expected) and np.array_equal(read_image(bad), expected)):
                failures.append("other pixels")
            try:
                read_image(bomb)
                failures.append("the bomb passed")
            except ImageError:
                pass

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_formats_that_are_not_wanted_are_refused_before_they_are_opened() -> None:
    limits = Limits(formats=frozenset({"jpeg", "png"}))
    assert read_image(encode(photo()), limits=limits).shape == (60, 80, 3)
    with pytest.raises(ImageError, match=r"^GIF is not taken here. Send one of: jpeg, png$"):
        read_image(encode(photo(), "GIF"), limits=limits)


def test_stored_pixels_count_whatever_the_decoder_scales_down_to() -> None:
    data = encode(photo(240, 320), "JPEG")
    assert read_image(data, limits=Limits(max_stored_pixels=76_800), at_least=60).shape == (60, 80, 3)
    with pytest.raises(ImageError, match=r"320 x 240 is 76,800 \(limit 76,799\)"):
        read_image(data, limits=Limits(max_stored_pixels=76_799), at_least=60)


def test_many_scans_over_many_pixels_are_refused() -> None:
    """Each walks the whole image: 300 that hold nothing, of 2,500 × 2,500 pixels."""
    data = encode(photo(2500, 2500), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    empty = b"\xff\xda\x00\x08\x01\x01\x00\x3f\x3f\x00"
    with pytest.raises(ImageError, match="scans, too many for its size"):
        read_image(data[:last] + 300 * empty + data[last:], at_least=60)


def test_a_film_behind_a_phones_picture_is_no_scan() -> None:
    data = encode(photo(), "JPEG", progressive=True)
    expected = read_image(data)
    np.testing.assert_array_equal(read_image(data + b"\xff\xda" * 5000), expected)


def test_samples_that_take_more_than_three_numbers_of_32_bits_are_refused_before_they_are_decoded() -> None:
    """A TIFF of 64-bit numbers, all of them 0: some kilobytes."""
    file = written(Case("rgb", "f8", "zlib", "contig", None, "<", False, "one", False))
    assert file is not None
    pixels = file[1].shape[0] * file[1].shape[1]
    with pytest.raises(ImageError, match=r"^too large: its samples take "):
        read_image(file[0], limits=Limits(max_pixels=pixels))
    assert read_image(file[0], limits=Limits(max_pixels=2 * pixels)).shape == file[1].shape
