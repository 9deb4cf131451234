"""Peak memory of `whatsit embed` or `whatsit evaluate` over few images and over many: what grows is the difference.

The images are small drawn JPEGs, each with a comment of its own, so that every one is hashed, decoded and embedded.
Small ones are the harder test: they leave little constant memory for the growth to hide behind.

With `--evaluate` no two images show the same, and a model that takes 32 x 32 pixels classifies them, so that most time
goes to what is measured. Memory is then what the process holds of its own: pages of a file that it reads, which
the system may take back at any time, do not count (Linux alone tells).
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from common import finish, parser, print_table, say, whatsit_command
from pictures import jpeg, with_comment

TRAINED = 600  # pictures that the model of `--evaluate` learns from
DRAWN = 200  # pictures that are copied, each copy with another comment
CLASSES = 10
TO_MB = 1 / 1e6 if sys.platform == "darwin" else 1024 / 1e6  # ru_maxrss is in bytes there, in KiB on Linux


@dataclass(frozen=True)
class Measured:
    images: int
    peak: float  # MB
    seconds: float


def fill_folder(folder: Path, images: int, side: int, drawn: int = DRAWN, first: int = 0) -> None:
    """`folder/<class>/<number>.jpg`, all of different bytes; of `drawn` pictures, by seeds from `first` on."""
    pictures = [jpeg(first + seed, side, side) for seed in range(min(drawn, images))]
    for k in range(CLASSES):
        (folder / f"class {k}").mkdir(parents=True)
    for i in range(images):
        path = folder / f"class {i % CLASSES}" / f"{i:06}.jpg"
        path.write_bytes(with_comment(pictures[i % len(pictures)], f"copy {i}"))


def peak_of(command: list[str | Path], cwd: Path) -> tuple[float, float]:
    """Peak resident memory of one child process in MB, and its wall seconds.

    Linux counts the parent's memory at the fork in, so this process must stay the smaller: it never runs a network.
    """
    start = time.perf_counter()
    with (cwd / "output").open("w+b") as output:
        child = subprocess.Popen([str(part) for part in command], cwd=cwd, stdout=output, stderr=output)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            output.seek(0)
            sys.exit(output.read().decode(errors="replace")[-2000:])
    return usage.ru_maxrss * TO_MB, time.perf_counter() - start


def own_peak_of(command: list[str | Path], cwd: Path) -> tuple[float, float]:
    """Peak memory in MB that no file stands behind, as looked at every 20 ms, and wall seconds."""
    start, peak = time.perf_counter(), 0
    with (cwd / "output").open("w+b") as output:
        child = subprocess.Popen([str(part) for part in command], cwd=cwd, stdout=output, stderr=output)
        while child.poll() is None:
            status = Path(f"/proc/{child.pid}/status").read_text(encoding="ascii", errors="replace")
            if found := re.search(r"RssAnon:\s+(\d+)", status):
                peak = max(peak, int(found[1]))
            time.sleep(0.02)
        if child.returncode:
            output.seek(0)
            sys.exit(output.read().decode(errors="replace")[-2000:])
    return peak * 1024 / 1e6, time.perf_counter() - start


def measure_evaluate(images: int, side: int) -> Measured:
    """A small model, and photos that are all new to it."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        fill_folder(folder / "learned", TRAINED, side, first=1_000_000)
        command: list[str | Path] = [
            *whatsit_command(),
            "train",
            folder / "learned",
            "-o",
            folder / "model",
            "--image-size",
            "32",
        ]
        peak_of([*command, "--precision", "int8", "--cache", folder / "cache"], folder)
        fill_folder(folder / "drawn", images, side, drawn=images)
        done = own_peak_of([*whatsit_command(), "evaluate", "model", "drawn", "-o", "report"], folder)
    measured = Measured(images, *done)
    say(f"{images:,} images: {measured.peak:.0f} MB, {measured.seconds:.0f} s")
    return measured


def measure(images: int, side: int, bits: str, again: bool) -> list[Measured]:
    """A cold run, and where asked one more on the then warm cache."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        fill_folder(folder / "drawn", images, side)
        command: list[str | Path] = [*whatsit_command(), "embed", folder / "drawn", "-o", folder / "vectors.parquet"]
        command += ["--cache", folder / "cache", "--precision", bits, "--force"]
        measured = []
        for _ in range(2 if again else 1):
            measured.append(Measured(images, *peak_of(command, folder)))
            say(f"{images:,} images: {measured[-1].peak:.0f} MB, {measured[-1].seconds:.0f} s")
        said = (folder / "output").read_text(encoding="utf-8", errors="replace")
        if not re.search(rf"\b{images:,} rows;", said):
            sys.exit(f"expected {images:,} rows without an error, got: {said.splitlines()[-1]}")
    return measured


def show_evaluate(few: Measured, many: Measured) -> None:
    rows = [[f"{one.images:,}", f"{one.peak:.0f}", f"{one.seconds:.0f}"] for one in (few, many)]
    print_table(["`whatsit evaluate`: images", "peak MB", "seconds"], rows)
    print(f"\n{(many.peak - few.peak) * 1000 / (many.images - few.images):.2f} kB of memory for each image more.")


def main() -> None:
    started = time.perf_counter()
    options = parser(__doc__)
    options.add_argument("--sizes", type=int, nargs=2, default=(5000, 50000), help="few and many images")
    options.add_argument("--side", type=int, default=64, help="of an image, in pixels")
    options.add_argument("--precision", default="int8", choices=["int8", "float32", "auto"], help="precision")
    options.add_argument("--warm", action="store_true", help="also measure a second run, on the warm cache")
    options.add_argument("--evaluate", action="store_true", help="measure `whatsit evaluate` instead")
    given = options.parse_args()
    if given.evaluate:
        show_evaluate(*(measure_evaluate(size, given.side) for size in given.sizes))
        finish(started)
        return
    few, many = (measure(size, given.side, given.precision, given.warm) for size in given.sizes)
    rows = []
    for name, a, b in zip(("cold cache", "warm cache"), few, many, strict=False):
        for one in (a, b):
            rows.append([name, f"{one.images:,}", f"{one.peak:.0f}", f"{one.seconds:.1f}", f"{one.peak / a.peak:.2f}"])
    print_table(["`whatsit embed`", "images", "peak MB", "seconds", "ratio"], rows)
    growth = (many[0].peak - few[0].peak) * 1000 / (many[0].images - few[0].images)
    print(f"\nCold: {growth:.2f} kB of memory for each image more.")
    finish(started)


if __name__ == "__main__":
    main()
