"""`whatsit predict MODEL photo.jpg` as a whole process, against Python importing what any such program must.

The two alternate, so that both see the same machine. The model is trained on drawn pictures unless one is named.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import Ran, Spread, finish, parser, print_table, run_timed, say, whatsit_command
from pictures import draw_classes, jpeg

IMPORTS = "import numpy, PIL.Image, onnxruntime"
WIDTH, HEIGHT = 500, 375  # pixels, a photo of the web


def train_one(folder: Path) -> Path:
    """Two classes, enough photos to split."""
    draw_classes(folder / "drawn", classes=2, each=40, width=96, height=96)
    model = folder / "model"
    command: list[str | Path] = [*whatsit_command(), "train", folder / "drawn", "--output", model]
    run_timed([*command, "--cache", folder / "cache"])
    return model


def heaviest_imports(command: list[str | Path], count: int = 12) -> list[list[str]]:
    """Modules that take longest to import on their own, in ms (`-X importtime`: it costs time itself)."""
    script = [sys.executable, "-X", "importtime", "-m", "whatsit", *map(str, command[1:])]
    stderr = subprocess.run(script, capture_output=True, text=True, check=True).stderr
    lines = [line.partition("import time:")[2].split("|") for line in stderr.splitlines()]
    times = [(int(cells[0]), cells[2].strip()) for cells in lines if len(cells) == 3 and cells[0].strip().isdigit()]
    return [[name, f"{own / 1000:.1f}"] for own, name in sorted(times, reverse=True)[:count]]


def main() -> None:
    started = time.perf_counter()
    options = parser(__doc__)
    options.add_argument("--model", type=Path, help="model folder (None: train one on drawn pictures)")
    options.add_argument("--photo", type=Path, help="photo to ask about (None: draw one)")
    options.add_argument("--pairs", type=int, default=21, help="runs of each")
    options.add_argument("--imports", action="store_true", help="also list the modules slowest to import")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        photo = given.photo or Path(scratch) / "photo.jpg"
        if not given.photo:
            photo.write_bytes(jpeg(0, WIDTH, HEIGHT))
        model = given.model or train_one(Path(scratch))
        predict: list[str | Path] = [*whatsit_command(), "predict", model, photo]
        bare: list[str | Path] = [sys.executable, "-c", IMPORTS]
        for command in (predict, bare):  # reads the files, compiles the modules
            run_timed(command)
        ours: list[Ran] = []
        theirs: list[Ran] = []
        for pair in range(given.pairs):
            order = [(predict, ours), (bare, theirs)]
            for command, runs in order if pair % 2 else reversed(order):
                runs.append(run_timed(command))
        say(f"{given.pairs} pairs done")
        slowest = heaviest_imports(predict) if given.imports else []
    show(ours, theirs)
    if slowest:
        print("\nSlowest imports of `whatsit predict`, each without what it imports itself\n")
        print_table(["module", "ms"], slowest)
    finish(started)


def show(ours: list[Ran], theirs: list[Ran]) -> None:
    """Wall clock first: it is what a user waits for. Processor time tells the same beside other work."""
    rows, medians = [], []
    for what in ("seconds", "cpu"):
        a, b = ([float(getattr(ran, what)) for ran in runs] for runs in (ours, theirs))
        name = "wall" if what == "seconds" else "processor"
        rows.append([f"`whatsit predict MODEL photo.jpg`, {name} s", *cells(a)])
        rows.append([f'`python -c "{IMPORTS}"`, {name} s', *cells(b)])
        rows.append([f"{name} ratio, pair by pair", *cells([x / y for x, y in zip(a, b, strict=True)], ".2f")])
        medians.append(f"{name} {Spread.of(a).median / Spread.of(b).median:.2f}")
    print_table(["whole process", "min", "median", "max"], rows)
    print(f"\nRatio of the medians: {', '.join(medians)} ({len(ours)} pairs).")


def cells(values: list[float], form: str = ".3f") -> list[str]:
    spread = Spread.of(values)
    return [f"{value:{form}}" for value in (spread.low, spread.median, spread.high)]


if __name__ == "__main__":
    main()
