"""Elpv's solar cells by the protocol of arXiv 1807.02894, as far as its text goes: probes beside fine-tuned networks.

A quarter of the cells is test, drawn alike from each kind of cell and each defect probability; a probability of 0.5
and more is a defect; cells are seen at their 300 pixels; copies are mirrored, turned by 3 degrees, shifted and zoomed
by 2 %. What wins on valid photos learns from them too, and it alone is judged on test photos. Unlike in the paper, all
cells weigh the same, however sure their labellers were.
"""

import csv
import tempfile
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from common import finish, parser, print_table, say
from end_to_end import accuracy, read_answers
from sklearn.model_selection import train_test_split

from whatsit.config import NetworkOptions, TrainOptions
from whatsit.demo import PAPER_ACCURACY, photo_folder, write_manifest
from whatsit.training.compare.run import compare

PROBE = TrainOptions(image_size=(300, 300))
FINETUNED = replace(
    PROBE, method="finetune", network=NetworkOptions(augment="hflip,vflip,rotation=3,shift=0.02,zoom=0.02")
)
SURE = ("0.0", "1.0")  # defect probabilities where labellers agreed


def probabilities() -> list[tuple[str, str]]:
    """(defect probability, kind of cell) of each, in the order of the manifest."""
    lines = (photo_folder() / "labels.csv").read_text(encoding="utf-8").splitlines()
    return [(probability, kind) for _, probability, kind in map(str.split, lines)]


def split_manifest(file: Path) -> dict[str, str]:
    """Writes uri, label, split; gives uri → defect probability."""
    write_manifest(file)
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    strata = probabilities()
    _, test = train_test_split(range(len(rows)), test_size=0.25, stratify=strata, random_state=0)
    splits = dict.fromkeys(range(len(rows)), "train") | dict.fromkeys(test, "test")
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["uri", "label", "split"])
        writer.writerows((row["uri"], row["label"], splits[i]) for i, row in enumerate(rows))
    return {row["uri"]: probability for row, (probability, _) in zip(rows, strata, strict=True)}


def main() -> None:
    started = time.perf_counter()
    arguments = parser(__doc__)
    arguments.add_argument("--backbones", nargs="+", default=["efficientnet-lite0", "efficientnet-lite2"])
    arguments.add_argument("--work", type=Path, metavar="DIR", help="where all is kept, to go on from")
    asked = arguments.parse_args()
    candidates = {
        f"{way} {backbone}": replace(options, backbone=backbone)
        for way, options in (("probe on", PROBE), ("fine-tuned", FINETUNED))
        for backbone in asked.backbones
    }
    with nullcontext(asked.work) if asked.work else tempfile.TemporaryDirectory() as work:
        root = Path(work)
        root.mkdir(parents=True, exist_ok=True)
        certainty = split_manifest(root / "elpv.csv")
        compared = compare(
            root / "elpv.csv",
            candidates,
            root / "compared",
            cache=root / "cache",
            told=lambda trial: say(f"{trial.name}: {trial.accuracy.value:.4f} on valid"),
        )
        answers = read_answers(compared.trained.folder / "predictions.csv")
    rows = [
        (
            trial.name,
            f"{trial.accuracy.value:.3f} ({trial.accuracy.low:.3f} to {trial.accuracy.high:.3f})",
            f"{trial.log_loss:.3f}",
            f"{trial.seconds / 60:.1f}",
        )
        for trial in compared.comparison.trials
    ]
    print_table(("on valid photos", "accuracy", "log loss", "minutes"), rows)
    sure = {uri: right for uri, right in answers.items() if certainty[uri] in SURE}
    unsure = {uri: right for uri, right in answers.items() if uri not in sure}
    print(f"\n{compared.comparison.winner.name}, learned again with the valid photos, on test: {accuracy(answers)};")
    print(f"where labellers were sure {accuracy(sure)}, where they were not {accuracy(unsure)}.")
    print(f"The paper: {', '.join(f'{name} {value}' for name, value in PAPER_ACCURACY.items())}")
    finish(started)


if __name__ == "__main__":
    main()
