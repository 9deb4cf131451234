"""Near-duplicates among drawn photos: copies are found, others are not, and odd input does no harm."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

from whatsit.data.components import group_records
from whatsit.data.near.search import Reduced, near_duplicates

Float = NDArray[np.float32]
Grey = NDArray[np.uint8]
Copy = Callable[[Image.Image], Image.Image]

N = 40


def draw(seed: int) -> Image.Image:
    """A photo-like picture of 160 x 120: noise with a spectrum like that of natural images, and two shapes."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(120)[:, None], np.fft.fftfreq(160))
    spectrum = np.fft.fft2(rng.normal(size=(120, 160))) / np.maximum(frequency, 1 / 160) ** 1.3
    noise = np.fft.ifft2(spectrum).real
    y, x = np.ogrid[:120, :160]
    for _ in range(2):
        top, left, radius = rng.uniform(20, 100), rng.uniform(20, 140), rng.uniform(10, 30)
        noise += np.where((y - top) ** 2 + (x - left) ** 2 < radius**2, rng.normal() * noise.std(), 0)
    grey = 128 + 50 * (noise - noise.mean()) / noise.std()
    return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))


def thumbnail(image: Image.Image) -> Grey:
    return np.array(image.resize((32, 32), Image.Resampling.BOX))


def embed(image: Image.Image) -> Float:
    """A stand-in for a network: 64 seeded random views of the picture's coarse shape."""
    rows = np.array(image.filter(ImageFilter.GaussianBlur(6)).resize((16, 16)), np.float32).ravel()
    views = np.random.default_rng(0).normal(size=(256, 64)).astype(np.float32)
    return np.asarray((rows - rows.mean()) @ views / 1000, np.float32)


def arrays(images: list[Image.Image]) -> tuple[Float, Grey]:
    return np.stack([embed(i) for i in images]), np.stack([thumbnail(i) for i in images])


PHOTOS = [draw(seed) for seed in range(N)]

COPIES: dict[str, Copy] = {
    "same": lambda image: image,
    "half": lambda image: image.resize((80, 60), Image.Resampling.LANCZOS),
    "larger": lambda image: image.resize((240, 180), Image.Resampling.BICUBIC),
    "coarse": lambda image: image.quantize(24).convert("L"),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.1),
    "duller": lambda image: ImageEnhance.Contrast(image).enhance(0.8),
    "left cut": lambda image: image.crop((8, 0, 160, 120)),
    "all cut": lambda image: image.crop((8, 6, 152, 114)),
    "corner cut": lambda image: image.crop((0, 0, 144, 108)),
    "cut, smaller, darker": lambda image: ImageEnhance.Brightness(
        image.crop((8, 0, 160, 114)).resize((100, 75))
    ).enhance(0.93),
}


@pytest.mark.parametrize("name", COPIES)
def test_copies_are_found_and_nothing_else(name: str) -> None:
    copied = range(0, N, 4)
    found = near_duplicates(*arrays(PHOTOS + [COPIES[name](PHOTOS[i]) for i in copied]))
    assert found == [(i, N + place) for place, i in enumerate(copied)]


def test_different_photos_are_not_paired() -> None:
    assert near_duplicates(*arrays(PHOTOS)) == []


def cells(strength: float) -> list[Image.Image]:
    """Like solar cells: strong bars that all have, and faint marks that tell one from the other."""
    bars = np.where(np.arange(120)[:, None] % 40 < 6, 25, 225).astype(np.float64)
    marks = [np.array(image, np.float64) - 128 for image in PHOTOS]
    return [Image.fromarray((bars + strength * mark).clip(0, 255).astype(np.uint8)) for mark in marks]


def test_photos_that_share_a_layout_are_not_paired() -> None:
    all_alike = cells(0.15)
    again = [ImageEnhance.Brightness(cell).enhance(0.95) for cell in all_alike[:5]]
    assert near_duplicates(*arrays(all_alike + again)) == [(i, N + i) for i in range(5)]


def test_a_rare_kind_is_not_one_cluster() -> None:
    """A few that are alike among many that are not: what is rare in the set is common among them."""
    kind = cells(0.15)[:20]
    others = [draw(seed) for seed in range(100, 300)]
    again = [ImageEnhance.Brightness(cell).enhance(0.95) for cell in kind[:5]]
    assert near_duplicates(*arrays(kind + others + again)) == [(i, 220 + i) for i in range(5)]


def test_the_order_of_the_photos_does_not_matter() -> None:
    vectors, thumbnails = arrays(PHOTOS + [copy(PHOTOS[i]) for i, copy in enumerate(COPIES.values())])
    expected = near_duplicates(vectors, thumbnails)
    assert len(expected) == len(COPIES)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(vectors))
        found = near_duplicates(vectors[order], thumbnails[order])
        assert sorted(tuple(sorted((int(order[i]), int(order[j])))) for i, j in found) == expected


def test_a_large_cluster_is_connected() -> None:
    many = [ImageEnhance.Brightness(PHOTOS[0]).enhance(0.9 + step / 200) for step in range(40)]
    vectors, thumbnails = arrays(PHOTOS[1:] + many)
    found = near_duplicates(vectors, thumbnails)
    components = group_records(len(vectors), found, [None] * len(vectors))
    assert len(set(components[N - 1 :].tolist())) == 1
    assert len(set(components.tolist())) == N


def test_pairs_are_ascending_and_never_of_one_photo() -> None:
    found = near_duplicates(*arrays(PHOTOS * 3))
    assert found == sorted(set(found))
    assert len(found) >= 2 * N
    assert all(i < j and i % N == j % N for i, j in found)


def test_more_photos_than_a_block_holds() -> None:
    """Copies of photos that lie far apart, among 5,000 that are nothing alike."""
    rng = np.random.default_rng(0)
    thumbnails = rng.integers(0, 256, (5_000, 32, 32), dtype=np.uint8)
    vectors = rng.normal(size=(5_000, 8)).astype(np.float32)
    for copy, original in ((4_999, 0), (2_345, 511), (1_001, 1_000)):
        thumbnails[copy], vectors[copy] = thumbnails[original], vectors[original]
    assert near_duplicates(vectors, thumbnails) == [(0, 4_999), (511, 2_345), (1_000, 1_001)]


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_to_be_alike(n: int) -> None:
    assert near_duplicates(np.ones((n, 64), np.float32), np.full((n, 32, 32), 9, np.uint8)) == []
    vectors, thumbnails = arrays(PHOTOS[:1])
    assert near_duplicates(vectors[:n], thumbnails[:n]) == []


def test_two_photos_are_enough() -> None:
    assert near_duplicates(*arrays([PHOTOS[0], COPIES["half"](PHOTOS[0])])) == [(0, 1)]
    assert near_duplicates(*arrays(PHOTOS[:2])) == []


def test_flat_pictures_are_paired_with_nothing() -> None:
    flat = [Image.new("L", (160, 120), level) for level in (0, 0, 128, 128, 255)]
    found = near_duplicates(*arrays(flat + PHOTOS + [PHOTOS[3]]))
    assert found == [(len(flat) + 3, len(flat) + N)]
    assert near_duplicates(*arrays(flat)) == []


def test_vectors_of_no_length_do_no_harm() -> None:
    _, thumbnails = arrays([*PHOTOS, PHOTOS[7]])
    assert near_duplicates(np.zeros((N + 1, 64), np.float32), thumbnails) == [(7, N)]


def test_the_arguments_stay_as_they_were() -> None:
    vectors, thumbnails = arrays(PHOTOS[:5])
    before = vectors.copy(), thumbnails.copy()
    near_duplicates(vectors, thumbnails)
    np.testing.assert_array_equal(vectors, before[0])
    np.testing.assert_array_equal(thumbnails, before[1])


def test_vectors_of_many_photos_are_kept_small() -> None:
    """Beyond 1,024 photos their main directions alone, in which the same photos are nearest."""
    rng = np.random.default_rng(3)
    few = rng.normal(size=(60, 400))
    x = (rng.normal(size=(1500, 60)) @ few + 0.1 * rng.normal(size=(1500, 400))).astype(np.float32)
    kept = Reduced(1600, 400)
    for number, row in enumerate(x):
        kept.add(row)
        if number == 1000:
            assert np.array_equal(kept.rows()[:], x[:1001])
    small = kept.rows()[:]
    assert small.shape == (1500, 128)
    whole, reduced = (rows @ rows[7] / np.linalg.norm(rows, axis=1) / np.linalg.norm(rows[7]) for rows in (x, small))
    assert np.abs(whole - reduced).max() < 0.02
    assert np.allclose(kept.reduced(x[:3]), small[:3], atol=1e-4)
