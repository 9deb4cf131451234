"""Networks from scratch beside the tutorials that they come from: boats at 30 × 100, cats and dogs at 150 × 150.

boats: `cnn-boats` without augmentation for 10 epochs, whatsit's own small network likewise, and with its defaults, all
judged by the set's own test split, once each. cats_dogs: the tutorials' networks for two classes with the augmentation
`light`; their valid accuracy after 2, 4 and 25 epochs, and test at the end; and the small network again.
"""

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from common import finish, parser, print_table, say
from end_to_end import accuracy, read_answers
from sets import SETS, add_set_options

from whatsit.api import train
from whatsit.config import NetworkOptions, TrainOptions
from whatsit.training.network.summary import summary_of

SMALL, LONG = NetworkOptions(), NetworkOptions(augment="light", epochs=25, patience=25)
SHORT = NetworkOptions(augment="none", epochs=10)


@dataclass(frozen=True)
class Run:
    network: NetworkOptions
    image_size: tuple[int, int] | None = None
    tutorial: str = ""  # what it says itself


RUNS = {
    "boats": (
        Run(replace(SHORT, architecture="cnn-boats"), tutorial="0.78 after 10 epochs"),
        Run(SHORT, (30, 100)),
        Run(SMALL),
    ),
    "cats_dogs": (
        Run(
            replace(LONG, architecture="cnn-cats-dogs"),
            tutorial="valid 0.816 after 2, 0.806 after 4, on 6,905 photos in 332 minutes",
        ),
        Run(replace(LONG, architecture="cnn-horses-150")),
        Run(replace(LONG, architecture="cnn-horses-300")),
        Run(SMALL),
    ),
}
TOLD = (2, 4, 10, 25)  # epochs


def main() -> None:
    started = time.perf_counter()
    arguments = parser(__doc__)
    add_set_options(arguments)
    asked = arguments.parse_args()
    rows = []
    for name in (one for one in asked.sets if one in RUNS):
        for run in RUNS[name]:
            architecture = run.network.architecture
            say(f"{name}: {architecture}")
            with tempfile.TemporaryDirectory() as scratch:
                root, began = Path(scratch), time.perf_counter()
                options = SETS[name].options(
                    TrainOptions(method="scratch", image_size=run.image_size, network=run.network)
                )
                trained = train(SETS[name].data(asked.data, root), root / "model", options, cache=asked.cache)
                minutes = (time.perf_counter() - began) / 60
                history = trained.report.history
                assert history is not None
                told = ", ".join(f"{e.valid_accuracy:.3f} ({e.number})" for e in history.epochs if e.number in TOLD)
                test = accuracy(read_answers(root / "model" / "predictions.csv"))
            speed = sorted(e.images_per_second for e in history.epochs)[len(history.epochs) // 2]
            epochs = f"{len(history.epochs)}, best {history.best}"
            cost = summary_of(architecture, len(trained.classifier.classes_), size=run.image_size)
            size = f"{cost.parameters:,}, {cost.multiply_adds / 1e6:,.0f} M"
            rows.append((name, architecture, size, epochs, told, test, f"{minutes:.1f}", f"{speed:.0f}", run.tutorial))
    costs = "parameters, multiply-adds"
    header = ("set", "network", costs, "epochs", "valid (epoch)", "test", "minutes", "photos/s", "the tutorial's own")
    print_table(header, rows)
    finish(started)


if __name__ == "__main__":
    main()
