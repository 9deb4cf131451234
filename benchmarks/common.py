"""What every benchmark here shares: the line on the machine, timing, tables, and where whatsit is. Measures nothing."""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

from whatsit.machine import cores

HERE = Path(__file__).resolve().parent
DATA = HERE.parent.parent / "shared" / "data"
SOFTWARE = ("whatsit", "numpy", "onnxruntime", "pillow", "scikit-learn")
PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png"}


def machine_line() -> str:
    """Date, processor, cores and versions, in one line."""
    versions = ", ".join(f"{name} {version(name)}" for name in SOFTWARE)
    python = f"Python {platform.python_version()}"
    return f"{date.today()}; {processor()}, {cores()} cores, load {_load()}; {python}, {versions}"


def processor() -> str:
    """The processor's model, and whether it multiplies 8-bit numbers natively, where Linux tells."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name} (VNNI)" if "vnni" in text else name


def _load() -> str:
    """What else the machine did in the last minute, this benchmark included: above the cores, figures are noise."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A markdown table, its columns padded for the terminal."""
    cells = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in cells]
    rule = "| " + " | ".join("-" * width for width in widths) + " |"
    print("\n".join([lines[0], rule, *lines[1:]]), flush=True)


def finish(started: float) -> None:
    """The last line of every benchmark."""
    print(f"\n{machine_line()}; took {time.perf_counter() - started:.0f} s")


def say(text: str) -> None:
    """What is being done, on stderr: stdout is for the table alone."""
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Spread:
    """Least, median and greatest of some measurements."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(min(values), statistics.median(values), max(values))

    def text(self, form: str = ".2f") -> str:
        """Such as `1.02 / 1.10 / 1.31`."""
        return f"{self.low:{form}} / {self.median:{form}} / {self.high:{form}}"


@dataclass(frozen=True)
class Ran:
    """A whole process: its wall seconds, its processor seconds (its children's included), and what it printed."""

    seconds: float
    cpu: float
    output: str


def run_timed(command: Sequence[str | Path], env: dict[str, str] | None = None, cwd: Path | None = None) -> Ran:
    """Runs a process to its end. Ends the benchmark with the process's own words where it fails."""
    start, before = time.perf_counter(), _children_cpu()
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, **(env or {})},
        cwd=cwd,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    taken = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stderr or done.stdout}")
    return Ran(taken, _children_cpu() - before, done.stdout)


def _children_cpu() -> float:
    """Processor seconds of all child processes that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def whatsit_command() -> list[str]:
    """`whatsit` as its user calls it, of the environment that runs this benchmark."""
    script = Path(sys.executable).parent / "whatsit"
    return [str(script)] if script.exists() else [sys.executable, "-m", "whatsit"]


def photos_below(folder: Path, most: int | None = None) -> list[str]:
    """Photos below a folder; `most` of them at even steps, so that every class is in."""
    found = sorted(str(p) for p in folder.rglob("*") if p.suffix.lower() in PHOTO_SUFFIXES)
    if not found:
        sys.exit(f"{folder}: no photos. Name a folder of photos (see --help)")
    return evenly(found, most)


def evenly(items: Sequence[str], most: int | None) -> list[str]:
    """At most so many of the items, at even steps."""
    if most is None or len(items) <= most:
        return list(items)
    return [items[i * len(items) // most] for i in range(most)]


def parser(description: str | None) -> argparse.ArgumentParser:
    """Shows each option's default beside its help."""
    return argparse.ArgumentParser(
        description=(description or "").partition("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
