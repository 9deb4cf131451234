"""Does fine-tuning pay? The probe against EfficientNet-Lite0 fine-tuned, on six photo sets: accuracy, and minutes.

Both learn from the same photos and are judged by the same, each once. Embedding and decoding are part of the time: each
method starts with an empty cache.
"""

import tempfile
import time
from dataclasses import replace
from pathlib import Path

from common import finish, parser, print_table, say
from end_to_end import accuracy, compare, read_answers
from sets import SETS, add_set_options

from whatsit.api import train
from whatsit.config import NetworkOptions, TrainOptions


def measured(data: Path, options: TrainOptions, folder: Path) -> tuple[dict[str, bool], float]:
    """Answers on test, and minutes."""
    started = time.perf_counter()
    train(data, folder / "model", options, cache=folder / "cache")
    minutes = (time.perf_counter() - started) / 60
    return dict(read_answers(folder / "model" / "predictions.csv")), minutes


def main() -> None:
    started = time.perf_counter()
    arguments = parser(__doc__)
    add_set_options(arguments)
    arguments.add_argument("--epochs", type=int, help="of fine-tuning (None: the recipe's)")
    arguments.add_argument("--augment", help="(None: the recipe's)")
    arguments.add_argument("--learning-rate", type=float, help="(None: the recipe's)")
    arguments.add_argument("--image-size", type=int, help="(None: the backbone's)")
    asked = arguments.parse_args()
    network = NetworkOptions(epochs=asked.epochs, augment=asked.augment, learning_rate=asked.learning_rate)
    rows = []
    for name in asked.sets:
        with tempfile.TemporaryDirectory() as scratch:
            root = Path(scratch)
            (root / "probe").mkdir()
            (root / "network").mkdir()
            data = SETS[name].data(asked.data, root)
            size = (asked.image_size, asked.image_size) if asked.image_size else None
            options = SETS[name].options(TrainOptions(image_size=size))
            say(f"{name}: probe")
            probe, quick = measured(data, options, root / "probe")
            say(f"{name}: {accuracy(probe)}; fine-tuning")
            tuned, slow = measured(data, replace(options, method="finetune", network=network), root / "network")
            only_probe, only_tuned, p = compare(probe, tuned)
            say(f"{name}: {accuracy(tuned)}, {slow:.1f} minutes, p = {p:.3f}")
            row = (name, accuracy(probe), f"{quick:.1f}", accuracy(tuned), f"{slow:.1f}", only_probe, only_tuned)
            rows.append((*row, f"{p:.3f}"))
    header = ("set", "probe", "minutes", "fine-tuned", "minutes", "probe alone right", "fine-tuned alone right", "p")
    print_table(header, rows)
    finish(started)


if __name__ == "__main__":
    main()
