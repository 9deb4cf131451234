"""Which photos take part, which belong together, and why others are left out."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from whatsit.config import NearCopies, TrainOptions
from whatsit.data.dataset import Record
from whatsit.data.read import dataset_of
from whatsit.embedding.source import Embeddings
from whatsit.errors import DatasetError
from whatsit.training.experiment import TrainingSet, make_training_set, with_vectors

from .made import DIM, make_embeddings

Change = dict[int, str | None]


def seen(n: int, digests: Change | None = None, errors: dict[int, str] | None = None) -> Embeddings:
    """`n` unlike photos; some with another digest, some with an error."""
    rng = np.random.default_rng(1)
    told = tuple((digests or {}).get(i, f"{i:064x}") for i in range(n))
    readable = n - len(errors or {})
    x: NDArray[np.float32] = rng.normal(size=(readable, DIM)).astype(np.float32)
    return Embeddings(told, errors or {}, x, rng.integers(0, 256, (readable, 32, 32), dtype=np.uint8))


def photos_of(labels: str, embeddings: Embeddings, groups: dict[int, str] | None = None) -> TrainingSet:
    records = [Record(f"{i}.jpg", label, None, (groups or {}).get(i)) for i, label in enumerate(labels)]
    return make_training_set(dataset_of(records, "made"), embeddings)


def test_all_unlike_photos_take_part() -> None:
    photos = photos_of("aabbb", seen(5))
    assert photos.places.tolist() == [0, 1, 2, 3, 4]
    assert photos.labels.tolist() == [0, 0, 1, 1, 1]
    assert len(set(photos.components.tolist())) == 5
    assert photos.left_out == ()
    assert (photos.exact_duplicates, photos.near_duplicate_groups, photos.conflicts) == (0, 0, 0)


def test_copies_and_groups_are_components() -> None:
    photos = photos_of("aaabbb", seen(6, {1: "f" * 64, 2: "f" * 64}), {3: "tree", 5: "tree"})
    c = photos.components
    assert c[1] == c[2]
    assert c[3] == c[5]
    assert len(set(c.tolist())) == 4
    assert photos.exact_duplicates == 1
    assert photos.groups == [None, None, None, "tree", None, "tree"]


def test_near_copies_are_counted_by_group() -> None:
    dataset, seen = make_embeddings([6, 6])
    x, thumbnails = seen.vectors.copy(), seen.thumbnails.copy()
    for copy, original in ((1, 0), (2, 0), (9, 8)):
        x[copy], thumbnails[copy] = x[original], thumbnails[original]
    again = make_training_set(dataset, replace(seen, vectors=x, thumbnails=thumbnails))
    assert again.near_duplicate_groups == 2
    assert again.exact_duplicates == 0
    assert again.components[0] == again.components[1] == again.components[2]
    assert again.components[8] == again.components[9]


def test_conflicts_are_left_out_with_both_labels() -> None:
    photos = photos_of("aaabbb", seen(6, {0: "f" * 64, 4: "f" * 64}))
    assert photos.places.tolist() == [1, 2, 3, 5]
    assert photos.conflicts == 2
    assert [(one.place, one.reason) for one in photos.left_out] == [
        (0, "two labels for the same bytes: a and b"),
        (4, "two labels for the same bytes: a and b"),
    ]
    assert photos.x.shape == (4, DIM)
    assert photos.digests == [f"{i:064x}" for i in (1, 2, 3, 5)]


def test_unreadable_photos_keep_their_reason_and_shift_no_vector() -> None:
    embeddings = seen(6, {1: None}, {1: "no such file", 4: "truncated"})
    photos = photos_of("aaabbb", embeddings)
    assert photos.places.tolist() == [0, 2, 3, 5]
    assert [(one.place, one.reason) for one in photos.left_out] == [(1, "no such file"), (4, "truncated")]
    assert np.array_equal(photos.x, embeddings.vectors)


def test_nothing_readable_names_the_first() -> None:
    with pytest.raises(DatasetError, match=r"made: none of 4 images can be read \(the first, 0.jpg: empty file\)"):
        photos_of("aabb", seen(4, dict.fromkeys(range(4)), dict.fromkeys(range(4), "empty file")))


def test_a_class_without_usable_images() -> None:
    with pytest.raises(DatasetError, match=r"class 'b': none of its images can be used \(truncated\)"):
        photos_of("aabb", seen(4, errors={2: "truncated", 3: "empty"}))


def test_nothing_but_conflicts() -> None:
    with pytest.raises(DatasetError, match=r"class 'a': none of its images can be used \(two labels.*\. Give each"):
        photos_of("ab", seen(2, {0: "f" * 64, 1: "f" * 64}))


def test_the_same_photos_through_other_vectors() -> None:
    photos = photos_of("aaabbb", seen(6, {0: "f" * 64, 4: "f" * 64}))
    other = seen(6, {0: "f" * 64, 4: "f" * 64})
    other = replace(other, vectors=-other.vectors)
    again = with_vectors(photos, other)
    assert np.array_equal(again.x, -photos.x)
    assert again.places.tolist() == photos.places.tolist()


def test_a_photo_that_goes_between_two_looks() -> None:
    photos = photos_of("aabb", seen(4))
    with pytest.raises(DatasetError, match=r"2.jpg: no such file. It could be used a moment ago"):
        with_vectors(photos, seen(4, {2: None}, {2: "no such file"}))


def near_copies(pairs: list[tuple[int, int]], near_copies: NearCopies = "group") -> TrainingSet:
    dataset, seen = make_embeddings([6, 6])
    x, thumbnails = seen.vectors.copy(), seen.thumbnails.copy()
    for copy, original in pairs:
        x[copy], thumbnails[copy] = x[original], thumbnails[original]
    options = TrainOptions(near_copies=near_copies)
    return make_training_set(dataset, replace(seen, vectors=x, thumbnails=thumbnails), options)


def test_a_near_copy_under_another_label_is_told() -> None:
    photos = near_copies([(1, 0), (7, 2)])
    assert photos.related.torn(photos.labels) == ((2, 7),)
    assert photos.components[2] == photos.components[7]
    assert photos.left_out == ()


def test_near_copies_are_ignored_where_asked() -> None:
    """Twelve cells that all look alike: each is a photo of its own, if its owner says so."""
    photos = near_copies([(1, 0), (7, 2)], "ignore")
    assert len(set(photos.components.tolist())) == 12
    assert photos.near_duplicate_groups == 0
    assert photos.related.ignored == ((0, 1), (2, 7))
    assert photos.related.torn(photos.labels) == ()


def test_augmented_copies_are_one_component() -> None:
    """Names of an export, and vectors that agree; the pictures need not look alike pixel by pixel."""
    dataset, seen = make_embeddings([40, 40])
    rng = np.random.default_rng(2)
    x = (seen.vectors[::4].repeat(4, axis=0) + 0.3 * rng.normal(size=seen.vectors.shape)).astype(np.float32)
    names = [f"p{i // 4}_jpg.rf.{i:032x}.jpg" for i in range(80)]
    records = tuple(replace(record, uri=name) for record, name in zip(dataset.records, names, strict=True))
    photos = make_training_set(replace(dataset, records=records), replace(seen, vectors=x))
    assert len(set(photos.components.tolist())) == 20
    assert (photos.related.sources.photos, photos.related.sources.sources) == (80, 20)
    never = make_training_set(
        replace(dataset, records=records), replace(seen, vectors=x), TrainOptions(group_by_name="never")
    )
    assert len(set(never.components.tolist())) == 80
