"""Fine-tuning in images a second, from the second epoch on: whatsit beside timm's own loader, optimizer and loop.

Three networks, the same photos, batch and mixed precision, each in a process of its own. Weights are drawn at random:
nothing is fetched. Meant for a GPU; on a CPU it takes its time.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import timm
from common import DATA, HERE, Spread, evenly, finish, parser, photos_below, print_table, run_timed, say
from safetensors.torch import save_file
from scratch_speed import FIRST, folders

from whatsit.machine import cores

NETWORKS = {  # by timm's name: by ours
    "tf_efficientnet_lite0": "efficientnet-lite0",
    "resnet50": "timm:resnet50",
    "vit_small_patch16_224": "timm:vit_small_patch16_224",
}
OURS = """
import json, sys
from whatsit.config import NetworkOptions
from whatsit.config import TrainOptions
from whatsit.api import train
manifest, output, backbone, weights, epochs, batch, device = sys.argv[1:]
network = NetworkOptions(epochs=int(epochs), batch_size=int(batch), patience=int(epochs))
options = TrainOptions(
    method="finetune", backbone=backbone, weights=weights or None, fit="squash", device=device, network=network
)
for epoch in train(manifest, output, options).report.history.epochs:
    print(json.dumps({"epoch": epoch.number, "images_per_second": epoch.images_per_second}))
"""


def speeds(output: str) -> list[float]:
    """Of the epochs that count."""
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return [line["images_per_second"] for line in lines if line["epoch"] >= FIRST]


def main() -> None:
    started = time.perf_counter()
    arguments = parser(__doc__)
    arguments.add_argument("--photos", type=Path, default=DATA / "cats_dogs", metavar="DIR")
    arguments.add_argument("--most", type=int, default=1400, help="photos")
    arguments.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS), metavar="NAME")
    arguments.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    arguments.add_argument("--epochs", type=int, default=5)
    arguments.add_argument("--batch", type=int, default=128)
    asked = arguments.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        learned, manifest = folders(evenly(photos_below(asked.photos), asked.most), root)
        env = {"WHATSIT_CACHE": str(root / "cache")}
        for name in asked.networks:
            say(name)
            weights, ours = root / f"{name}.safetensors", NETWORKS[name]
            save_file(timm.create_model(name, num_classes=0).state_dict(), weights)
            given = weights if ours.startswith("timm:") else ""
            course = (str(asked.epochs), str(asked.batch), asked.device)
            mine = run_timed((sys.executable, "-c", OURS, manifest, root / name, ours, given, *course), env)
            loop = HERE / "peers" / "timm_loop.py"
            theirs = run_timed((sys.executable, loop, learned, name, weights, *course, str(cores())))
            fast, slow = (Spread.of(speeds(ran.output)) for ran in (mine, theirs))
            rows.append((name, fast.text(".0f"), slow.text(".0f"), f"{fast.median / slow.median:.2f}"))
    print_table(("images a second, least / median / greatest", "whatsit", "timm", "ratio"), rows)
    print(f"\nbatch {asked.batch}, {asked.device}, epochs from {FIRST} on")
    finish(started)


if __name__ == "__main__":
    main()
