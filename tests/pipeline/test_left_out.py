"""Photos that take no part: damaged, in conflict, near-duplicates across splits."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from steps.made import save

from whatsit.api import train
from whatsit.config import TrainOptions
from whatsit.errors import DatasetError
from whatsit.model.format import FILES

from .given import rows, split_folder, splits

pytestmark = pytest.mark.slow


def test_the_same_bytes_under_two_labels_take_no_part(small: Path, quick: TrainOptions, tmp_path: Path) -> None:
    photos = shutil.copytree(small, tmp_path / "photos")
    shutil.copy(photos / "apples" / "000.jpg", photos / "pears" / "apple.jpg")
    trained = train(photos, tmp_path / "model", quick)
    found = splits(trained)
    for uri in ("apples/000.jpg", "pears/apple.jpg"):
        assert found[uri]["split"] == ""
        assert found[uri]["left_out"] == "two labels for the same bytes: apples and pears"
    assert trained.report.data.conflicts == 2
    assert trained.evaluation.n == 39
    scored = {Path(row["path"]).name for row in rows(trained.folder / FILES.predictions)}
    assert "apple.jpg" not in scored


def test_copies_are_never_parted(small: Path, quick: TrainOptions, tmp_path: Path) -> None:
    photos = shutil.copytree(small, tmp_path / "photos")
    shutil.copy(photos / "apples" / "001.jpg", photos / "apples" / "exact.jpg")
    save(photos / "apples" / "encoded.jpg", 0, 1, quality=60)
    trained = train(photos, tmp_path / "model", quick)
    found = splits(trained)
    assert len({found[f"apples/{name}.jpg"]["split"] for name in ("001", "exact", "encoded")}) == 1
    assert trained.report.data.exact_duplicates == 1
    assert trained.report.data.near_duplicate_groups == 1


def test_no_bad_image_is_lost_or_scored(small: Path, quick: TrainOptions, tmp_path: Path) -> None:
    photos = shutil.copytree(small, tmp_path / "photos")
    good = (photos / "apples" / "000.jpg").read_bytes()
    bad = {"empty.jpg": b"", "truncated.jpg": good[: len(good) // 2], "fake.jpg": b"<html>no photo</html>"}
    for name, data in bad.items():
        (photos / "pears" / name).write_bytes(data)
    (photos / "pears" / "notes.txt").write_text("no photo either", encoding="utf-8")
    trained = train(photos, tmp_path / "model", quick)
    found = splits(trained)
    for name, words in {"empty.jpg": "empty", "truncated.jpg": "truncated", "fake.jpg": "not an image"}.items():
        assert found[f"pears/{name}"]["split"] == ""
        assert words in found[f"pears/{name}"]["left_out"]
    assert found["pears/notes.txt"]["left_out"] == "not an image"
    assert {Path(one.path).name for one in trained.report.data.left_out} == set(bad)
    scored = {Path(row["path"]).name for row in rows(trained.folder / FILES.predictions)}
    assert len(scored & {f"{i:03}.jpg" for i in range(20)}) == 20
    assert scored.isdisjoint({*bad, "notes.txt"})
    assert trained.evaluation.n == 40


def test_a_split_whose_photos_cannot_be_read_is_an_error(quick: TrainOptions, tmp_path: Path) -> None:
    photos = split_folder(tmp_path / "photos", {"train": 6, "valid": 3, "test": 2})
    for path in (photos / "test").rglob("*.jpg"):
        path.write_bytes(b"")
    with pytest.raises(DatasetError, match="none of its test photos can be used"):
        train(photos, tmp_path / "model", quick)


def test_a_class_that_cannot_be_learned_is_an_error(quick: TrainOptions, tmp_path: Path) -> None:
    photos = split_folder(tmp_path / "photos", {"train": 6, "valid": 3, "test": 2})
    for path in (photos / "train" / "pears").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DatasetError, match="class 'pears': none of its train photos can be used"):
        train(photos, tmp_path / "model", quick)


def test_leaking_test_photos_are_counted_and_taken_out(quick: TrainOptions, tmp_path: Path) -> None:
    photos = split_folder(tmp_path / "photos", {"train": 12, "test": 6})
    save(photos / "test" / "apples" / "again.jpg", 0, 3, quality=55)  # the fourth of train, encoded anew
    shutil.copy(photos / "train" / "pears" / "004.jpg", photos / "test" / "pears" / "again.jpg")
    trained = train(photos, tmp_path / "model", quick)
    report = trained.report
    assert report.leaks == 2
    assert report.evaluation.n == 14
    assert report.without_leaks is not None
    assert report.without_leaks.n == 12
    assert "2 of which have copies among its training photos" in report.headline
    assert "On the 12 that are new to it" in report.headline


def test_missing_files_of_a_manifest_are_listed_as_unreadable_ones_are(
    small: Path, quick: TrainOptions, tmp_path: Path
) -> None:
    lines = [f"{path},{path.parent.name}\n" for path in sorted(small.glob("*/*.jpg"))]
    (tmp_path / "some.csv").write_text("uri,label\n" + "".join(lines) + "gone/1.jpg,pears\n")
    trained = train(tmp_path / "some.csv", tmp_path / "model", quick)
    (left_out,) = trained.report.data.left_out
    assert (Path(left_out.path).name, left_out.reason) == ("1.jpg", "no such file")
    assert trained.evaluation.n == 40


def test_another_training_on_the_splits_of_a_model(small: Path, quick: TrainOptions, tmp_path: Path) -> None:
    """The same folds, left-out photos among them, and the same drawn splits."""
    photos = shutil.copytree(small, tmp_path / "photos")
    (photos / "pears" / "bad.jpg").write_bytes(b"junk")
    first = train(photos, tmp_path / "one", quick)
    again = train(tmp_path / "one" / FILES.splits, tmp_path / "two", replace(quick, head="knn", seed=7))
    assert "the folds are your own" in again.report.protocol
    used = {uri: row["split"] for uri, row in splits(first).items() if row["split"]}
    assert {uri: row["split"] for uri, row in splits(again).items() if row["split"]} == used
    assert set(used.values()) == {f"fold {n}" for n in range(1, 6)}
    drawn = train(split_folder(tmp_path / "parted", {"train": 12, "valid": 6, "test": 6}), tmp_path / "three", quick)
    again = train(tmp_path / "three" / FILES.splits, tmp_path / "four", quick)
    assert {u: row["split"] for u, row in splits(again).items()} == {u: r["split"] for u, r in splits(drawn).items()}


def test_a_script_hears_of_how_its_photos_were_read(
    small: Path, quick: TrainOptions, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    photos = shutil.copytree(small, tmp_path / "photos")
    shutil.copytree(small / "pears", photos / "_unlabeled")
    trained = train(photos, tmp_path / "model", quick)
    assert trained.evaluation.n == 40
    assert any("'_unlabeled' is passed over (20 photos)" in message for message in caplog.messages)
    assert "_unlabeled" in (trained.folder / FILES.report).read_text(encoding="utf-8")
