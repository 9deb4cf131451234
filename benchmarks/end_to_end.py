"""Folder to evaluated model: `whatsit train` against timm features with scikit-learn, whole processes.

Both get the same 2,624 solar-cell photos with the same split, drawn here once; each run of whatsit starts with an
empty cache folder, so that measuring which precision is faster is part of its time. The files are read once
beforehand, so that neither pays for the disk.
"""

import csv
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from common import HERE, Ran, Spread, finish, parser, print_table, run_timed, say, whatsit_command

from whatsit.demo import write_manifest
from whatsit.embedding.location import VARIABLE
from whatsit.evaluation.intervals import mcnemar, wilson

PEER = HERE / "peers" / "timm_logistic.py"
WHATSIT, TIMM = "whatsit train", "timm + LogisticRegressionCV"

Answers = Mapping[str, bool]  # test photo → whether it was told right


def draw_split(labels: Mapping[str, str], test: int, seed: int) -> set[str]:
    """`test` photos, of each class its share."""
    of_class: dict[str, list[str]] = defaultdict(list)
    for uri, label in labels.items():
        of_class[label].append(uri)
    chosen: list[str] = []
    left = test
    for k, label in enumerate(sorted(of_class)):
        last = k == len(of_class) - 1
        count = left if last else round(test * len(of_class[label]) / len(labels))
        chosen += random.Random(seed).sample(sorted(of_class[label]), count)
        left -= count
    return set(chosen)


def prepare(folder: Path, test: int, seed: int, photos: int | None) -> Path:
    """The manifest uri,label,split that both are given."""
    listed = folder / "listed.csv"
    write_manifest(listed)
    with listed.open(encoding="utf-8", newline="") as file:
        labels = {row["uri"]: row["label"] for row in csv.DictReader(file)}
    if photos:
        labels = {uri: labels[uri] for uri in random.Random(seed).sample(sorted(labels), photos)}
    judged = draw_split(labels, min(test, len(labels) // 4), seed)
    manifest = folder / "solar-cells.csv"
    with manifest.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["uri", "label", "split"])
        writer.writerows((uri, label, "test" if uri in judged else "train") for uri, label in labels.items())
    for uri in labels:
        Path(uri).read_bytes()
    return manifest


def read_answers(file: Path) -> Answers:
    with file.open(encoding="utf-8", newline="") as opened:
        return {row.get("path") or row["uri"]: row["label"] == row["predicted"] for row in csv.DictReader(opened)}


def compare(a: Answers, b: Answers) -> tuple[int, int, float]:
    """Photos that only a told right, only b; and the exact two-sided p-value (McNemar 1947)."""
    both = a.keys() & b.keys()
    only_a = sum(a[uri] and not b[uri] for uri in both)
    only_b = sum(b[uri] and not a[uri] for uri in both)
    return only_a, only_b, mcnemar(only_a, only_b)


def accuracy(answers: Answers) -> str:
    right, n = sum(answers.values()), len(answers)
    low, high = wilson(right, n)
    return f"{right / n:.4f} ({low:.3f} to {high:.3f}), {right} of {n}"


def run_whatsit(manifest: Path, folder: Path) -> tuple[Ran, Answers]:
    folder.mkdir()
    command: list[str | Path] = [*whatsit_command(), "train", manifest, "--output", folder / "model"]
    ran = run_timed(command, {VARIABLE: str(folder / "cache")}, folder)
    return ran, read_answers(folder / "model" / "predictions.csv")


def run_peer(python: Path, manifest: Path, folder: Path) -> tuple[Ran, Answers]:
    folder.mkdir()
    output = folder / "predictions.csv"
    ran = run_timed([python, PEER, manifest, "--output", output], None, folder)
    return ran, read_answers(output)


def main() -> None:
    started = time.perf_counter()
    options = parser(__doc__)
    options.add_argument("--peer-python", type=Path, required=True, help="interpreter of the peer's environment")
    options.add_argument("--runs", type=int, default=1, help="runs of each, alternating")
    options.add_argument("--test", type=int, default=668, help="photos to judge on")
    options.add_argument("--photos", type=int, help="take so few photos, to try the script (None: all)")
    options.add_argument("--seed", type=int, default=0, help="of the split")
    given = options.parse_args()
    python = given.peer_python.absolute()  # not resolved: a virtual environment's python is a link
    times: dict[str, list[float]] = {WHATSIT: [], TIMM: []}
    answers: dict[str, Answers] = {}
    said: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as scratch:
        manifest = prepare(Path(scratch), given.test, given.seed, given.photos)
        for run in range(given.runs):
            both = {
                WHATSIT: lambda run=run: run_whatsit(manifest, Path(scratch) / f"whatsit-{run}"),
                TIMM: lambda run=run: run_peer(python, manifest, Path(scratch) / f"peer-{run}"),
            }
            for name in sorted(both, reverse=run % 2 == 0):
                ran, answers[name] = both[name]()
                times[name].append(ran.seconds)
                said[name] = ran.output
                say(f"run {run + 1}, {name}: {ran.seconds:.1f} s")
    show(times, answers)
    print("The peer said: " + "; ".join(said[TIMM].splitlines()))
    finish(started)


def show(times: Mapping[str, list[float]], answers: Mapping[str, Answers]) -> None:
    rows = [(name, Spread.of(times[name]).text(".1f"), accuracy(answers[name])) for name in times]
    print_table(["", "wall seconds, min / median / max", "accuracy on test (95 % interval)"], rows)
    ratios = [b / a for a, b in zip(times[WHATSIT], times[TIMM], strict=True)]
    print(f"\nThe peer takes {Spread.of(ratios).text()} times as long (min / median / max of {len(ratios)} pairs).")
    only_a, only_b, p = compare(answers[WHATSIT], answers[TIMM])
    print(f"Told right by whatsit alone: {only_a}; by the peer alone: {only_b}; McNemar's exact test: p = {p:.2f}.")


if __name__ == "__main__":
    main()
