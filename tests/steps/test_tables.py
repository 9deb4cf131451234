"""The two CSV files hold any name, and read back as they were written."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from whatsit.config import TrainOptions
from whatsit.decide import Rule
from whatsit.model.tables import predictions_csv, suspects_csv
from whatsit.text import plain_row
from whatsit.training.save import splits_csv
from whatsit.training.splits import make_splits

from .made import make_photos

NAMES = ["a,b.jpg", 'say "hi".jpg', "two\nlines.jpg", "Äpfel 🍏.jpg", "  spaces  .jpg", "semi;colon\t.jpg", "=1+1.jpg"]
ESCAPED = {"not\udcff utf-8.jpg": "not\\udcff utf-8.jpg", "back\rwards.jpg": "back\\rwards.jpg"}


def read(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline="")))


def test_any_name_comes_back() -> None:
    names = [*NAMES, *ESCAPED]
    photos = make_photos([5, 4])
    records = [replace(r, uri=name) for r, name in zip(photos.dataset.records, names, strict=True)]
    photos = replace(photos, dataset=replace(photos.dataset, records=tuple(records)))
    rows = read(splits_csv(photos, make_splits(photos, TrainOptions())))
    assert [plain_row(row)["uri"] for row in rows] == [*NAMES, *ESCAPED.values()]
    assert rows[6]["uri"] == "'=1+1.jpg"
    assert [row["sha256"] for row in rows] == list(photos.all_digests)
    assert {row["left_out"] for row in rows} == {""}


def test_what_belongs_together_can_be_told() -> None:
    photos = make_photos([6, 5], groups=["left", "left", None, None, None, "right"] + [None] * 5)
    rows = read(splits_csv(photos, make_splits(photos, TrainOptions())))
    assert [row["group"] for row in rows] == ["left", "left", "", "", "", "right", *[""] * 5]
    components = [row["component"] for row in rows]
    assert components[0] == components[1]
    assert len(set(components)) == 10


def test_what_was_passed_over_is_listed_too() -> None:
    photos = make_photos([5, 5])
    skipped = (("notes.txt", "not an image"), ("x", "cannot be opened (a\nb)"))
    photos = replace(photos, dataset=replace(photos.dataset, skipped_files=skipped))
    rows = read(splits_csv(photos, make_splits(photos, TrainOptions())))[-2:]
    assert [(row["uri"], row["split"], row["left_out"]) for row in rows] == [
        ("notes.txt", "", "not an image"),
        ("x", "", "cannot be opened (a\\nb)"),
    ]


def test_predictions_say_what_was_said() -> None:
    p = np.array([[0.7, 0.2, 0.1], [0.25, 0.35, 0.4]])
    names, similarity = ["a", "b,c", "ü"], np.array([0.9, 0.2])
    (one, two) = read(predictions_csv(["1.jpg", "2.jpg"], np.array([0, 1]), p, similarity, names, Rule(0.5, 0.6)))
    assert one == {
        **{"path": "1.jpg", "label": "a", "predicted": "a", "unsure": "False", "reason": ""},
        **{"probability": "0.700000", "probability_of_label": "0.700000", "similarity": "0.900000"},
    }
    assert (two["label"], two["predicted"], two["unsure"]) == ("b,c", "ü", "True")
    assert two["reason"] == "probability and unlike"
    assert float(two["probability_of_label"]) == pytest.approx(0.35)


def test_suspects_are_listed_with_the_label_that_they_likely_should_have() -> None:
    p = np.array([[0.7, 0.2, 0.1], [0.25, 0.35, 0.4], [0.9, 0.06, 0.04]])
    data = suspects_csv(np.array([2, 0]), ["1.jpg", "2.jpg", "3.jpg"], np.array([1, 1, 2]), p, ["a", "b", "c,d"])
    first, second = read(data)
    assert first == {
        **{"path": "3.jpg", "label": "c,d", "likely_label": "a"},
        **{"probability_of_label": "0.040000", "probability_of_likely_label": "0.900000"},
    }
    assert (second["path"], second["label"], second["likely_label"]) == ("1.jpg", "b", "a")


def test_lines_end_alike_everywhere(tmp_path: Path) -> None:
    data = predictions_csv(["1.jpg"], np.array([0]), np.array([[1.0, 0.0]]), np.ones(1), ["a", "b"], Rule(0.5, 0))
    assert data.count(b"\n") == 2
    assert b"\r" not in data
