"""The six photo sets, each with the protocol and its baseline accuracy (RESULTS.md)."""

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from common import DATA

from whatsit.config import TrainOptions
from whatsit.demo import write_manifest

ELPV = "elpv"


@dataclass(frozen=True)
class PhotoSet:
    """A set of photos, and how its figure is taken."""

    name: str
    protocol: str
    test: float | None  # the share that is drawn for test; None: the set brings its own
    before: float  # accuracy of the first rough script, to be reached

    def options(self, options: TrainOptions) -> TrainOptions:
        """The defaults, but for the share that the protocol demands."""
        return options if self.test is None else replace(options, test=self.test)

    def data(self, root: Path, scratch: Path) -> Path:
        """Folder, or the manifest that this writes into `scratch`."""
        if self.name == ELPV:
            manifest = scratch / f"{ELPV}.csv"
            write_manifest(manifest)
            return manifest
        folder = root / self.name
        if not folder.is_dir():
            sys.exit(f"{folder}: no such folder. Name the folder of the photo sets: --data DIR")
        return folder


SETS = {
    one.name: one
    for one in (
        PhotoSet("boats", "its own splits", None, 0.875),
        PhotoSet(ELPV, "random quarter", 0.25, 0.859),
        PhotoSet("trash", "random fifth", 0.2, 0.888),
        PhotoSet("ants_bees", "its own valid split", None, 0.954),
        PhotoSet("flowers", "random fifth", 0.2, 0.943),
        PhotoSet("cats_dogs", "random fifth", 0.2, 0.98),
    )
}


def add_set_options(parser: argparse.ArgumentParser) -> None:
    """--data, --sets and --cache."""
    parser.add_argument("--data", type=Path, default=DATA, metavar="DIR", help="folder of the photo sets")
    parser.add_argument(
        "--sets", nargs="+", choices=SETS, default=list(SETS), metavar="SET", help=f"of {', '.join(SETS)}"
    )
    parser.add_argument(
        "--cache", type=Path, metavar="DIR", help="embedding cache to share between runs (None: a fresh one)"
    )
