"""Networks from scratch beside the tutorials that they come from: boats at 30 × 100, cats and dogs at 150 × 150.

boats: `cnn-boats` without augmentation for 10 epochs, and whatsit's own small network with its defaults, both judged by
the set's own test split, once each. cats_dogs: the tutorials' networks for two classes with the augmentation `light`;
their valid accuracy after 2, 4 and 25 epochs, and test at the end; and the small network again.
"""

import tempfile
import time
from pathlib import Path

from common import finish, parser, print_table, say
from end_to_end import accuracy, read_answers
from sets import SETS, add_set_options

from whatsit.networks.describe import described
from whatsit.networks.options import NetworkOptions
from whatsit.options import TrainOptions
from whatsit.pipeline import train

RUNS = {  # set → what is trained on it, and what its tutorial says
    "boats": (
        (NetworkOptions(architecture="cnn-boats", augment="none", epochs=10), "0.78 after 10 epochs"),
        (NetworkOptions(), ""),
    ),
    "cats_dogs": (
        (
            NetworkOptions(architecture="cnn-cats-dogs", augment="light", epochs=25, patience=25),
            "valid 0.816 after 2, 0.806 after 4, on 6,905 photos in 332 minutes",
        ),
        (NetworkOptions(architecture="cnn-horses-150", augment="light", epochs=25, patience=25), ""),
        (NetworkOptions(architecture="cnn-horses-300", augment="light", epochs=25, patience=25), ""),
        (NetworkOptions(), ""),
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
        for network, tutorial in RUNS[name]:
            say(f"{name}: {network.architecture}")
            with tempfile.TemporaryDirectory() as scratch:
                root, began = Path(scratch), time.perf_counter()
                options = SETS[name].options(TrainOptions(method="scratch", network=network))
                trained = train(SETS[name].data(asked.data, root), root / "model", options, cache=asked.cache)
                minutes = (time.perf_counter() - began) / 60
                history = trained.report.history
                assert history is not None
                told = ", ".join(f"{e.valid_accuracy:.3f} ({e.number})" for e in history.epochs if e.number in TOLD)
                test = accuracy(read_answers(root / "model" / "predictions.csv"))
            speed = sorted(e.images_per_second for e in history.epochs)[len(history.epochs) // 2]
            epochs = f"{len(history.epochs)}, best {history.best}"
            cost = described(network.architecture, len(trained.classifier.classes_))
            size = f"{cost.parameters:,}, {cost.multiply_adds / 1e6:,.0f} M"
            rows.append(
                (name, network.architecture, size, epochs, told, test, f"{minutes:.1f}", f"{speed:.0f}", tutorial)
            )
    costs = "parameters, multiply-adds"
    header = ("set", "network", costs, "epochs", "valid (epoch)", "test", "minutes", "photos/s", "the tutorial's own")
    print_table(header, rows)
    finish(started)


if __name__ == "__main__":
    main()
