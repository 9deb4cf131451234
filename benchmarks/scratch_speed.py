"""An epoch of the tutorial's network for cats and dogs, from the second one on: whatsit, Keras 3, PyTorch's own loop.

All get the same photos, batch and network, each in a process of its own, one after the other, round after round.
PyTorch's loop reads with as many worker processes as is fastest here (none, one or two are tried).
"""

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common import DATA, HERE, Spread, evenly, finish, parser, photos_below, print_table, run_timed, say

FIRST = 2  # the epoch that counts from: before, photos are decoded and caches filled
OURS = """
import json, sys
from whatsit.config import NetworkOptions
from whatsit.config import TrainOptions
from whatsit.api import train
manifest, output, epochs, batch, mixed = sys.argv[1:]
network = NetworkOptions(
    architecture="cnn-cats-dogs", augment="none", epochs=int(epochs), batch_size=int(batch),
    mixed_precision=mixed == "mixed", patience=int(epochs),
)
trained = train(manifest, output, TrainOptions(method="scratch", fit="squash", network=network))
learned = sum(trained.report.data.counts["train"].values())
for epoch in trained.report.history.epochs:
    print(json.dumps({"epoch": epoch.number, "seconds": learned / epoch.images_per_second}))
"""


def folders(photos: Sequence[str], root: Path) -> tuple[Path, Path]:
    """The photos to learn from as links, class by class, and a manifest of the same with a few more to judge."""
    lines = ["uri,label,split"]
    learned = root / "learned"
    for place, photo in enumerate(photos):
        label = Path(photo).parent.name
        split = "test" if place % 20 == 0 else "valid" if place % 20 == 1 else "train"
        lines.append(f"{photo},{label},{split}")
        if split == "train":
            link = learned / label / Path(photo).name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(photo)
    manifest = root / "photos.csv"
    manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return learned, manifest


def seconds(output: str) -> list[float]:
    """Of the epochs that count."""
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return [line["seconds"] for line in lines if line["epoch"] >= FIRST]


@dataclass(frozen=True)
class Peer:
    """What is called, with the folder of photos or the manifest, epochs and batch to come in between."""

    before: tuple[str | Path, ...]
    after: tuple[str | Path, ...] = ()
    takes_manifest: bool = False


def peers(keras: Path | None) -> dict[str, Peer]:
    ours = (sys.executable, "-c", OURS)
    loop = (sys.executable, HERE / "peers" / "torch_loop.py")
    found = {
        "whatsit": Peer(ours, ("mixed",), takes_manifest=True),
        "whatsit, float32": Peer(ours, ("float32",), takes_manifest=True),
        **{f"PyTorch, {n} workers": Peer(loop, (str(n),)) for n in range(3)},
    }
    if keras:
        script = (keras, HERE / "peers" / "keras_cnn.py")
        found |= {
            "Keras 3": Peer(script),
            "Keras 3, cached": Peer(script, ("--cache",)),
            "Keras 3, cached, bf16": Peer(script, ("--cache", "--mixed")),
        }
    return found


def main() -> None:
    started = time.perf_counter()
    arguments = parser(__doc__)
    arguments.add_argument("--photos", type=Path, default=DATA / "cats_dogs", metavar="DIR")
    arguments.add_argument("--keras", type=Path, metavar="PYTHON", help="a Python that has tensorflow")
    arguments.add_argument("--most", type=int, default=1400, help="photos")
    arguments.add_argument("--epochs", type=int, default=4)
    arguments.add_argument("--batch", type=int, default=32)
    arguments.add_argument("--rounds", type=int, default=3)
    asked = arguments.parse_args()
    compared = peers(asked.keras)
    taken: dict[str, list[float]] = {name: [] for name in compared}
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        learned, manifest = folders(evenly(photos_below(asked.photos), asked.most), root)
        env = {"WHATSIT_CACHE": str(root / "cache"), "TF_CPP_MIN_LOG_LEVEL": "3"}
        for turn in range(asked.rounds):
            for name, peer in compared.items():
                say(f"round {turn + 1}: {name}")
                given = [manifest, root / f"{name}-{turn}"] if peer.takes_manifest else [learned]
                command = [*peer.before, *given, str(asked.epochs), str(asked.batch), *peer.after]
                taken[name] += seconds(run_timed(command, env).output)
        count = sum(one.is_file() for one in learned.rglob("*"))
    mine = Spread.of(taken["whatsit"]).median
    rows = [(name, Spread.of(of).text(".1f"), f"{Spread.of(of).median / mine:.2f}") for name, of in taken.items()]
    print_table(("", "seconds an epoch: least / median / greatest", "times whatsit's"), rows)
    print(f"\n{count} photos, batch {asked.batch}, epochs from {FIRST} on")
    finish(started)


if __name__ == "__main__":
    main()
