"""The demo: is a solar cell functional or defective? Real photos from PyPI's `elpv-dataset`."""

import csv
import tempfile
from pathlib import Path

from whatsit.api import train
from whatsit.errors import MissingExtraError
from whatsit.evaluation.figures import Evaluation
from whatsit.progress import ProgressReporter
from whatsit.training.run import Trained

DEFECTIVE_FROM = 0.5  # of the labelled defect probabilities 0, 1/3, 2/3, 1
LICENCE = "CC BY-NC-SA 4.0: not for commercial use"
PAPER = "arXiv 1807.02894"
PAPER_ACCURACY = {"SVM": 0.824, "CNN": 0.884}


def write_manifest(file: Path) -> None:
    """Lists the 2,624 photos with their labels. Raises MissingExtraError without the data set's package."""
    folder = photo_folder()
    rows = [line.split() for line in (folder / "labels.csv").read_text(encoding="utf-8").splitlines() if line.strip()]
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(["uri", "label"])
        for name, probability, _ in rows:
            label = "defective" if float(probability) >= DEFECTIVE_FROM else "functional"
            writer.writerow([folder / name, label])


def photo_folder() -> Path:
    """Where the package keeps its photos; its own reader wants other libraries, so it is not imported."""
    from importlib.util import find_spec

    spec = find_spec("elpv_dataset")
    if spec is None or spec.origin is None:
        raise MissingExtraError("elpv-dataset, the demo's photos,", "demo")
    return Path(spec.origin).parent / "data"


def train_demo(output: str | Path, *, progress: ProgressReporter) -> Trained:
    """Trains on the photos as any user would; the demo's own folder is replaced on a second run."""
    with tempfile.TemporaryDirectory() as scratch:
        manifest = Path(scratch) / "solar-cells.csv"
        write_manifest(manifest)
        return train(manifest, output, overwrite=True, progress=progress)


def compare(evaluation: Evaluation) -> str:
    """This run beside the paper's figures, and what keeps them from being the same experiment."""
    accuracy = evaluation.accuracy
    rows = [("whatsit", f"{accuracy.value:.1%}  (95 % interval {accuracy.low:.1%} to {accuracy.high:.1%})")]
    rows += [(f"{PAPER}, {name}", f"{value:.1%}") for name, value in PAPER_ACCURACY.items()]
    lines = ["", "Comparison with the paper that published these photos:", *(f"  {a:<24}{b}" for a, b in rows)]
    return "\n".join(
        [
            *lines,
            "The protocols differ. The paper trains on 75 % of the cells and weights each cell by the",
            "confidence of its label. This run trains on 85 %, tests on 15 % and weights all cells equally.",
            f"Photos: PyPI's elpv-dataset, {LICENCE}.",
        ]
    )
