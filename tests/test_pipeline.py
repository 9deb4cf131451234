"""The pipeline as a whole: photos on disk in, a model folder out, and what must be true of it."""

import csv
import json
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn import KINDS
from PIL import Image
from steps.made import PLAIN, make_folder, network, picture, save

from whatsit.embedding.backbones import feature_extractor
from whatsit.embedding.embedder import Embedder
from whatsit.embedding.location import cache_contents
from whatsit.errors import DatasetError, EmbeddingError, WhatsitError
from whatsit.files import folder_written_atomically
from whatsit.model.classifier import Classifier
from whatsit.model.folder import FILES
from whatsit.options import TrainOptions
from whatsit.pipeline import Trained, default_folder, embed, evaluate, train, train_from_embeddings
from whatsit.steps import plan

Row = dict[str, str]


def rows(file: Path) -> list[Row]:
    with file.open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def splits(trained: Trained) -> dict[str, Row]:
    """The rows of splits.csv by the last two parts of their paths."""
    return {"/".join(Path(row["uri"]).parts[-2:]): row for row in rows(trained.folder / FILES.splits)}


def manifest(file: Path, header: str, lines: Sequence[tuple[str, ...]]) -> Path:
    with file.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([header.split(","), *lines])
    return file


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> TrainOptions:
    """A network of the user's own that takes a millisecond a photo."""
    return replace(PLAIN, backbone=network(tmp_path_factory.mktemp("network")))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 photos of each of two classes. Read it; to change it, copy it."""
    return make_folder(tmp_path_factory.mktemp("small") / "photos", {"apples": 20, "pears": 20})


@pytest.fixture
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test split of 5 photos will do, so that a few dozen photos are split at all."""
    monkeypatch.setattr(plan, "SMALL_TEST", 5)


# The whole, with the backbone and the options that everyone gets


def test_a_folder_of_photos_becomes_a_model_folder(model: Trained) -> None:
    assert {path.name for path in model.folder.iterdir()} == {
        *("model.onnx", "model.json", "labels.txt", "splits.csv", "predictions.csv", "report.html")
    }
    assert model.report.headline.startswith("Cross-validated on 90 photos")
    assert "Cross-validated on 90" in (model.folder / FILES.report).read_text(encoding="utf-8").replace("\xa0", " ")
    assert (model.folder / FILES.labels).read_text(encoding="utf-8").splitlines() == sorted(KINDS)
    assert model.classifier.classes_ == tuple(sorted(KINDS))
    assert model.evaluation.n == 90
    assert model.evaluation.accuracy.low > 0.6  # a third would be chance
    assert model.report.protocol.startswith("5-fold cross-validation; a test split would have under 100")
    assert model.report.headline in model._repr_html_()


def test_predictions_are_those_of_the_headline(model: Trained) -> None:
    said = rows(model.folder / FILES.predictions)
    right = sum(row["label"] == row["predicted"] for row in said)
    assert len(said) == model.evaluation.n
    assert right / len(said) == pytest.approx(model.evaluation.accuracy.value)
    assert {row["split"] for row in splits(model).values()} == {f"fold {k}" for k in range(1, 6)}


def test_trained_twice_is_the_same_byte_for_byte(model: Trained, photos: Path, cache: Path, tmp_path: Path) -> None:
    """Also: the second run finds every embedding in the cache."""
    before = [(entry.file, entry.vectors) for entry in cache_contents(cache)]
    again = train(photos, tmp_path / "again", cache=cache)
    assert [(entry.file, entry.vectors) for entry in cache_contents(cache)] == before
    for name in (FILES.graph, FILES.labels, FILES.splits, FILES.predictions):
        assert (again.folder / name).read_bytes() == (model.folder / name).read_bytes(), name
    first, second = (json.loads((t.folder / FILES.facts).read_text(encoding="utf-8")) for t in (model, again))
    for facts in (first, second):
        del facts["created"], facts["checksums"][FILES.facts]
    assert second == first


def test_a_second_run_embeds_nothing(model: Trained, photos: Path, cache: Path) -> None:
    facts = model.classifier.facts
    extractor = feature_extractor(facts.backbone["name"], facts.backbone["precision"], facts.preprocessing.fit)
    with Embedder(extractor, cache) as embedder:
        assert embedder.fill([str(path) for path in photos.rglob("*.jpg")]).computed == 0


# Splits


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


def test_added_photos_move_no_others(small: Path, quick: TrainOptions, tmp_path: Path, few_are_enough: None) -> None:
    more = shutil.copytree(small, tmp_path / "photos")
    options = replace(quick, test=0.25)
    before = splits(train(small, tmp_path / "before", options))
    make_folder(more, {"apples": 10, "pears": 10}, first_seed=500)
    after = splits(train(more, tmp_path / "after", options))
    assert len(after) == len(before) + 20
    moved = [uri for uri, row in before.items() if after[uri]["split"] != row["split"]]
    assert moved == []


def test_no_test_split_where_none_is_asked_for(small: Path, quick: TrainOptions, tmp_path: Path) -> None:
    trained = train(small, tmp_path / "model", replace(quick, test=0.0))
    assert trained.report.protocol == "5-fold cross-validation; no test split was asked for"
    assert trained.evaluation.n == 40


@pytest.mark.parametrize("shares", [{"test": 1.5}, {"valid": -0.1}, {"valid": 0.5, "test": 0.5}])
def test_shares_that_are_none_are_refused_at_once(shares: dict[str, float], tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"share|leave nothing"):
        train(tmp_path / "not even looked at", options=TrainOptions(**shares))  # type: ignore[arg-type]


def split_folder(root: Path, counts: dict[str, int]) -> Path:
    """`root/<split>/<class>/…` of different photos."""
    for number, (split, count) in enumerate(counts.items()):
        make_folder(root / split, {"apples": count, "pears": count}, first_seed=1000 * number)
    return root


def test_the_users_own_split_is_taken(quick: TrainOptions, tmp_path: Path) -> None:
    photos = split_folder(tmp_path / "photos", {"train": 12, "valid": 5, "test": 6})
    trained = train(photos, tmp_path / "model", quick)
    assert trained.report.protocol == "your own test split"
    assert trained.report.data.counts == {
        "train": {"apples": 12, "pears": 12},
        "valid": {"apples": 5, "pears": 5},
        "test": {"apples": 6, "pears": 6},
    }
    assert all("/test/" in row["uri"] for row in rows(trained.folder / FILES.predictions))
    assert trained.evaluation.n == 12


def test_without_test_valid_judges(quick: TrainOptions, tmp_path: Path) -> None:
    photos = split_folder(tmp_path / "photos", {"train": 12, "val": 5})
    trained = train(photos, tmp_path / "model", quick)
    assert trained.report.protocol == "your own valid split"
    assert all("/val/" in row["uri"] for row in rows(trained.folder / FILES.predictions))
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
            lines.append((f"{label}/{i}.jpg", label, f"tree {label} {i // 3}"))
    listed = manifest(tmp_path / "all.csv", "uri,label,group", lines)
    trained = train(listed, tmp_path / "model", replace(quick, test=0.3))
    split_of = {uri: row["split"] for uri, row in splits(trained).items()}
    of_group: dict[str, set[str]] = {}
    for uri, _, group in lines:
        of_group.setdefault(group, set()).add(split_of[uri])
    assert len(of_group) == 16
    assert all(len(found) == 1 for found in of_group.values())
    assert set.union(*of_group.values()) == {"train", "valid", "test"}


# Photos that take no part


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
    scored = {Path(row["uri"]).name for row in rows(trained.folder / FILES.predictions)}
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
    scored = {Path(row["uri"]).name for row in rows(trained.folder / FILES.predictions)}
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
    assert "2 of which have near-copies among its training photos" in report.headline
    assert "On the 12 that are new to it" in report.headline


# Classes


def test_a_label_dictionary_fixes_the_order(small: Path, quick: TrainOptions, tmp_path: Path) -> None:
    order = tmp_path / "dict.txt"
    order.write_text("pears\napples\n", encoding="utf-8")
    trained = train(small, tmp_path / "model", quick, label_dict=order)
    assert trained.classifier.classes_ == ("pears", "apples")
    assert (trained.folder / FILES.labels).read_text(encoding="utf-8") == "pears\napples\n"
    assert trained.evaluation.accuracy.value > 0.7  # so the columns were not mixed up


def test_class_names_of_all_kinds(quick: TrainOptions, tmp_path: Path) -> None:
    names = ("Äpfel und Birnen", "🍒 cherries", "a, b; \"c\" 'd'")
    photos = make_folder(tmp_path / "Früchte – 🍏", dict.fromkeys(names, 8))
    trained = train(photos, tmp_path / "a model", quick)
    assert set(trained.classifier.classes_) == set(names)
    assert {row["label"] for row in rows(trained.folder / FILES.predictions)} == set(names)
    loaded = Classifier.load(trained.folder)
    assert loaded.predict(next(photos.rglob("*.jpg"))).label in names
    assert f"whatsit predict '{trained.folder}'" in trained.report.commands[0]


def test_control_characters_in_names_stay_out_of_every_file(quick: TrainOptions, tmp_path: Path) -> None:
    photos = make_folder(tmp_path / "photos", {"red\x1b[31m": 8, "two\nlines": 8})
    trained = train(photos, tmp_path / "model", quick)
    assert trained.classifier.classes_ == ("red\\x1b[31m", "two\\nlines")
    assert b"\x1b" not in (trained.folder / FILES.report).read_bytes()


@pytest.mark.parametrize("head", ["svm", "knn"])
def test_other_heads(head: Any, small: Path, quick: TrainOptions, tmp_path: Path) -> None:
    trained = train(small, tmp_path / "model", replace(quick, head=head))
    assert trained.classifier.facts.head["name"] == head
    assert trained.evaluation.accuracy.value > 0.7
    paths = [str(path) for path in sorted(small.rglob("*.jpg"))]
    assert trained.classifier.predict_proba(paths).sum(axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("head", "each"), [("logistic", 2), ("svm", 3), ("knn", 2)])
def test_the_smallest_data_that_can_be_trained_on(head: Any, each: int, quick: TrainOptions, tmp_path: Path) -> None:
    photos = make_folder(tmp_path / "photos", {"apples": each, "pears": each})
    trained = train(photos, tmp_path / "model", replace(quick, head=head))
    assert trained.evaluation.n == 2 * each
    assert trained.report.protocol.startswith(f"{min(5, 2 * each)}-fold")
    (photos / "pears" / "000.jpg").unlink()
    with pytest.raises(DatasetError, match=f"at least {each} are needed"):
        train(photos, tmp_path / "other", replace(quick, head=head))


def test_a_class_of_one_photo_is_too_small(quick: TrainOptions, tmp_path: Path) -> None:
    photos = make_folder(tmp_path / "photos", {"apples": 5, "pears": 1})
    with pytest.raises(DatasetError, match=r"class 'pears' has 1 distinct photo to learn from; at least 2"):
        train(photos, tmp_path / "model", quick)
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_two_groups_are_too_few(quick: TrainOptions, tmp_path: Path) -> None:
    photos = make_folder(tmp_path / "photos", {"apples": 6, "pears": 6})
    lines = [(f"photos/{label}/{i:03}.jpg", label, f"g{i % 2}") for label in ("apples", "pears") for i in range(6)]
    listed = manifest(tmp_path / "all.csv", "uri,label,group", lines)
    assert len(list(photos.rglob("*.jpg"))) == len(lines)
    with pytest.raises(DatasetError, match="all: 2 distinct photos or groups to learn from; at least 3"):
        train(listed, tmp_path / "model", quick)


def test_balance_finds_more_of_a_rare_class(quick: TrainOptions, tmp_path: Path) -> None:
    photos = make_folder(tmp_path / "photos", {"apples": 60, "pears": 6})
    plain, balanced = (
        train(photos, tmp_path / f"model {on}", replace(quick, balance=on)).classifier for on in (False, True)
    )
    new = [picture(1, seed) for seed in range(900, 930)]
    pears = plain.classes_.index("pears")
    assert balanced.predict_proba(new)[:, pears].mean() > plain.predict_proba(new)[:, pears].mean()
    assert balanced.facts.training["balance"] is True


# Folders


def test_default_folders(small: Path, quick: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert default_folder("pets") == Path("pets-model")
    trained = train(small, options=quick)
    assert trained.folder == Path("photos-model")
    examined = evaluate("photos-model", small)
    assert examined.folder == Path("photos-on-photos")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos-model", "photos-on-photos"]


def test_an_existing_folder_is_kept_before_any_work(small: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / FILES.facts).write_text("mine", encoding="utf-8")
    unknown = TrainOptions(backbone="no such backbone")  # were it looked at, the error would be another
    with pytest.raises(WhatsitError, match=r"model exists. Name another with --output, or replace it with --force"):
        train(small, tmp_path / "model", unknown)
    assert (tmp_path / "model" / FILES.facts).read_text(encoding="utf-8") == "mine"


def test_overwrite_replaces_a_model_folder(small: Path, quick: TrainOptions, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    for name in (FILES.facts, "old.txt"):
        (tmp_path / "model" / name).write_text("old", encoding="utf-8")
    trained = train(small, tmp_path / "model", quick, overwrite=True)
    assert not (trained.folder / "old.txt").exists()
    assert Classifier.load(trained.folder).classes_ == ("apples", "pears")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_overwrite_never_replaces_photos(small: Path, quick: TrainOptions, tmp_path: Path) -> None:
    photos = shutil.copytree(small, tmp_path / "photos")
    with pytest.raises(WhatsitError, match=r"photos: has no model.json, so it is not replaced"):
        train(photos, photos, quick, overwrite=True)
    assert len(list(photos.rglob("*.jpg"))) == 40


def test_an_error_in_mid_write_leaves_nothing(tmp_path: Path) -> None:
    def write(target: Path, error: BaseException) -> None:
        with folder_written_atomically(target, overwrite=True) as fresh:
            (fresh / FILES.graph).write_bytes(b"half of it")
            raise error

    for error in (KeyboardInterrupt(), RuntimeError("broken"), OSError(28, "No space left on device")):
        with pytest.raises((type(error), WhatsitError)):
            write(tmp_path / "model", error)
        assert list(tmp_path.iterdir()) == []


def test_an_error_in_mid_write_leaves_the_old_folder(
    small: Path, quick: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = train(small, tmp_path / "model", quick)
    before = {path.name: path.read_bytes() for path in trained.folder.iterdir()}

    def kill(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("whatsit.steps.publish.render_report", kill)
    with pytest.raises(KeyboardInterrupt):
        train(small, tmp_path / "model", quick, overwrite=True)
    assert {path.name: path.read_bytes() for path in trained.folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_labels_that_train_lacks_are_an_error(quick: TrainOptions, tmp_path: Path) -> None:
    photos = split_folder(tmp_path / "photos", {"train": 6, "test": 2})
    save(photos / "test" / "plums" / "0.jpg", 2, 0)
    with pytest.raises(DatasetError, match=r"'plums' is in valid or test but not in train"):
        train(photos, tmp_path / "model", quick)
    assert not (tmp_path / "model").exists()


# Evaluate


@pytest.fixture(scope="module")
def trained(small: Path, quick: TrainOptions, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(small, tmp_path_factory.mktemp("trained") / "fruit model", quick)


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
    answers = trained.classifier.predict([row["uri"] for row in said])
    assert [row["predicted"] for row in said] == [answer.label for answer in answers]
    assert done.report.commands == (f"whatsit predict '{trained.folder}' PHOTO…",)


def test_an_unknown_label_is_an_error(trained: Trained, tmp_path: Path) -> None:
    make_folder(tmp_path / "later", {"apples": 1, "plums": 1})
    with pytest.raises(DatasetError, match=r"'plums' is no class of the model\. Expected one of its 2 classes"):
        evaluate(trained.folder, tmp_path / "later", tmp_path / "report")


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
        assert evaluate(model, tmp_path / "later", tmp_path / f"report {number}").evaluation.n == 4


# Embeddings in a file


def test_stored_embeddings_give_the_same_model(
    small: Path, quick: TrainOptions, trained: Trained, tmp_path: Path
) -> None:
    written = embed(small, tmp_path / "vectors.parquet", quick)
    assert (written.rows, written.failed, written.computed) == (40, 0, 0)  # `trained` has embedded them
    again = train_from_embeddings(tmp_path / "vectors.parquet", tmp_path / "model", quick)
    for name in (FILES.graph, FILES.predictions, FILES.splits):
        assert (again.folder / name).read_bytes() == (trained.folder / name).read_bytes(), name


def test_unreadable_photos_have_a_row_in_the_file(small: Path, quick: TrainOptions, tmp_path: Path) -> None:
    photos = shutil.copytree(small, tmp_path / "photos")
    (photos / "pears" / "bad.jpg").write_bytes(b"")
    written = embed(photos, tmp_path / "v.parquet", quick)
    assert (written.rows, written.failed) == (41, 1)
    trained = train_from_embeddings(tmp_path / "v.parquet", tmp_path / "model", quick)
    assert splits(trained)["pears/bad.jpg"]["left_out"].startswith("empty")


def test_photos_without_labels_are_embedded_and_not_trained_on(
    small: Path, quick: TrainOptions, tmp_path: Path
) -> None:
    written = embed(small / "pears", tmp_path / "v.parquet", quick)
    assert (written.rows, written.failed) == (20, 0)
    with pytest.raises(EmbeddingError, match=r"\.jpg has no label\. Embed labelled photos"):
        train_from_embeddings(tmp_path / "v.parquet", tmp_path / "model", quick)


def test_a_network_of_ones_own_is_named_again(small: Path, quick: TrainOptions, tmp_path: Path) -> None:
    embed(small, tmp_path / "v.parquet", quick)
    with pytest.raises(EmbeddingError, match=r"made with own, a network of your own. Name it: --backbone my.onnx"):
        train_from_embeddings(tmp_path / "v.parquet", tmp_path / "model", PLAIN)


def test_embedding_again_needs_a_word(small: Path, quick: TrainOptions, tmp_path: Path) -> None:
    embed(small, tmp_path / "v.parquet", quick)
    with pytest.raises(WhatsitError, match=r"v.parquet exists"):
        embed(small, tmp_path / "v.parquet", quick)
    assert embed(small, tmp_path / "v.parquet", quick, overwrite=True).rows == 40


def test_a_file_of_other_embeddings_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "v.parquet").write_bytes(b"no parquet")
    with pytest.raises(EmbeddingError, match=r"v\.parquet"):
        train_from_embeddings(tmp_path / "v.parquet", tmp_path / "model")


# The fit


def test_the_better_fit_is_found_by_trying(quick: TrainOptions, tmp_path: Path) -> None:
    """Wide pictures that tell their class at the far ends alone: a crop, the likelier fit, cannot see it."""
    for kind in range(2):
        for seed in range(20):
            middle = picture(2, 100 * kind + seed)
            end = np.full((48, 16, 3), (200, 30, 30) if kind else (30, 30, 200), np.uint8)
            path = tmp_path / "photos" / f"kind {kind}" / f"{seed}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.hstack([end, middle, end])).save(path)
    steps: list[str] = []
    trained = train(tmp_path / "photos", tmp_path / "model", replace(quick, fit="auto"), watch=watching(steps))
    assert steps[:3] == ["embedding", "trying squash", "embedding by squash"]
    assert trained.classifier.facts.preprocessing.fit == "squash"
    assert trained.evaluation.accuracy.value == 1


def watching(steps: list[str]) -> Callable[..., Any]:
    from contextlib import contextmanager

    @contextmanager
    def watch(step: str, total: int | None) -> Any:
        steps.append(step)
        yield lambda n: None

    return watch
