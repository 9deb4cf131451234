"""Which photos are learned from, and which judge."""

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from steps.made import make_folder, save

from whatsit.api import train
from whatsit.config import TrainOptions
from whatsit.errors import DatasetError, WhatsitError
from whatsit.model.format import FILES

from .given import manifest, rows, split_folder, splits

pytestmark = pytest.mark.slow


def test_another_seed_draws_another_split(
    small: Path, quick: TrainOptions, tmp_path: Path, few_are_enough: None
) -> None:
    options = replace(quick, test=0.25)
    one = train(small, tmp_path / "0", options)
    other = train(small, tmp_path / "1", replace(options, seed=1))
    parts = [{uri: row["split"] for uri, row in splits(trained).items()} for trained in (one, other)]
    assert parts[0] != parts[1]
    for part in parts:
        assert set(part.values()) == {"train", "valid", "test"}
    assert one.report.protocol.startswith("test split: 25% of the photos")
    assert one.evaluation.n == Counter(parts[0].values())["test"] == len(rows(one.folder / FILES.predictions))


def test_added_photos_move_few_others(small: Path, quick: TrainOptions, tmp_path: Path, few_are_enough: None) -> None:
    more = shutil.copytree(small, tmp_path / "photos")
    options = replace(quick, test=0.25)
    before = splits(train(small, tmp_path / "before", options))
    make_folder(more, {"apples": 10, "pears": 10}, first_seed=500)
    after = splits(train(more, tmp_path / "after", options))
    assert len(after) == len(before) + 20
    moved = [uri for uri, row in before.items() if after[uri]["split"] != row["split"]]
    assert len(moved) <= 5  # of 40: so small a test split is cut to its share


def test_no_test_split_where_none_is_asked_for(small: Path, quick: TrainOptions, tmp_path: Path) -> None:
    trained = train(small, tmp_path / "model", replace(quick, test=0.0))
    assert trained.report.protocol == "5-fold cross-validation; no test split was asked for"
    assert trained.evaluation.n == 40


@pytest.mark.parametrize("shares", [{"test": 1.5}, {"valid": -0.1}])
def test_shares_that_are_none_are_refused_at_once(shares: dict[str, float]) -> None:
    with pytest.raises(WhatsitError, match="expected a number from 0 to 1, without 1"):
        TrainOptions(**shares)  # type: ignore[arg-type]


def test_shares_that_leave_nothing_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="leave nothing"):
        train(tmp_path / "not even looked at", options=TrainOptions(valid=0.5, test=0.5))


def test_the_users_own_split_is_taken(quick: TrainOptions, tmp_path: Path) -> None:
    photos = split_folder(tmp_path / "photos", {"train": 12, "valid": 5, "test": 6})
    trained = train(photos, tmp_path / "model", quick)
    assert trained.report.protocol == "your own test split"
    assert trained.report.data.counts == {
        "train": {"apples": 12, "pears": 12},
        "valid": {"apples": 5, "pears": 5},
        "test": {"apples": 6, "pears": 6},
    }
    assert all("/test/" in row["path"] for row in rows(trained.folder / FILES.predictions))
    assert trained.evaluation.n == 12


def test_without_test_valid_judges(quick: TrainOptions, tmp_path: Path) -> None:
    photos = split_folder(tmp_path / "photos", {"train": 12, "val": 5})
    trained = train(photos, tmp_path / "model", quick)
    assert trained.report.protocol == "your own valid split"
    assert all("/val/" in row["path"] for row in rows(trained.folder / FILES.predictions))
    assert trained.evaluation.n == 10


def test_manifests_of_their_own(quick: TrainOptions, tmp_path: Path) -> None:
    files = {}
    for number, (split, count) in enumerate({"train": 12, "valid": 4, "test": 6}.items()):
        for kind, label in enumerate(("apples", "pears")):
            for i in range(count):
                save(tmp_path / f"{split}-{label}-{i}.jpg", kind, 100 * number + i)
        listed = [(f"{split}-{label}-{i}.jpg", label) for label in ("apples", "pears") for i in range(count)]
        files[split] = manifest(tmp_path / f"{split}.csv", "uri,label", listed)
    trained = train(files["train"], tmp_path / "model", quick, valid=files["valid"], test=files["test"])
    assert Counter(row["split"] for row in splits(trained).values()) == {"train": 24, "valid": 8, "test": 12}


def test_groups_stay_together(quick: TrainOptions, tmp_path: Path, few_are_enough: None) -> None:
    lines = []
    for kind, label in enumerate(("apples", "pears")):
        for i in range(24):
            save(tmp_path / label / f"{i}.jpg", kind, i)
            lines.append((f"{label}/{i}.jpg", label, f"tree {label} {i // 2}"))
    listed = manifest(tmp_path / "all.csv", "uri,label,group", lines)
    trained = train(listed, tmp_path / "model", replace(quick, test=0.3))
    split_of = {uri: row["split"] for uri, row in splits(trained).items()}
    of_group: dict[str, set[str]] = {}
    for uri, _, group in lines:
        of_group.setdefault(group, set()).add(split_of[uri])
    assert len(of_group) == 24
    assert all(len(found) == 1 for found in of_group.values())
    assert set.union(*of_group.values()) == {"train", "valid", "test"}


def sites(folder: Path, count: int) -> Path:
    """A manifest of so many camera sites, at each of which every class was photographed: 4 + 2 photos."""
    lines = []
    for site in range(count):
        for kind, (label, photos) in enumerate({"apples": 4, "pears": 2}.items()):
            for i in range(photos):
                save(folder / label / f"{site}-{i}.jpg", kind, 10 * site + i)
                lines.append((f"{label}/{site}-{i}.jpg", label, f"site {site}"))
    return manifest(folder / "all.csv", "uri,label,group", lines)


def test_sites_that_hold_several_classes_are_split_whole(
    quick: TrainOptions, tmp_path: Path, few_are_enough: None
) -> None:
    trained = train(sites(tmp_path, 20), tmp_path / "model", replace(quick, test=0.25))
    assert trained.report.protocol == "test split: 5 of 20 groups, 30 of 120 photos, set aside first"
    assert trained.report.data.counts == {
        "train": {"apples": 48, "pears": 24},
        "valid": {"apples": 12, "pears": 6},
        "test": {"apples": 20, "pears": 10},
    }


def test_few_sites_are_all_judged(quick: TrainOptions, tmp_path: Path, few_are_enough: None) -> None:
    trained = train(sites(tmp_path, 4), tmp_path / "model", replace(quick, test=0.25))
    assert trained.report.protocol == "4-fold cross-validation over 4 groups, too few for a test split"
    assert trained.evaluation.n == 24
    of_site = {(Path(uri).name.split("-")[0], row["split"]) for uri, row in splits(trained).items()}
    assert len(of_site) == 4


def test_a_class_of_look_alikes_is_not_refused_without_a_way_out(quick: TrainOptions, tmp_path: Path) -> None:
    """The same pears again and again, in other bytes: near-copies, or pears that look alike."""
    photos = make_folder(tmp_path / "photos", {"apples": 20})
    for quality in range(70, 90):
        save(photos / "pears" / f"{quality}.jpg", 1, 0, quality)
    with pytest.raises(DatasetError, match=r"'pears' has 1 distinct photo.* look alike: --near-copies ignore"):
        train(photos, tmp_path / "model", quick)
    trained = train(photos, tmp_path / "model", replace(quick, near_copies="ignore"))
    assert trained.evaluation.n == 40
