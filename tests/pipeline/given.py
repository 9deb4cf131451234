"""What the pipeline is given, and what it has written, read back."""

import csv
from collections.abc import Sequence
from pathlib import Path

from steps.made import make_folder

from whatsit.model.format import FILES
from whatsit.training.run import Trained

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


def split_folder(root: Path, counts: dict[str, int]) -> Path:
    """`root/<split>/<class>/…` of different photos."""
    for number, (split, count) in enumerate(counts.items()):
        make_folder(root / split, {"apples": count, "pears": count}, first_seed=1000 * number)
    return root
