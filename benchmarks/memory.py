"""Peak memory of `whatsit embed` over few images and over many: what grows with their number is the difference.

The images are small drawn JPEGs, each with a comment of its own, so that every one is hashed, decoded and embedded.
Small ones are the harder test: they leave little constant memory for the growth to hide behind.
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

DRAWN = 200  # pictures that are copied, each copy with another comment
CLASSES = 10
TO_MB = 1 / 1e6 if sys.platform == "darwin" else 1024 / 1e6  # ru_maxrss is in bytes there, in KiB on Linux


@dataclass(frozen=True)
class Measured:
    images: int
    peak: float  # MB
    seconds: float


def fill_folder(folder: Path, images: int, side: int) -> None:
    """`folder/<class>/<number>.jpg`, all of different bytes."""
    drawn = [jpeg(seed, side, side) for seed in range(min(DRAWN, images))]
    for k in range(CLASSES):
        (folder / f"class {k}").mkdir(parents=True)
    for i in range(images):
        path = folder / f"class {i % CLASSES}" / f"{i:06}.jpg"
        path.write_bytes(with_comment(drawn[i % len(drawn)], f"copy {i}"))


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


def measure(images: int, side: int, bits: str, again: bool) -> list[Measured]:
    """A cold run, and where asked one more on the then warm cache."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        fill_folder(folder / "drawn", images, side)
        command: list[str | Path] = [*whatsit_command(), "embed", folder / "drawn", "-o", folder / "vectors.parquet"]
        command += ["--cache", folder / "cache", "--bits", bits, "--force"]
        measured = []
        for _ in range(2 if again else 1):
            measured.append(Measured(images, *peak_of(command, folder)))
            say(f"{images:,} images: {measured[-1].peak:.0f} MB, {measured[-1].seconds:.0f} s")
        said = (folder / "output").read_text(encoding="utf-8", errors="replace")
        if not re.search(rf"\b{images:,} rows;", said):
            sys.exit(f"expected {images:,} rows without an error, got: {said.splitlines()[-1]}")
    return measured


def main() -> None:
    started = time.perf_counter()
    options = parser(__doc__)
    options.add_argument("--sizes", type=int, nargs=2, default=(5000, 50000), help="few and many images")
    options.add_argument("--side", type=int, default=64, help="of an image, in pixels")
    options.add_argument("--bits", default="int8", choices=["int8", "float32", "auto"], help="precision")
    options.add_argument("--warm", action="store_true", help="also measure a second run, on the warm cache")
    given = options.parse_args()
    few, many = (measure(size, given.side, given.bits, given.warm) for size in given.sizes)
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
