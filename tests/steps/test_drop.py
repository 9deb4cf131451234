"""A photo that another network has no numbers for goes; all others keep their parts."""

from dataclasses import fields, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from whatsit.config import Split, TrainOptions
from whatsit.data.groups import Related
from whatsit.embedding.source import Embeddings
from whatsit.errors import DatasetError
from whatsit.training.experiment import Splits, TrainingSet, all_vectors, with_other_embeddings
from whatsit.training.splits import make_splits

from .made import make_photos

GIVEN: list[Split | None] = [*["train"] * 12, *["valid"] * 4, *["test"] * 4]  # type: ignore[list-item]


def seen(photos: TrainingSet, lost: dict[int, str]) -> Embeddings:
    """As by another network: other vectors, none of those lost, and one more that was never readable."""
    kept = [i for i in range(len(photos.labels)) if i not in lost]
    thumbnails = np.zeros((len(kept), 32, 32), np.uint8)
    return Embeddings(tuple(photos.digests), lost, -photos.x[kept], thumbnails)


def uris(photos: TrainingSet, rows: NDArray[np.int64]) -> list[str]:
    return [photos.records[i].uri for i in rows]


@pytest.mark.parametrize("lost", [[], [0], [3, 17], [0, 1, 13, 14, 39]])
@pytest.mark.parametrize("one_fold", [False, True])
def test_the_others_keep_their_parts(lost: list[int], *, one_fold: bool) -> None:
    photos = make_photos([20, 20])
    splits = make_splits(photos, TrainOptions(valid=0.2, test=0.2), one_fold=one_fold)
    gone = dict.fromkeys(lost, "not finite")
    fewer, then = with_other_embeddings(photos, splits, seen(photos, gone))
    left = {photos.records[i].uri for i in lost}
    assert [one.place for one in fewer.left_out] == lost
    assert uris(fewer, then.test) == [uri for uri in uris(photos, splits.test) if uri not in left]
    assert uris(fewer, then.train) == [uri for uri in uris(photos, splits.train) if uri not in left]
    for new, old in zip(then.cv, splits.cv, strict=True):
        for name in ("train", "held_out"):
            before = uris(photos, splits.train[getattr(old, name)])
            assert uris(fewer, then.train[getattr(new, name)]) == [uri for uri in before if uri not in left]
    before_by_uri = dict(zip(uris(photos, np.arange(40)), splits.names, strict=True))
    assert dict(zip(uris(fewer, np.arange(len(fewer.labels))), then.names, strict=True)) == {
        uri: split for uri, split in before_by_uri.items() if uri not in left
    }
    assert np.array_equal(fewer.x, -photos.x[[i for i in range(40) if i not in lost]])


def test_nothing_of_a_length_is_forgotten() -> None:
    """Whatever else photos and plans come to hold, row by row, must lose the same rows."""
    photos = make_photos([20, 20])
    splits = make_splits(photos, TrainOptions())
    fewer, then = with_other_embeddings(photos, splits, seen(photos, {7: "not finite"}))
    for one in (*per_photo(photos, fewer), *per_photo(splits, then)):
        assert one == (40, 39)


def per_photo(before: TrainingSet | Splits, after: TrainingSet | Splits) -> list[tuple[int, int]]:
    pairs = [(getattr(before, f.name), getattr(after, f.name)) for f in fields(before) if f.name != "all_digests"]
    return [(len(a), len(b)) for a, b in pairs if isinstance(a, np.ndarray | tuple) and len(a) == 40]


def test_what_a_lost_photo_connected_stays_together() -> None:
    """A near-copy of the first and of the third connects them, and its group the fifth."""
    related = Related((None, "g", None, None, "g", None), same=((3, 5),), near=((0, 1), (1, 2)))
    lost = np.array([False, True, False, False, False, False])
    left = related.without(lost)
    assert left.components.tolist() == related.components[~lost].tolist() == [0, 0, 1, 0, 1]
    assert (left.groups, left.same) == ((None, None, None, "g", None), ((2, 4),))


@pytest.mark.parametrize(("lost", "words"), [(range(16, 20), "judge on"), (range(12, 16), "choose on")])
def test_nobody_left_to_judge_or_to_choose(lost: range, words: str) -> None:
    photos = make_photos([10, 10], splits=GIVEN[::2] + GIVEN[1::2])
    of = {GIVEN[i] for i in lost}
    gone = {i: "not finite" for i, record in enumerate(photos.records) if record.split in of}
    with pytest.raises(DatasetError, match=rf"none of the photos to {words} can be used .*: not finite"):
        with_other_embeddings(photos, make_splits(photos, TrainOptions()), seen(photos, gone))


def test_a_class_that_goes_whole_is_named() -> None:
    photos = make_photos([20, 20])
    gone = dict.fromkeys(range(20), "not finite")
    with pytest.raises(DatasetError, match=r"class 'class 0': none of its images can be used \(not finite\)"):
        with_other_embeddings(photos, make_splits(photos, TrainOptions()), seen(photos, gone))


def test_ways_are_measured_on_the_same_photos() -> None:
    photos = make_photos([20, 20])
    assert all_vectors(photos.dataset, seen(photos, {})).shape == photos.x.shape
    with pytest.raises(DatasetError, match=r"^0007\.jpg: not finite$"):
        all_vectors(replace(photos.dataset), seen(photos, {7: "not finite", 9: "not finite"}))
