"""Accuracy and calibration on the six photo sets, with the default options, beside the baseline.

The baseline is the accuracy of a first script, measured before whatsit existed (RESULTS.md). All options have their
defaults, except the fraction of test photos, which the protocol of a set demands. `whatsit.api.train` uses each
test split once. Nothing here was chosen by its result.
"""

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean

from common import finish, parser, print_table, say
from sets import SETS, PhotoSet, add_set_options

from whatsit.api import train
from whatsit.config import TrainOptions
from whatsit.evaluation.figures import Evaluation

CALIBRATED = 0.03  # the calibration error to stay below, where there are enough test photos to tell
ENOUGH = 300


@dataclass(frozen=True)
class Result:
    """One training of one set."""

    evaluation: Evaluation
    resize_mode: str
    precision: str
    seconds: float


def measure(one: PhotoSet, data: Path, folder: Path, cache: Path, options: TrainOptions) -> Result:
    start = time.perf_counter()
    trained = train(data, folder, one.options(options), cache=cache)
    taken = time.perf_counter() - start
    facts = trained.classifier.facts
    return Result(trained.evaluation, facts.preprocessing.resize_mode, facts.backbone["precision"], taken)


def row(one: PhotoSet, results: list[Result]) -> list[object]:
    """Intervals are of the first seed: test splits of several seeds share photos."""
    first = results[0].evaluation
    accuracies = [result.evaluation.accuracy.value for result in results]
    error = mean(result.evaluation.ece for result in results)
    figure = f"{mean(accuracies):.3f}"
    if len(results) > 1:
        figure += f" ({min(accuracies):.3f} to {max(accuracies):.3f})"
    else:
        figure += f" [{first.accuracy.low:.3f}, {first.accuracy.high:.3f}]"
    return [
        one.name,
        one.protocol,
        first.n,
        figure,
        f"{one.before:.3f}",
        f"{100 * (mean(accuracies) - one.before):+.1f}",
        f"{error:.3f}{' !' if error > CALIBRATED and first.n >= ENOUGH else ''}",
        f"{first.ece_by_chance:.3f}",
        "/".join(dict.fromkeys(result.resize_mode for result in results)),
        results[0].precision,
        f"{mean(result.seconds for result in results):.0f}",
    ]


def main() -> None:
    started = time.perf_counter()
    options = parser(__doc__)
    add_set_options(options)
    options.add_argument("--seeds", type=int, nargs="+", default=[0], help="several: their mean, least and greatest")
    options.add_argument("--precision", default="auto", choices=["auto", "int8", "float32"], help="precision")
    options.add_argument(
        "--resize-mode", default="auto", choices=["auto", "squash", "crop", "letterbox"], help="to a square"
    )
    given = options.parse_args()
    chosen = TrainOptions(precision=given.precision, resize_mode=given.resize_mode)
    rows, differences = [], []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name in given.sets:
            one, results = SETS[name], []
            data = one.data(given.data, folder)
            for seed in given.seeds:
                model = folder / f"{name}-{seed}"
                seeded = replace(chosen, seed=seed)
                results.append(measure(one, data, model, given.cache or folder / "cache", seeded))
                say(f"{name}, seed {seed}: {results[-1].evaluation.accuracy.value:.4f}")
            rows.append(row(one, results))
            differences.append(mean(result.evaluation.accuracy.value for result in results) - one.before)
    interval = "[95 % interval]" if len(given.seeds) == 1 else "mean (least to greatest)"
    header = ["set", "test photos are", "n", f"accuracy {interval}", "baseline", "points", "ECE", "ECE by chance"]
    print_table([*header, "fit", "precision", "s"], rows)
    print(f"\nOn average {100 * mean(differences):+.1f} points from the baseline.")
    print(f"ECE: to stay below {CALIBRATED} where n >= {ENOUGH}; '!' marks where it does not. By chance: what 95 % of")
    print("perfectly calibrated models would show at most on so many photos.")
    finish(started)


if __name__ == "__main__":
    main()
