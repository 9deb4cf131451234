"""A model measured on other photos."""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image, ImageOps
from steps.made import make_folder, picture, save

from whatsit.api import evaluate, train
from whatsit.config import TrainOptions
from whatsit.errors import DatasetError
from whatsit.evaluation.report.content import Strangers
from whatsit.evaluation.report.terminal import summary
from whatsit.model.format import FILES
from whatsit.training.run import Trained

from .given import manifest, rows, split_folder

pytestmark = pytest.mark.slow


def test_later_photos_are_matched_by_name(trained: Trained, tmp_path: Path) -> None:
    for number in range(6):  # as the folder's only class, pears would be number 0
        save(tmp_path / "later" / "pears" / f"{number}.jpg", 1, 700 + number)
    done = evaluate(trained.folder, tmp_path / "later", tmp_path / "report")
    assert done.evaluation.classes == ("apples", "pears")
    assert done.evaluation.truth_counts == (0, 6)
    assert done.evaluation.accuracy.value > 0.6
    assert done.report.leaks == 0
    assert {path.name for path in done.folder.iterdir()} == {"report.html", "predictions.csv", "evaluation.json"}
    said = rows(done.folder / FILES.predictions)
    answers = trained.classifier.predict([row["path"] for row in said])
    assert [row["predicted"] for row in said] == [answer.label for answer in answers]
    assert done.report.commands == (f"whatsit predict '{trained.folder}' PHOTO…",)


def test_wrong_labels_are_listed_beside_the_report(quick: TrainOptions, tmp_path: Path) -> None:
    """Two apples among the pears, to learn from and to be examined: found, listed, shown, and named in next steps."""
    photos = make_folder(tmp_path / "photos", {"apples": 20, "pears": 20})
    later = make_folder(tmp_path / "later", {"apples": 12, "pears": 12}, first_seed=600)
    for folder in (photos, later):
        for number in (5, 6):
            save(folder / "pears" / f"wrong{number}.jpg", 0, 3000 + number + 10 * (folder == later))
    model = train(photos, tmp_path / "model", quick)
    done = evaluate(model.folder, later, tmp_path / "report")
    for folder, report in ((model.folder, model.report), (done.folder, done.report)):
        listed = rows(folder / FILES.suspects)
        wrong = {Path(row["path"]).name: row for row in listed}
        assert {"wrong5.jpg", "wrong6.jpg"} <= wrong.keys()
        assert (wrong["wrong5.jpg"]["label"], wrong["wrong5.jpg"]["likely_label"]) == ("pears", "apples")
        assert len(listed) == report.mislabelled_count
        assert [Path(one.path).name for one in report.mislabelled] == [Path(row["path"]).name for row in listed[:12]]
        assert any("suspects.csv" in step for step in report.next_steps)


def test_photos_of_unknown_classes_alone_are_an_error(trained: Trained, tmp_path: Path) -> None:
    make_folder(tmp_path / "later", {"figs": 1, "plums": 1})
    with pytest.raises(DatasetError, match=r"'figs' and 'plums' are no class of the model\. Expected one of its 2"):
        evaluate(trained.folder, tmp_path / "later", tmp_path / "report")


def test_photos_of_unknown_classes_are_a_test_of_unsure(trained: Trained, tmp_path: Path) -> None:
    """No figure on known classes counts them; how often it is unsure of them is as predict has it."""
    later = make_folder(tmp_path / "later", {"apples": 4, "pears": 4, "plums": 6}, first_seed=800)
    (later / "figs").mkdir()
    Image.new("RGB", (64, 64), "white").save(later / "figs" / "1.png")
    done = evaluate(trained.folder, later, tmp_path / "report")
    assert done.evaluation.n == 8
    assert set(done.evaluation.classes) == {"apples", "pears"}
    unsure = {
        label: sum(one.unsure for one in trained.classifier.predict(sorted((later / label).iterdir())))
        for label in ("plums", "figs")
    }
    assert done.report.strangers == Strangers(
        7, sum(unsure.values()), (("plums", 6, unsure["plums"]), ("figs", 1, unsure["figs"]))
    )
    words = f"unsure on {sum(unsure.values())} of 7 photos of unknown classes (plums {unsure['plums']} of 6"
    assert words in summary(done.report)
    assert words in (done.folder / FILES.report).read_text(encoding="utf-8")
    written = json.loads((done.folder / "evaluation.json").read_text(encoding="utf-8"))
    assert written["strangers"]["photos"] == 7


def test_of_a_test_split_the_unknown_classes_of_test_alone_count(trained: Trained, tmp_path: Path) -> None:
    for seed, split in ((900, "train"), (950, "test")):
        make_folder(tmp_path / "later" / split, {"apples": 2, "pears": 2, "plums": 3}, first_seed=seed)
    done = evaluate(trained.folder, tmp_path / "later", tmp_path / "report")
    assert done.evaluation.n == 4
    assert done.report.strangers is not None
    assert done.report.strangers.photos == 3


def test_photos_that_it_was_made_from_are_counted(trained: Trained, small: Path, tmp_path: Path) -> None:
    make_folder(tmp_path / "later", {"apples": 4, "pears": 4}, first_seed=800)
    shutil.copy(small / "apples" / "000.jpg", tmp_path / "later" / "apples" / "known.jpg")
    done = evaluate(trained.folder, tmp_path / "later", tmp_path / "report")
    assert done.report.leaks == 1
    assert done.evaluation.n == 9
    assert done.report.without_leaks is not None
    assert done.report.without_leaks.n == 8


def test_photos_that_judged_are_not_known_ones(quick: TrainOptions, tmp_path: Path) -> None:
    """It learned from train, and in want of a test split valid judged; conflicts were left out."""
    photos = split_folder(tmp_path / "photos", {"train": 8, "valid": 4})
    shutil.copy(photos / "train" / "apples" / "000.jpg", photos / "train" / "pears" / "conflict.jpg")
    model = train(photos, tmp_path / "model", quick).folder
    assert evaluate(model, photos, tmp_path / "valid").report.leaks == 0
    assert evaluate(model, photos / "train", tmp_path / "train").report.leaks == 15


def test_of_a_split_data_set_its_test_is_evaluated(trained: Trained, tmp_path: Path) -> None:
    photos = split_folder(tmp_path / "photos", {"train": 3, "valid": 2, "test": 4})
    done = evaluate(trained.folder, photos, tmp_path / "report")
    assert done.evaluation.n == 8
    assert done.report.protocol == "the test split of the photos that you gave"


def test_bad_images_are_listed_when_evaluating(trained: Trained, tmp_path: Path) -> None:
    make_folder(tmp_path / "later", {"apples": 2, "pears": 2}, first_seed=800)
    (tmp_path / "later" / "pears" / "bad.jpg").write_bytes(b"bad")
    done = evaluate(trained.folder, tmp_path / "later", tmp_path / "report")
    assert [(Path(one.path).name, one.reason[:12]) for one in done.report.data.left_out] == [
        ("bad.jpg", "not an image")
    ]
    assert done.evaluation.n == 4


def test_only_bad_images_are_an_error(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "later" / "pears").mkdir(parents=True)
    (tmp_path / "later" / "pears" / "bad.jpg").write_bytes(b"bad")
    with pytest.raises(DatasetError, match=r"later: no image can be read \(the first, .*bad.jpg: not an image"):
        evaluate(trained.folder, tmp_path / "later", tmp_path / "report")


def test_a_damaged_list_of_known_photos_does_not_matter(trained: Trained, tmp_path: Path) -> None:
    model = shutil.copytree(trained.folder, tmp_path / "model")
    make_folder(tmp_path / "later", {"apples": 2, "pears": 2}, first_seed=800)
    for number, data in enumerate((b"\xff\xfe\x00", b"other,columns\n1,2\n", None)):
        (model / FILES.splits).unlink() if data is None else (model / FILES.splits).write_bytes(data)
        done = evaluate(model, tmp_path / "later", tmp_path / f"report {number}")
        assert done.evaluation.n == 4
        assert "never saw" not in done.report.headline
        assert "It is not known whether these photos were training photos" in done.report.headline


def test_a_list_of_known_photos_that_was_cut_off(trained: Trained, small: Path, tmp_path: Path) -> None:
    """What is listed is known; of all else nobody can say that it is new."""
    model = shutil.copytree(trained.folder, tmp_path / "model")
    lines = (model / FILES.splits).read_text().splitlines(keepends=True)
    (model / FILES.splits).write_text("".join(lines[:31]))
    done = evaluate(model, small, tmp_path / "report")
    assert done.report.leaks == 30
    assert "30 of which have copies among its training photos" in done.report.headline
    assert (
        "It is not known whether the others were training photos: its splits.csv is not complete"
        in done.report.headline
    )


@pytest.mark.parametrize("spelled", ["plain", "file", "local", "zip", "memory"])
def test_training_photos_are_known_by_whatever_name(
    spelled: str, trained: Trained, small: Path, tmp_path: Path
) -> None:
    photos = sorted(small.glob("*/*.jpg"))[::8]
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in photos:
            archive.write(path, "/".join(path.parts[-2:]))
            fsspec.filesystem("memory").pipe("/".join(("/photos", *path.parts[-2:])), path.read_bytes())
    name_of: dict[str, Callable[[Path], str]] = {
        "plain": str,
        "file": lambda path: path.as_uri(),
        "local": lambda path: f"local://{path}",
        "zip": lambda path: f"zip://{path.parent.name}/{path.name}::{tmp_path / 'all.zip'}",
        "memory": lambda path: f"memory://photos/{path.parent.name}/{path.name}",
    }
    table = manifest(tmp_path / "t.csv", "uri,label", [(name_of[spelled](path), path.parent.name) for path in photos])
    done = evaluate(trained.folder, table, tmp_path / "report")
    assert done.report.leaks == done.evaluation.n == len(photos)
    assert "never saw" not in done.report.headline
    listed = rows(done.folder / FILES.leaks)
    written = name_of["plain" if spelled == "file" else spelled]  # a manifest's file:// is a path
    assert [row["path"] for row in listed] == [written(path) for path in photos]
    assert [row["training_photo"] for row in listed] == [str(path) for path in photos]
    assert {row["why"] for row in listed} == {"same bytes"}


def test_a_copy_that_stood_on_both_sides_is_known(quick: TrainOptions, tmp_path: Path) -> None:
    """The same bytes in train and test: it learned from them, whatever stands in the last row."""
    photos = split_folder(tmp_path / "photos", {"train": 8, "test": 4})
    shutil.copy(photos / "train" / "apples" / "000.jpg", photos / "test" / "apples" / "again.jpg")
    model = train(photos, tmp_path / "model", quick)
    assert model.report.leaks == 1
    assert evaluate(model.folder, photos, tmp_path / "report").report.leaks == 1


def test_another_photo_of_a_patient_is_no_copy(quick: TrainOptions, tmp_path: Path) -> None:
    photos = make_folder(tmp_path / "photos", {"apples": 20, "pears": 20})
    of = [(path, path.parent.name, f"patient {n % 20 // 2}") for n, path in enumerate(sorted(photos.glob("*/*.jpg")))]
    table = manifest(tmp_path / "train.csv", "uri,label,group", [(str(path), label, who) for path, label, who in of])
    model = train(table, tmp_path / "model", quick).folder
    later = make_folder(tmp_path / "later", {"apples": 3, "pears": 3}, first_seed=500)
    people = ["patient 3", "patient 3", "", "new", "patient 10", "patient 0"]
    lines = [(str(p), p.parent.name, who) for p, who in zip(sorted(later.glob("*/*.jpg")), people, strict=True)]
    done = evaluate(model, manifest(tmp_path / "later.csv", "uri,label,group", lines), tmp_path / "report")
    assert (done.report.seen.copies, done.report.seen.grouped) == (0, 3)
    assert "3 of which share a group with training photos" in done.report.headline
    assert "cop" not in done.report.headline
    assert done.report.without_leaks is not None
    assert done.report.without_leaks.n == 3
    assert {one.why for one in done.report.seen.listed} == {"group patient 3", "group patient 0"}


def test_the_same_checks_as_before_training(trained: Trained, tmp_path: Path) -> None:
    """Copies within the test photos, near-copies under another label, and bytes under two labels."""
    later = make_folder(tmp_path / "later", {"apples": 8, "pears": 8}, first_seed=800)
    shutil.copy(later / "apples" / "800.jpg", later / "apples" / "copy.jpg")
    shutil.copy(later / "apples" / "801.jpg", later / "pears" / "conflict.jpg")
    save(later / "pears" / "again.jpg", 0, 802, quality=60)  # a near-copy of an apple
    done = evaluate(trained.folder, later, tmp_path / "report")
    data = done.report.data
    assert {Path(one.path).name: one.reason for one in data.left_out} == dict.fromkeys(
        ("801.jpg", "conflict.jpg"), "two labels for the same bytes: apples and pears"
    )
    assert (data.exact_duplicates, data.near_duplicate_groups, data.conflicts) == (1, 1, 2)
    assert [(Path(one.path).name, one.label, Path(one.other).name, one.other_label) for one in data.torn] == [
        ("802.jpg", "apples", "again.jpg", "pears")
    ]
    assert done.evaluation.n == 17
    assert any("with a different label" in step for step in done.report.next_steps)
    written = json.loads((done.folder / "evaluation.json").read_text())
    assert (written["exact_copies"], written["near_copy_groups"], len(written["left_out"])) == (1, 1, 2)


def test_nothing_but_conflicts_is_an_error(trained: Trained, small: Path, tmp_path: Path) -> None:
    for label in ("apples", "pears"):
        (tmp_path / "later" / label).mkdir(parents=True)
        shutil.copy(small / "apples" / "000.jpg", tmp_path / "later" / label / "a.jpg")
    with pytest.raises(DatasetError, match="later: every image stands under two labels"):
        evaluate(trained.folder, tmp_path / "later", tmp_path / "report")


def test_a_near_copy_of_a_known_photo_is_known(trained: Trained, small: Path, tmp_path: Path) -> None:
    later = make_folder(tmp_path / "later", {"apples": 6, "pears": 6}, first_seed=800)
    shutil.copy(small / "apples" / "000.jpg", later / "apples" / "a.jpg")
    save(later / "apples" / "b.jpg", 0, 0, quality=60)
    done = evaluate(trained.folder, later, tmp_path / "report")
    listed = {Path(one.path).name: (Path(one.training_photo).name, one.why) for one in done.report.seen.listed}
    assert listed == {"a.jpg": ("000.jpg", "same bytes"), "b.jpg": ("000.jpg", "near-copy")}


def test_augmented_copies_count_as_their_sources(trained: Trained, tmp_path: Path) -> None:
    """Kept together by the same function as before training, whichever way the photos come."""
    for number in range(12):
        for turn in range(4):
            name = f"p{number}_jpg.rf.{4 * number + turn:032x}.jpg"
            path = tmp_path / "later" / "apples" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.rot90(picture(0, 900 + number), turn)).save(path)
    data = evaluate(trained.folder, tmp_path / "later", tmp_path / "report").report.data
    assert (data.source_photos, data.sources, data.proposals) == (48, 12, ())


def test_near_copies_of_training_photos_are_found(trained: Trained, small: Path, tmp_path: Path) -> None:
    """Encoded anew, so that no bytes tell them: each is held against the training photo that it is most like."""
    later = make_folder(tmp_path / "later", {"apples": 5, "pears": 5}, first_seed=800)
    for label in ("apples", "pears"):
        for number in range(3):
            Image.open(small / label / f"{number:03}.jpg").save(later / label / f"again{number}.jpg", quality=60)
    done = evaluate(trained.folder, later, tmp_path / "report")
    listed = {one.path: (one.training_photo, one.why) for one in done.report.seen.listed}
    assert listed == {
        str(later / label / f"again{number}.jpg"): (str(small / label / f"{number:03}.jpg"), "near-copy")
        for label in ("apples", "pears")
        for number in range(3)
    }
    assert "6 of which have copies among its training photos" in done.report.headline
    assert done.report.facts["Near-copies of training photos"] == "looked for among all 40 training photos"


def test_near_copies_of_photos_that_have_moved(quick: TrainOptions, tmp_path: Path) -> None:
    """What cannot be looked at is said."""
    photos = make_folder(tmp_path / "photos", {"apples": 12, "pears": 12})
    model = train(photos, tmp_path / "model", quick).folder
    moved = photos.rename(tmp_path / "moved")
    later = tmp_path / "later" / "apples"
    later.mkdir(parents=True)
    for number in range(4):
        Image.open(moved / "apples" / f"{number:03}.jpg").save(later / f"again{number}.jpg", quality=60)
    done = evaluate(model, tmp_path / "later", tmp_path / "report")
    assert done.report.leaks == 0
    looked = done.report.facts["Near-copies of training photos"]
    assert looked.endswith("training photos, but not among 4 photos that are not on this machine where they lay")
    assert any(
        "4 training photos" in step and "not at the old path on this machine" in step for step in done.report.next_steps
    )


def test_a_changed_copy_of_a_training_photo_is_known_by_name_and_look(quick: TrainOptions, tmp_path: Path) -> None:
    """Mirrored, so that no search by pixels finds it; its name is the training photo's, and none is more like it."""
    photos = make_folder(tmp_path / "photos", {"apples": 15, "pears": 15})
    model = train(photos, tmp_path / "model", quick).folder
    later = make_folder(tmp_path / "later", {"apples": 4, "pears": 4}, first_seed=800)
    for number in (3, 4):
        mirrored = ImageOps.mirror(Image.open(photos / "apples" / f"{number:03}.jpg"))
        mirrored.save(later / "apples" / f"{number:03}_flip.jpg")
    shutil.copy(later / "apples" / "800.jpg", later / "apples" / "005_flip.jpg")  # a name alone
    done = evaluate(model, later, tmp_path / "report")
    assert {(Path(one.path).name, Path(one.training_photo).name, one.why) for one in done.report.seen.listed} == {
        ("003_flip.jpg", "003.jpg", "same source by name"),
        ("004_flip.jpg", "004.jpg", "same source by name"),
    }
    assert (
        json.loads(json.dumps(done.figures["seen"]))
        == json.loads((done.folder / "evaluation.json").read_text())["seen"]
    )
