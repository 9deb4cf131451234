"""Cells that no spreadsheet takes for formulas, and back."""

import csv
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from steps.made import make_folder

from whatsit.api import evaluate, train
from whatsit.config import TrainOptions
from whatsit.data.read import read_dataset
from whatsit.model.format import FILES
from whatsit.text import PLAIN_CELLS, csv_cell, plain_cell

STARTS = "=+-@\t\n＝＋－＠"


@given(st.text(st.characters(exclude_characters="\r")) | st.text("'=+-@0.1e", max_size=5))
def test_any_text_comes_back(text: str) -> None:
    cell = csv_cell(text)
    assert plain_cell(cell) == text
    assert cell == text or cell == f"'{text}"


@given(st.sampled_from(STARTS), st.text(st.characters(exclude_characters="\r"), min_size=1))
def test_no_cell_begins_a_formula(start: str, rest: str) -> None:
    cell = csv_cell(start + rest)
    assert cell.startswith("'") or cell.lstrip("+-")[0].isdigit()


@pytest.mark.parametrize("number", ["-0.5", "+3", "-1e-06", "0.25", "12"])
def test_numbers_stay_numbers(number: str) -> None:
    assert csv_cell(number) == number


def test_what_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PLAIN_CELLS, "1")
    assert csv_cell("=1+2") == "=1+2"


def test_whatsit_reads_back_what_it_wrote(quick: TrainOptions, tmp_path: Path) -> None:
    """Classes and files that begin like formulas, through splits.csv, and a manifest that quotes them likewise."""
    photos = make_folder(tmp_path / "photos", {"@home": 12, "-away": 12})
    for path in list((photos / "@home").iterdir()):
        path.rename(path.with_name(f"=HYPERLINK({path.stem}).jpg"))
    trained = train(photos, tmp_path / "model", quick)
    with (trained.folder / FILES.splits).open(newline="", encoding="utf-8") as file:
        assert {row["label"] for row in csv.DictReader(file)} == {"'@home", "'-away"}
    done = evaluate(trained.folder, photos, tmp_path / "figures")
    assert done.report.leaks == 24  # all are known by their bytes
    manifest = tmp_path / "@home" / "again.csv"
    shutil.copytree(photos / "@home", manifest.parent)
    with manifest.open("w", newline="", encoding="utf-8") as file:
        names = sorted(path.name for path in manifest.parent.glob("*.jpg"))
        labels = ["@home", "-away"] * 6
        rows = [[csv_cell(name), csv_cell(label)] for name, label in zip(names, labels, strict=True)]
        csv.writer(file).writerows([["uri", "label"], *rows])
    dataset = read_dataset(manifest)
    assert dataset.classes == ("-away", "@home")
    assert [record.label for record in dataset.records] == labels
    assert [Path(record.uri).name for record in dataset.records] == names
