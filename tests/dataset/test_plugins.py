"""A package of others adds readers: of a file with another ending, and of folders that hold a certain file."""

from pathlib import Path

import pytest
from cli.shell import process
from plugins import Install

from dataset.build import photo, tree
from whatsit.config import ReadOptions
from whatsit.data.read import read_dataset, read_photos
from whatsit.errors import DatasetError

LINES = '''
import json

from whatsit.data.dataset import Record
from whatsit.data.readers.paths import located
from whatsit.data.readers.registry import DataSource, ReadResult, Manifest, ManifestRow
from whatsit.errors import DatasetError


def lines(source: DataSource) -> ReadResult:
    """A JSON object a line: {"image": a path, "class": a name}."""
    rows = []
    for number, line in enumerate(source.path.read_text().splitlines(), 1):
        try:
            one = json.loads(line)
        except ValueError as error:
            raise DatasetError(f"{source.path}, line {number}: not JSON. Mend the line.") from error
        rows.append(ManifestRow(number, Record(one["image"], one["class"])))
    return located(Manifest(rows, notes=["a JSON object a line"]), source.path, source.options)


def labelled(source: DataSource) -> ReadResult:
    names = json.loads((source.path / "labels.json").read_text())
    return ReadResult([Record(str(source.path / name), label) for name, label in names.items()])
'''
PARTS = {".ndjson": "lines", "/labels.json": "labelled"}
NAMES = [f"{i}.jpg" for i in range(4)]
LABELLED = {name: ("cat", "dog")[i % 2] for i, name in enumerate(NAMES)}


def written(folder: Path) -> Path:
    tree(folder / "shots", *NAMES)
    path = folder / "labels.ndjson"
    rows = [f'{{"image": "shots/{name}", "class": "{label}"}}\n' for name, label in LABELLED.items()]
    path.write_text("".join(rows), encoding="utf-8")
    return path


def test_a_package_adds_a_reader_of_files(installed: Install, tmp_path: Path) -> None:
    path = written(tmp_path / "data")
    with pytest.raises(DatasetError, match="JSON, as COCO's annotations are"):
        read_dataset(path)
    installed("whatsit-lines", LINES, readers=PARTS)
    data = read_dataset(path)
    assert {Path(record.uri).name: record.label for record in data.records} == LABELLED
    assert data.classes == ("cat", "dog")
    assert "a JSON object a line" in data.notes
    assert len(read_photos(path).records) == 4
    photo(path.parent / "other.jpg", 99)
    more = path.with_name("more.csv")
    more.write_text("uri,label\nother.jpg,dog\n", encoding="utf-8")
    assert len(read_dataset([path, more]).records) == 5
    (path.parent / "shots" / "0.jpg").unlink()
    with pytest.raises(DatasetError, match=r"labels\.ndjson, line 1: 1 file of 4 missing"):
        read_dataset(path)
    assert len(read_dataset(path, options=ReadOptions(max_missing=0.5)).missing) == 1


def test_a_package_adds_a_reader_of_folders(installed: Install, tmp_path: Path) -> None:
    folder = tree(tmp_path / "flat", *NAMES)
    text = ", ".join(f'"{name}": "{label}"' for name, label in LABELLED.items())
    (folder / "labels.json").write_text(f"{{{text}}}", encoding="utf-8")
    with pytest.raises(DatasetError, match="in no class folder"):
        read_dataset(folder)
    installed("whatsit-labelled", LINES, readers=PARTS)
    assert {Path(record.uri).name: record.label for record in read_dataset(folder).records} == LABELLED
    assert len(read_photos(folder).records) == 4
    classes = tree(tmp_path / "classes", *(f"{label}/{name}" for name, label in LABELLED.items()))
    assert len(read_dataset(classes).records) == 4  # no such file in it: read as ever


def test_the_command_line_reads_it(installed: Install, tmp_path: Path) -> None:
    installed("whatsit-lines-again", LINES, readers=PARTS)
    path = written(tmp_path / "data")
    done = process("embed", path, "-o", tmp_path / "v.parquet", "--resize-mode", "squash")
    assert done.code == 0, done.err
    path.write_text("no json\n", encoding="utf-8")
    failed = process("train", path, "-o", tmp_path / "model")
    assert failed.code == 1
    assert failed.err.splitlines()[-1] == f"Error: {path}, line 1: not JSON. Mend the line."
