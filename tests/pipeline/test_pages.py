"""`--page all` from folder to answers: every page a photo, the pages of one file together."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from steps.made import picture

from whatsit import notices as notes
from whatsit.api import evaluate, train
from whatsit.cli import whatsit as shell
from whatsit.config import TrainOptions
from whatsit.data.dataset import Dataset, with_pages
from whatsit.data.read import read_dataset
from whatsit.images.decode import read_image
from whatsit.images.limits import Limits
from whatsit.images.preprocessing import Preprocessing
from whatsit.model.classifier import Classifier
from whatsit.model.format import FILES
from whatsit.training.run import Trained

from .given import manifest, rows

pytestmark = pytest.mark.slow

PAGES = 4
ALL = Limits(page="all")


def stack(file: Path, kind: int, first: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with tifffile.TiffWriter(file) as writer:
        for seed in range(first, first + PAGES):
            pixels = np.asarray(picture(kind, seed))
            writer.write(pixels, photometric="rgb", compression="zlib", metadata=None, contiguous=False)


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stacks")
    for place, kind in enumerate(("apples", "pears")):
        for number in range(6):
            stack(folder / kind / f"{number}.tif", place, 1000 * place + PAGES * number)
    return folder


@pytest.fixture(scope="module")
def taught(stacks: Path, quick: TrainOptions, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(stacks, tmp_path_factory.mktemp("taught") / "m", replace(quick, limits=ALL))


def test_pages_are_photos_and_files_are_groups(taught: Trained, stacks: Path) -> None:
    listed = rows(taught.folder / FILES.splits)
    assert len(listed) == 2 * 6 * PAGES
    assert listed[1]["uri"] == f"{stacks / 'apples' / '0.tif'}#page=2"
    splits: dict[str, set[str]] = {}
    for row in listed:
        assert row["uri"].partition("#")[0] == row["group"]
        splits.setdefault(row["group"], set()).add(row["split"])
    assert len(splits) == 12
    assert all(len(found) == 1 for found in splits.values())  # no file is split apart
    assert any("48 pages of 12 files" in note for note in taught.report.data.notes)
    assert json.loads((taught.folder / FILES.facts).read_text())["preprocessing"]["page"] == "all"


def test_its_own_splits_are_a_manifest(taught: Trained, quick: TrainOptions, tmp_path: Path) -> None:
    again = train(taught.folder / FILES.splits, tmp_path / "m", quick)
    same = ("uri", "label", "split", "sha256", "group")
    assert [[row[name] for name in same] for row in rows(again.folder / FILES.splits)] == [
        [row[name] for name in same] for row in rows(taught.folder / FILES.splits)
    ]


def test_each_page_has_its_answer(taught: Trained, stacks: Path) -> None:
    file = stacks / "pears" / "2.tif"
    run = CliRunner().invoke(shell, ["predict", str(taught.folder), str(file), "--json"])
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    assert [answer["path"] for answer in answers] == [f"{file}#page={number}" for number in range(1, PAGES + 1)]
    assert all("note" not in answer for answer in answers)
    alone = taught.classifier.predict(f"{file}#page=3")
    assert alone.probability == pytest.approx(answers[2]["probability"], abs=1e-5)
    assert taught.classifier.predict(file.read_bytes()).note == (
        "the first of several pages; send another as a file of its own"
    )


def test_evaluate_looks_at_all_pages_and_knows_them(taught: Trained, stacks: Path, tmp_path: Path) -> None:
    copied = tmp_path / "copied"
    for kind in ("apples", "pears"):
        (copied / kind).mkdir(parents=True)
        (copied / kind / "x.tif").write_bytes((stacks / kind / "1.tif").read_bytes())
    evaluated = evaluate(taught.folder, copied, tmp_path / "e")
    assert len(rows(evaluated.folder / FILES.predictions)) == 2 * PAGES
    assert evaluated.report.seen.copies == 2 * PAGES


def test_a_damaged_page_is_one_row(taught: Trained, stacks: Path, tmp_path: Path) -> None:
    file = tmp_path / "broken.tif"
    data = bytearray((stacks / "pears" / "2.tif").read_bytes())
    with tifffile.TiffFile(stacks / "pears" / "2.tif") as opened:
        place = opened.pages[1].dataoffsets[0]
    data[place : place + 4] = b"\xff\xff\xff\xff"
    file.write_bytes(data)
    run = CliRunner().invoke(shell, ["predict", str(taught.folder), str(file)])
    assert [": error: damaged TIFF" in line for line in run.stdout.splitlines()] == [False, True, False, False]
    assert run.exit_code == 1


def paged(source: Path, page: str = "first") -> Dataset:
    return with_pages(read_dataset(source), page)  # type: ignore[arg-type]


def test_a_manifest_may_name_pages(stacks: Path, tmp_path: Path) -> None:
    first, second = stacks / "apples" / "0.tif", stacks / "pears" / "0.tif"
    lines = [(f"{first}#page=2", "apples"), (f"{first}#page=3", "pears"), (str(second), "pears")]
    listed = manifest(tmp_path / "m.csv", "uri,label", lines)
    records = paged(listed).records
    assert [record.group for record in records] == [str(first), str(first), None]
    records = paged(listed, "all").records
    assert [record.uri for record in records[2:]] == [f"{second}#page={number}" for number in range(1, PAGES + 1)]
    twice = manifest(tmp_path / "n.csv", "uri,label", [(f"{first}#page=2", "pears"), (str(first), "apples")])
    labels = {record.uri.partition("=")[2]: record.label for record in paged(twice, "all").records}
    assert labels == {"1": "apples", "2": "pears", "3": "apples", "4": "apples"}


def test_pages_far_away_are_refused(tmp_path: Path) -> None:
    listed = manifest(tmp_path / "m.csv", "uri,label", [("s3://b/a.tif", "a"), ("s3://b/b.jpg", "b")])
    run = CliRunner().invoke(shell, ["train", str(listed), "-o", str(tmp_path / "m"), "--page", "all"])
    assert str(run.exception) == (
        "s3://b/a.tif: --page all counts the pages of local files alone. Copy the file here, or list its pages in a "
        "manifest, as FILE#page=1"
    )


def test_a_page_that_the_model_does_not_let_choose_is_said(
    taught: Trained, stacks: Path, caplog: pytest.LogCaptureFixture
) -> None:
    name = taught.classifier.facts.name
    Classifier.load(taught.folder, limits=ALL)
    Classifier.load(taught.folder)
    assert caplog.messages == []
    file = stacks / "pears" / "2.tif"
    CliRunner().invoke(shell, ["predict", str(taught.folder), str(file), "--page", "channels"])
    assert caplog.messages == [f"--page channels has no effect: {name} was trained with --page all"]
    caplog.clear()
    facts = replace(taught.classifier.facts, preprocessing=Preprocessing(page="channels", bands=(4, 3, 2)))
    Classifier(facts, b"", limits=Limits(page="all", bands=(1,)))
    assert caplog.messages == [
        f"--page all has no effect: {name} was trained with --page channels",
        f"--bands 1 has no effect: {name} was trained with --bands 4,3,2",
    ]


def test_what_is_said_of_pages_that_were_left_out_helps_who_reads_it(stacks: Path) -> None:
    """In predict there is no --page channels to advise; and --page all is no advice where it was given."""
    data = (stacks / "pears" / "2.tif").read_bytes()
    notes.taken()
    read_image(data)
    assert notes.taken() == [
        "1 file: further pages were left out. --page all reads each as a photo; in training, --page channels makes "
        "one of three."
    ]
    read_image(data, limits=ALL)
    assert notes.taken() == [
        "1 file that is not local: further pages were left out. Name each as FILE#page=2, or copy the file here."
    ]
