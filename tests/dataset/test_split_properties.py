"""What holds for every split and fold, whatever the data."""

from dataclasses import dataclass, replace
from random import Random

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from whatsit.config import Split
from whatsit.data.components import group_records
from whatsit.data.split import SplitOptions, assign_folds, assign_splits
from whatsit.errors import DatasetError

from .build import digests, each_alone, ints, no_groups

untimed = settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60)


@dataclass
class Case:
    labels: NDArray[np.int64]
    digests: list[str]
    components: NDArray[np.int64]
    groups: list[str | None]
    n_classes: int
    options: SplitOptions

    def split(self) -> list[Split]:
        names = [f"class {i}" for i in range(self.n_classes)]
        return assign_splits(self.labels, self.digests, self.components, self.groups, names, self.options)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Classes of three components and more, of one to four records, some with the user's group."""
    n_classes = draw(st.integers(1, 4))
    sizes = [draw(st.lists(st.integers(1, 4), min_size=3, max_size=25)) for _ in range(n_classes)]
    flat = [(label, size) for label, column in enumerate(sizes) for size in column]
    components = np.repeat(np.arange(len(flat)), [size for _, size in flat])
    labels = np.repeat([label for label, _ in flat], [size for _, size in flat])
    grouped = {c for c in range(len(flat)) if draw(st.booleans())}
    return Case(
        labels=labels.astype(np.int64),
        digests=digests(len(labels), start=draw(st.integers(0, 10**6))),
        components=components.astype(np.int64),
        groups=[f"group {c}" if c in grouped else None for c in components.tolist()],
        n_classes=n_classes,
        options=SplitOptions(
            valid=draw(st.sampled_from([0.05, 0.15, 0.3])),
            test=draw(st.sampled_from([0.05, 0.15, 0.5])),
            seed=draw(st.integers(0, 1000)),
        ),
    )


@untimed
@given(cases())
def test_components_never_straddle(case: Case) -> None:
    splits = np.array(case.split())
    for component in np.unique(case.components):
        assert len(set(splits[case.components == component])) == 1


@untimed
@given(cases())
def test_every_class_has_half_of_its_share_in_every_split(case: Case) -> None:
    splits = np.array(case.split())
    shares = dict(zip(("test", "valid", "train"), case.options.shares, strict=True))
    for label in range(case.n_classes):
        own = case.labels == label
        total = len(np.unique(case.components[own]))
        for name, share in shares.items():
            held = len(np.unique(case.components[own & (splits == name)]))
            assert held >= max(1, int(share * total / 2))


@untimed
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_the_records_does_not_matter(case: Case, random: Random) -> None:
    order = list(range(len(case.labels)))
    random.shuffle(order)
    mixed = Case(
        case.labels[order],
        [case.digests[i] for i in order],
        case.components[order],
        [case.groups[i] for i in order],
        case.n_classes,
        case.options,
    )
    before = case.split()
    assert mixed.split() == [before[i] for i in order]
    assert case.split() == before


@untimed
@given(st.integers(0, 10**6), st.integers(0, 1000), st.integers(1, 300))
def test_photos_keep_their_split_when_large_classes_grow(start: int, seed: int, added: int) -> None:
    """With 600 photos a class, chance alone leaves no part below half of its share."""
    old, options = 1200, SplitOptions(seed=seed)
    before, after = (
        assign_splits(np.arange(n) % 2, digests(n, start), each_alone(n), no_groups(n), ["a", "b"], options)
        for n in (old, old + added)
    )
    assert after[:old] == before


@untimed
@given(st.integers(0, 10**6), st.integers(0, 1000), st.integers(6, 60))
def test_one_more_photo_moves_at_most_three_of_a_small_class(start: int, seed: int, n: int) -> None:
    options = SplitOptions(seed=seed)
    before, after = (
        assign_splits(np.zeros(m, np.int64), digests(m, start), each_alone(m), no_groups(m), ["a"], options)
        for m in (n, n + 1)
    )
    assert sum(a != b for a, b in zip(before, after[:n], strict=True)) <= 3


@st.composite
def mixed_groups(draw: st.DrawFn) -> Case:
    """Three to twelve groups that hold one to three classes each, as camera sites do."""
    held = draw(st.lists(st.lists(st.integers(0, 6), min_size=3, max_size=3).filter(any), min_size=3, max_size=12))
    flat = [(group, label) for group, counts in enumerate(held) for label, n in enumerate(counts) for _ in range(n)]
    labels = np.array([label for _, label in flat])
    return Case(
        labels=labels.astype(np.int64),
        digests=digests(len(flat), start=draw(st.integers(0, 10**6))),
        components=np.array([group for group, _ in flat], np.int64),
        groups=[f"group {group}" for group, _ in flat],
        n_classes=3,
        options=SplitOptions(valid=0.2, test=0.2, seed=draw(st.integers(0, 1000))),
    )


@untimed
@given(mixed_groups(), st.randoms(use_true_random=False))
def test_groups_of_several_classes_are_whole_and_no_class_is_untaught(case: Case, random: Random) -> None:
    try:
        splits = np.array(case.split())
    except DatasetError:
        assert min(len(np.unique(case.components[case.labels == label])) for label in range(3)) < 3
        return
    for component in np.unique(case.components):
        assert len(set(splits[case.components == component])) == 1
    assert set(case.labels[splits == "train"]) == {0, 1, 2}
    assert {"valid", "test"} < set(splits)
    order = list(range(len(case.labels)))
    random.shuffle(order)
    mixed = replace(
        case,
        labels=case.labels[order],
        digests=[case.digests[i] for i in order],
        components=case.components[order],
        groups=[case.groups[i] for i in order],
    )
    assert mixed.split() == splits[order].tolist()


@untimed
@given(cases(), st.integers(2, 7))
def test_folds_keep_components_whole_and_classes_even(case: Case, k: int) -> None:
    folds = assign_folds(case.labels, case.digests, case.components, k, case.options.seed)
    assert folds.dtype == np.int64
    total = np.zeros(k, dtype=np.int64)
    for label in range(case.n_classes):
        own = np.unique(case.components[case.labels == label])
        of_component = [np.unique(folds[case.components == component]) for component in own]
        assert all(len(found) == 1 for found in of_component)
        counts = np.bincount(np.concatenate(of_component), minlength=k)
        assert np.ptp(counts) <= 1
        photos = np.bincount(folds[case.labels == label], minlength=k)
        assert np.ptp(photos) <= np.bincount(case.components[case.labels == label]).max()
        total += counts
    assert np.ptp(total) <= 1


@untimed
@given(st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=30), st.data())
def test_components_are_what_is_reachable(pairs: list[tuple[int, int]], data: st.DataObject) -> None:
    n = 30
    groups = data.draw(st.lists(st.sampled_from([None, None, None, "a", "b"]), min_size=n, max_size=n))
    components = group_records(n, pairs, groups)
    reach = np.eye(n, dtype=bool)
    for a, b in pairs:
        reach[a, b] = reach[b, a] = True
    for i in range(n):
        for j in range(n):
            reach[i, j] |= groups[i] is not None and groups[i] == groups[j]
    for middle in range(n):  # Warshall's closure
        reach |= np.outer(reach[:, middle], reach[middle])
    assert (reach == (components[:, None] == components)).all()
    assert list(dict.fromkeys(components.tolist())) == list(range(components.max() + 1))


def test_a_single_component_class_is_dealt_to_one_fold() -> None:
    folds = assign_folds(ints([0, 0, 1, 1]), digests(4), ints([0, 0, 1, 2]), 2, 0)
    assert folds[0] == folds[1]
    assert folds[2] != folds[3]
