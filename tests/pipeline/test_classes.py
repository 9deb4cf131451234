"""Classes: their names, their number, their balance."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from steps.made import make_folder, picture

from whatsit.api import train
from whatsit.config import TrainOptions
from whatsit.errors import DatasetError
from whatsit.model.classifier import Classifier
from whatsit.model.format import FILES

from .given import manifest, rows

pytestmark = pytest.mark.slow


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


@pytest.mark.parametrize("head", ["mlp", "svm", "knn"])
def test_other_heads(head: Any, small: Path, quick: TrainOptions, tmp_path: Path) -> None:
    trained = train(small, tmp_path / "model", replace(quick, head=head))
    assert trained.classifier.facts.head["name"] == head
    assert f"{head} (" in (trained.folder / FILES.report).read_text("utf-8")
    assert trained.evaluation.accuracy.value > 0.7
    paths = [str(path) for path in sorted(small.rglob("*.jpg"))]
    assert trained.classifier.predict_proba(paths).sum(axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("head", "each"), [("logistic", 2), ("mlp", 2), ("svm", 3), ("knn", 2)])
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
